// Deliveries to a user: what they do to the timeline, and what sessions see of them. What is wanted is wanted.ts's.
import type { Moment } from '../runtime/behaviours.ts';
import type { Item } from './items.ts';
import { pushItem } from './user-sessions.ts';
import { stopFollowing, type UserEffect, type UserState } from './user-state.ts';
import { wants } from './wanted.ts';

/** `lost`: items are missing before these. The timeline is built anew when it is next read, and sessions read anew. */
export function deliver(state: UserState, items: Item[], lost: boolean, moment: Moment): UserEffect[] {
  const effects: UserEffect[] = [];
  if (lost) items.unshift({ kind: 'resync', version: moment.watermark });
  for (const item of items) {
    if (!wants(state, item, moment.nowMs)) continue;
    switch (item.kind) {
      case 'status':
        if (state.built !== 'no') state.timeline.insert(item.id);
        pushItem(state, item, effects);
        break;
      case 'removed':
        state.timeline.remove(item.id);
        state.marks?.delete(item.id);
        pushItem(state, item, effects);
        break;
      case 'notification':
        pushItem(state, item, effects);
        break;
      case 'blocked':
        if (item.on) state.blockedBy.add(item.by);
        else state.blockedBy.delete(item.by);
        if (item.on) effects.push(...stopFollowing(state, item.by));
        break;
      case 'resync':
        state.built = 'no';
        pushItem(state, item, effects);
        break;
    }
  }
  return effects;
}
