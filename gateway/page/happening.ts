// What happened, told to every list on the page: a post changed, somebody was muted, the stream brought something.
import type { Notification, Post, Status } from './entities.ts';

export type Happening =
  | { readonly kind: 'arrived'; readonly stream: string; readonly statuses: readonly Status[] }
  /** By the one at this page. */
  | { readonly kind: 'posted'; readonly status: Status }
  | { readonly kind: 'changed'; readonly post: Post }
  | { readonly kind: 'edited'; readonly post: Post }
  | { readonly kind: 'deleted'; readonly id: string }
  | { readonly kind: 'silenced'; readonly accountId: string }
  /** Somebody is followed no more: home is without them, other lists are not. */
  | { readonly kind: 'unfollowed'; readonly accountId: string }
  /** Somebody is followed now: their posts belong to home. */
  | { readonly kind: 'followed' }
  | { readonly kind: 'notified'; readonly notification: Notification }
  /** The connection is there again. What is resumed by cursor is complete; other streams have missed what went by. */
  | { readonly kind: 'connected' }
  /** The stream cannot say what was missed: read it afresh. */
  | { readonly kind: 'reload' };

type Listener = (happening: Happening) => void;
const listeners = new Set<Listener>();

export function tell(happening: Happening): void {
  for (const listener of [...listeners]) listener(happening);
}

/** Until the returned function is called. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
