// Which items a user wants to have: the filter of all deliveries, and of what is caught up on.
import { statusAuthor } from '../runtime/status-id.ts';
import type { Item } from './items.ts';
import { isMuted, type UserState } from './user-state.ts';

/** Not from an author who is not followed now, nor across a block, nor muted. Who may see it at all was decided when it was routed. */
export function wants(state: UserState, item: Item, nowMs: number): boolean {
  switch (item.kind) {
    case 'status': {
      if (item.author !== state.account) {
        if (!state.followees.has(item.author) || isShut(state, item.author, nowMs)) return false;
        if (item.boostOf !== null && state.withoutBoosts.has(item.author)) return false;
      }
      if (item.boostOf === null) return true;
      const boosted = statusAuthor(item.boostOf);
      return boosted === state.account || !isShut(state, boosted, nowMs);
    }
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
    case 'resync':
      return true;
  }
}

function isShut(state: UserState, account: UserState['account'], nowMs: number): boolean {
  return state.blocks.has(account) || state.blockedBy.has(account) || isMuted(state, account, nowMs) !== null;
}
