// A search on the page: the newest question wins, and what it found follows what happens to it.
import { search as askServer } from './api.ts';
import { postOf, type Relationship, type SearchResult, type Status } from './entities.ts';
import { listen } from './happening.ts';
import { relationsTo } from './people.ts';
import { createStore, type Store } from './store.ts';
import { withMarksOf, withPost } from './timeline.ts';

export type SearchState =
  | { readonly kind: 'none' }
  | { readonly kind: 'searching' }
  | { readonly kind: 'failed'; readonly words: string }
  | (SearchResult & { readonly kind: 'found'; readonly relationships: ReadonlyMap<string, Relationship> });

export interface Search {
  readonly state: Store<SearchState>;
  seek(query: string): Promise<void>;
  related(relationship: Relationship): void;
  end(): void;
}

export function createSearch(): Search {
  const state = createStore<SearchState>({ kind: 'none' });
  let sought = '';
  const change = (statuses: (before: readonly Status[]) => readonly Status[]): void => {
    const before = state.get();
    if (before.kind === 'found') state.set({ ...before, statuses: statuses(before.statuses) });
  };
  const end = listen((happening) => {
    if (happening.kind === 'changed') change((all) => all.map((entry) => withPost(entry, happening.post)));
    if (happening.kind === 'edited') {
      change((all) => all.map((entry) => withPost(entry, withMarksOf(happening.post, postOf(entry)))));
    }
    if (happening.kind === 'deleted') change((all) => all.filter(({ id }) => id !== happening.id));
    if (happening.kind === 'silenced')
      change((all) => all.filter(({ account }) => account.id !== happening.accountId));
  });
  return {
    state,
    end,
    seek: async (query) => {
      // On the way back it is all still there.
      if (query === sought && state.get().kind !== 'failed') return;
      sought = query;
      if (query === '') {
        state.set({ kind: 'none' });
        return;
      }
      if (state.get().kind !== 'found') state.set({ kind: 'searching' });
      const reply = await askServer(query);
      if (sought !== query) return;
      if (reply.kind !== 'done') {
        state.set({ kind: 'failed', words: reply.words });
        return;
      }
      state.set({ kind: 'found', ...reply.value, relationships: new Map() });
      const relationships = await relationsTo(reply.value.accounts);
      const now = state.get();
      if (sought === query && now.kind === 'found') state.set({ ...now, relationships });
    },
    related: (relationship) => {
      const before = state.get();
      if (before.kind !== 'found') return;
      state.set({
        ...before,
        relationships: new Map(before.relationships).set(relationship.id, relationship),
      });
    },
  };
}
