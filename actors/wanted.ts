// Which items a user wants to have: the filter of all deliveries, and of what is caught up on.
import type { AccountId } from '../runtime/account-id.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import type { Item } from './items.ts';
import { isMuted, type UserState } from './user-state.ts';

/** Not from an author who is not followed now, nor across a block, nor muted. Who may see it at all was decided when it was routed. */
export function wants(state: UserState, item: Item, nowMs: number): boolean {
  switch (item.kind) {
    case 'status':
      return (
        wantsAuthor(state, item.author, nowMs) &&
        (item.boostOf === null || wantsBoost(state, item.author, item.boostOf, nowMs))
      );
    case 'notification': {
      const { from } = item.row;
      if (state.blocks.has(from) || state.blockedBy.has(from)) return false;
      return isMuted(state, from, nowMs)?.notifications !== true;
    }
    case 'removed':
      // Whom it named, and who follows the author, is told as a follower.
      if (item.isMention) return !state.followees.has(item.author);
      return item.author === state.account || state.followees.has(item.author);
    case 'blocked':
    case 'backfilled':
    case 'resync':
      return true;
  }
}

/** The part of the rule that an id alone can tell. */
export function wantsAuthor(state: UserState, author: AccountId, nowMs: number): boolean {
  return author === state.account || (state.followees.has(author) && !isShut(state, author, nowMs));
}

/** Of somebody whose posts are wanted: is this boost? */
export function wantsBoost(state: UserState, by: AccountId, of: StatusId, nowMs: number): boolean {
  if (by !== state.account && state.withoutBoosts.has(by)) return false;
  const boosted = statusAuthor(of);
  return boosted === state.account || !isShut(state, boosted, nowMs);
}

/** False when every boost of theirs is wanted: then nobody needs to look which of their statuses are boosts. */
export function weighsBoosts(state: UserState, by: AccountId): boolean {
  return (
    state.mutes.size > 0 || state.blocks.size > 0 || state.blockedBy.size > 0 || state.withoutBoosts.has(by)
  );
}

function isShut(state: UserState, account: AccountId, nowMs: number): boolean {
  return state.blocks.has(account) || state.blockedBy.has(account) || isMuted(state, account, nowMs) !== null;
}
