// Notifications: the list, and how many of it have not been seen on this device.
import { clearNotifications, dismissNotification, notifications } from './api.ts';
import { type Notification, postOf } from './entities.ts';
import { listen } from './happening.ts';
import { isNewer, newestFirst } from './id-order.ts';
import { remember, remembered } from './memory.ts';
import { notify } from './notice.ts';
import { ownId } from './session.ts';
import { createStore } from './store.ts';
import { withMarksOf, withPost } from './timeline.ts';

export interface Inbox {
  /** Newest first. */
  readonly entries: readonly Notification[];
  readonly older: string | null;
  readonly phase: 'loading' | 'ready' | 'failed';
  readonly words: string;
  readonly unseen: number;
}

/** Older ones are read again when asked for. */
const mostEntries = 400;

export const inbox = createStore<Inbox>({ entries: [], older: null, phase: 'loading', words: '', unseen: 0 });

export async function loadInbox(): Promise<void> {
  const reply = await notifications(null);
  if (reply.kind === 'done') {
    const newest = reply.value[0];
    // On a new device nothing was seen, and yet nothing is news.
    if (seenId() === null) remember(seenName(), newest?.id ?? '0');
    put({ entries: reply.value, older: reply.older, phase: 'ready' });
  } else if (inbox.get().entries.length === 0) put({ phase: 'failed', words: reply.words });
}

export async function extendInbox(): Promise<void> {
  const { older, entries, phase } = inbox.get();
  if (older === null || phase === 'loading') return;
  put({ phase: 'loading' });
  const reply = await notifications(older);
  if (reply.kind === 'done')
    put({ entries: merged(entries, reply.value), older: reply.older, phase: 'ready' });
  else put({ phase: 'failed', words: reply.words });
}

/** Somebody new has seen nothing, and all that comes is news. */
export function startUnseen(): void {
  if (seenId() === null) remember(seenName(), '0');
}

/** Everything there is has been looked at. */
export function markSeen(): void {
  const newest = inbox.get().entries[0];
  if (newest) remember(seenName(), newest.id);
  put({});
}

export async function clearInbox(): Promise<void> {
  const reply = await clearNotifications();
  if (reply.kind === 'done') put({ entries: [], older: null });
  else notify('trouble', reply.words);
}

export async function dismiss(id: string): Promise<void> {
  const reply = await dismissNotification(id);
  if (reply.kind === 'done') put({ entries: inbox.get().entries.filter((entry) => entry.id !== id) });
  else notify('trouble', reply.words);
}

listen((happening) => {
  const { entries } = inbox.get();
  switch (happening.kind) {
    case 'notified':
      put({ entries: merged(entries, [happening.notification]).slice(0, mostEntries) });
      break;
    case 'reload':
      void loadInbox();
      break;
    case 'changed':
    case 'edited':
      put({
        entries: entries.map((entry) => {
          if (!entry.status) return entry;
          const { post } = happening;
          return {
            ...entry,
            status: withPost(
              entry.status,
              happening.kind === 'edited' ? withMarksOf(post, postOf(entry.status)) : post,
            ),
          };
        }),
      });
      break;
    case 'deleted':
      put({ entries: entries.filter((entry) => entry.status?.id !== happening.id) });
      break;
    case 'silenced':
      put({ entries: entries.filter((entry) => entry.account.id !== happening.accountId) });
      break;
    case 'arrived':
    case 'posted':
    case 'connected':
    case 'followed':
    case 'unfollowed':
      break;
  }
});

function put(part: Partial<Inbox>): void {
  const next = { ...inbox.get(), ...part };
  const seen = seenId();
  inbox.set({
    ...next,
    unseen: seen === null ? 0 : next.entries.filter((entry) => isNewer(entry.id, seen)).length,
  });
}

function merged(known: readonly Notification[], coming: readonly Notification[]): readonly Notification[] {
  const byId = new Map([...known, ...coming].map((entry) => [entry.id, entry]));
  return [...byId.values()].sort(newestFirst);
}

function seenName(): string {
  return `seen.${ownId() ?? ''}`;
}

function seenId(): string | null {
  return remembered(seenName());
}
