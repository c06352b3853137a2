// A thread on the page: a post, what it answers, and what answers it; kept up to date by what happens.
import { getContext, getStatus } from './api.ts';
import { postOf, type Status } from './entities.ts';
import { type Happening, listen } from './happening.ts';
import { createStore, type Store } from './store.ts';
import { withMarksOf, withPost } from './timeline.ts';

export type ThreadState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'deleted' }
  | {
      readonly kind: 'there';
      readonly status: Status;
      readonly ancestors: readonly Status[];
      readonly descendants: readonly Status[];
      /** Whether what is around it has been read as well. */
      readonly whole: boolean;
    };

export interface Thread {
  readonly state: Store<ThreadState>;
  load(): Promise<void>;
  end(): void;
}

/** Live replies beyond this are left for the next reading. */
const mostReplies = 400;

export function createThread(id: string): Thread {
  const state = createStore<ThreadState>({ kind: 'loading' });
  const end = listen((happening) => state.set(after(state.get(), happening)));

  const load = async (): Promise<void> => {
    const around = getContext(id);
    const reply = await getStatus(id);
    if (reply.kind !== 'done') {
      if (state.get().kind !== 'there') state.set({ kind: 'failed', words: reply.words });
      return;
    }
    const status = postOf(reply.value);
    const before = state.get();
    const known = before.kind === 'there' ? before : { ancestors: [], descendants: [], whole: false };
    state.set({ ...known, kind: 'there', status: { ...status, reblog: null } });
    const context = await around;
    const now = state.get();
    if (context.kind !== 'done' || now.kind !== 'there') return;
    state.set({ ...now, ...context.value, whole: true });
  };

  return { state, load, end };
}

function after(state: ThreadState, happening: Happening): ThreadState {
  if (state.kind !== 'there') return state;
  switch (happening.kind) {
    case 'changed':
      return mapped(state, (entry) => withPost(entry, happening.post));
    case 'edited':
      return mapped(state, (entry) => withPost(entry, withMarksOf(happening.post, entry)));
    case 'deleted':
      if (state.status.id === happening.id) return { kind: 'deleted' };
      return kept(state, (entry) => entry.id !== happening.id);
    case 'silenced':
      return kept(state, (entry) => entry.account.id !== happening.accountId);
    case 'arrived':
      return happening.statuses.reduce(withReply, state);
    case 'posted':
      return withReply(state, happening.status);
    case 'notified':
      return happening.notification.status ? withReply(state, happening.notification.status) : state;
    case 'connected':
    case 'followed':
    case 'unfollowed':
    case 'reload':
      return state;
  }
}

type There = Extract<ThreadState, { kind: 'there' }>;

/** With a post that answers one of the thread. */
function withReply(state: There, status: Status): There {
  const { descendants } = state;
  const parent = status.in_reply_to_id;
  const belongs = parent === state.status.id || descendants.some(({ id }) => id === parent);
  if (!belongs || descendants.length >= mostReplies || descendants.some(({ id }) => id === status.id))
    return state;
  return { ...state, descendants: [...descendants, status] };
}

function mapped(state: There, change: (entry: Status) => Status): There {
  return {
    ...state,
    status: change(state.status),
    ancestors: state.ancestors.map(change),
    descendants: state.descendants.map(change),
  };
}

function kept(state: There, keep: (entry: Status) => boolean): There {
  return { ...state, ancestors: state.ancestors.filter(keep), descendants: state.descendants.filter(keep) };
}
