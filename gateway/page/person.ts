// A person on the page: their account and how the one logged in stands to them.
import { findAccount, relationships } from './api.ts';
import type { Account, Relationship } from './entities.ts';
import { ownId } from './session.ts';
import { createStore, type Store } from './store.ts';

export type PersonState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'there'; readonly account: Account; readonly relationship: Relationship | null };

export interface Person {
  readonly state: Store<PersonState>;
  /** Reads it, unless that was done just now. */
  load(): Promise<void>;
  /** The server has answered how it stands now. */
  related(relationship: Relationship): void;
}

/** Going from tab to tab of a profile does not read it again and again. */
const freshMs = 15_000;

export function createPerson(acct: string): Person {
  const state = createStore<PersonState>({ kind: 'loading' });
  let readMs = 0;
  return {
    state,
    load: async () => {
      if (Date.now() - readMs < freshMs) return;
      readMs = Date.now();
      const reply = await findAccount(acct);
      if (reply.kind !== 'done') {
        readMs = 0;
        const unknown = reply.kind === 'refused' && reply.status === 404;
        state.set({ kind: 'failed', words: unknown ? `There is nobody called @${acct} here.` : reply.words });
        return;
      }
      const account = reply.value;
      const before = state.get();
      state.set({
        kind: 'there',
        account,
        relationship: before.kind === 'there' ? before.relationship : null,
      });
      const relationship = await relationTo(account);
      if (relationship) state.set({ kind: 'there', account, relationship });
    },
    related: (relationship) => {
      const before = state.get();
      if (before.kind !== 'there') return;
      const followed = Number(relationship.following) - Number(before.relationship?.following ?? false);
      const account = {
        ...before.account,
        followers_count: Math.max(0, before.account.followers_count + followed),
      };
      state.set({ kind: 'there', account, relationship });
    },
  };
}

async function relationTo(account: Account): Promise<Relationship | null> {
  if (ownId() === null || ownId() === account.id) return null;
  const reply = await relationships([account.id]);
  return reply.kind === 'done' ? (reply.value[0] ?? null) : null;
}
