// Deliveries to a user: what they do to the timeline, and what sessions see of them. What is wanted is wanted.ts's.
import type { Moment, PointReader } from '../runtime/behaviours.ts';
import type { Item } from './items.ts';
import { followsNow } from './rows.ts';
import { without } from './small-map.ts';
import { pushItem } from './user-sessions.ts';
import { enter, fillGaps, stopFollowing, type UserEffect, type UserState } from './user-state.ts';
import { wants } from './wanted.ts';

/** `lost`: items are missing before these. The timeline is built anew when it is next read, and sessions read anew. */
export function deliver(
  state: UserState,
  { items, lost }: { items: Item[]; lost: boolean },
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const effects: UserEffect[] = [];
  if (lost) items.unshift({ kind: 'resync', version: moment.watermark });
  for (const item of items) {
    if (!wants(state, item, moment.nowMs)) continue;
    switch (item.kind) {
      case 'status':
        enter(state, item.id);
        pushItem(state, item, moment, effects);
        break;
      case 'removed':
        state.timeline.remove(item.id);
        fillGaps(state);
        if (state.marks !== null) state.marks = without(state.marks, item.id);
        pushItem(state, item, moment, effects);
        break;
      case 'notification':
        pushItem(state, item, moment, effects);
        break;
      case 'blocked':
        if (item.on) state.blockedBy = state.blockedBy.with(item.by);
        else state.blockedBy.delete(item.by);
        // The receiver may have followed again, above a later unblock that is on its way here.
        if (item.on && !followsNow(state.account, item.by, read))
          effects.push(...stopFollowing(state, item.by));
        // Boosts of theirs come and go with the block.
        state.built = 'no';
        break;
      case 'backfilled':
        state.built = 'no';
        break;
      case 'resync':
        state.built = 'no';
        pushItem(state, item, moment, effects);
        break;
    }
  }
  return effects;
}
