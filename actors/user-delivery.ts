// Deliveries to a user: what is wanted, what it does to the timeline, and what sessions see of it.
import type { Moment } from '../runtime/behaviours.ts';
import { statusAuthor } from '../runtime/status-id.ts';
import type { Item } from './items.ts';
import { pushItem } from './user-sessions.ts';
import { isMuted, stopFollowing, type UserEffect, type UserState } from './user-state.ts';

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

/** `lost`: items are missing before these. The timeline is built anew when it is next read, and sessions read anew. */
export function deliver(state: UserState, items: Item[], lost: boolean, moment: Moment): UserEffect[] {
  const effects: UserEffect[] = [];
  const resync: Item[] = lost ? [{ kind: 'resync', version: moment.watermark }] : [];
  for (const item of [...resync, ...items]) {
    if (!wants(state, item, moment.nowMs)) continue;
    switch (item.kind) {
      case 'status':
        if (state.built !== 'no') state.timeline.insert(item.id);
        effects.push(...pushItem(state, item));
        break;
      case 'removed':
        state.timeline.remove(item.id);
        state.marks?.delete(item.id);
        effects.push(...pushItem(state, item));
        break;
      case 'notification':
        effects.push(...pushItem(state, item));
        break;
      case 'blocked':
        if (item.on) state.blockedBy.add(item.by);
        else state.blockedBy.delete(item.by);
        if (item.on) effects.push(...stopFollowing(state, item.by));
        break;
      case 'resync':
        state.built = 'no';
        effects.push(...pushItem(state, item));
        break;
    }
  }
  return effects;
}
