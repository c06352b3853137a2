// A list of people on the page, page by page, with how the one logged in stands to each.
import { relationships } from './api.ts';
import type { Account, Relationship } from './entities.ts';
import type { Reply } from './server.ts';
import { ownId } from './session.ts';
import { createStore, type Store } from './store.ts';

export interface PeopleState {
  readonly accounts: readonly Account[];
  readonly relationships: ReadonlyMap<string, Relationship>;
  readonly older: string | null;
  readonly phase: 'loading' | 'ready' | 'failed';
  readonly words: string;
}

export interface People {
  readonly state: Store<PeopleState>;
  /** Reads the first page, or the next. */
  extend(): Promise<void>;
  related(relationship: Relationship): void;
}

/** More than anybody scrolls through; who looks for one person searches. */
const mostPeople = 2_000;

export function createPeople(page: (older: string | null) => Promise<Reply<readonly Account[]>>): People {
  const state = createStore<PeopleState>({
    accounts: [],
    relationships: new Map(),
    older: null,
    phase: 'ready',
    words: '',
  });
  const put = (part: Partial<PeopleState>): void => state.set({ ...state.get(), ...part });
  return {
    state,
    extend: async () => {
      if (state.get().phase === 'loading') return;
      put({ phase: 'loading' });
      const reply = await page(state.get().older);
      if (reply.kind !== 'done') {
        put({ phase: 'failed', words: reply.words });
        return;
      }
      const known = new Set(state.get().accounts.map(({ id }) => id));
      const accounts = [...state.get().accounts, ...reply.value.filter(({ id }) => !known.has(id))];
      put({ accounts, older: accounts.length < mostPeople ? reply.older : null, phase: 'ready' });
      const related = await relationsTo(reply.value);
      put({ relationships: new Map([...state.get().relationships, ...related]) });
    },
    related: (relationship) =>
      put({ relationships: new Map(state.get().relationships).set(relationship.id, relationship) }),
  };
}

export async function relationsTo(accounts: readonly Account[]): Promise<ReadonlyMap<string, Relationship>> {
  const ids = accounts.map(({ id }) => id).filter((id) => id !== ownId());
  if (ownId() === null || ids.length === 0) return new Map();
  const reply = await relationships(ids);
  return new Map(
    reply.kind === 'done' ? reply.value.map((relationship) => [relationship.id, relationship]) : [],
  );
}
