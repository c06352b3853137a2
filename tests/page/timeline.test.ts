// The timeline of the page: whatever arrives, in whatever order, each post once, newest first, and nothing moves for a reader.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Status } from '../../gateway/page/entities.ts';
import { isNewer } from '../../gateway/page/id-order.ts';
import {
  advanceTimeline,
  emptyTimeline,
  mostShown,
  mostWaiting,
  type Timeline,
  type TimelineEvent,
} from '../../gateway/page/timeline.ts';
import { account, status } from './statuses.ts';

const play = (events: readonly TimelineEvent[], from: Timeline = emptyTimeline): Timeline =>
  events.reduce(advanceTimeline, from);
const ids = (statuses: readonly Status[]): number[] => statuses.map(({ id }) => Number(id));
const page = (...numbers: number[]): Status[] => numbers.map((id) => status(id));
const arrived = (numbers: number[], hold = false): TimelineEvent => ({
  kind: 'arrived',
  statuses: page(...numbers),
  hold,
});
const refreshed = (numbers: number[], older: string | null = null, hold = false): TimelineEvent => ({
  kind: 'refreshed',
  statuses: page(...numbers),
  older,
  hold,
});

describe('a timeline', () => {
  test('shows what arrives at the top to somebody who is at the top', () => {
    expect(ids(play([refreshed([3, 2, 1]), arrived([4])]).shown)).toEqual([4, 3, 2, 1]);
  });

  test('keeps what arrives waiting while somebody reads further down, until they ask for it', () => {
    const reading = play([refreshed([3, 2, 1]), arrived([4], true), arrived([6, 5], true)]);

    expect(ids(reading.shown)).toEqual([3, 2, 1]);
    expect(ids(reading.waiting)).toEqual([6, 5, 4]);
    const asked = play([{ kind: 'revealed' }], reading);
    expect(ids(asked.shown)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(asked.waiting).toEqual([]);
  });

  test('puts a late post where it belongs, and a post that comes twice once', () => {
    expect(ids(play([refreshed([5, 3, 1]), arrived([4, 3, 5])]).shown)).toEqual([5, 4, 3, 1]);
  });

  test('orders ids by their number, however many digits they have', () => {
    expect(ids(play([arrived([9, 100, 10, 99])]).shown)).toEqual([100, 99, 10, 9]);
  });

  test('drops a deleted post, what boosts it, and a page that still has it', () => {
    const boost = status(9, { reblog: status(2) });
    const shown = play([refreshed([3, 2, 1]), { kind: 'arrived', statuses: [boost], hold: false }]);

    const after = play([{ kind: 'deleted', id: '2' }, refreshed([3, 2, 1])], shown);

    expect(ids(after.shown)).toEqual([3, 1]);
  });

  test('drops what a fresh page no longer has, and keeps what arrived while it was on its way', () => {
    const before = play([refreshed([5, 4, 3, 2, 1], '/older')]);

    const after = play([{ kind: 'refreshing' }, arrived([6]), refreshed([5, 3], '/older-than-3')], before);

    expect(ids(after.shown)).toEqual([6, 5, 3, 2, 1]);
    expect(after.older).toBe('/older');
  });

  test('begins anew when a fresh page does not reach down to what it knew', () => {
    const after = play([refreshed([3, 2, 1], '/a'), refreshed([9, 8], '/b')]);

    expect(ids(after.shown)).toEqual([9, 8]);
    expect(after.older).toBe('/b');
  });

  test('does not begin anew under the eyes of a reader: the fresh page waits', () => {
    const reading = play([refreshed([3, 2, 1], '/a'), refreshed([9, 8], '/b', true), arrived([10], true)]);

    expect(ids(reading.shown)).toEqual([3, 2, 1]);
    expect(ids(reading.waiting)).toEqual([10, 9, 8]);
    const asked = play([{ kind: 'revealed' }], reading);
    expect([ids(asked.shown), asked.older, asked.gap]).toEqual([[10, 9, 8], '/b', null]);
  });

  test('goes on below with older pages, and says where it ends', () => {
    const after = play([
      refreshed([9, 8], '/8'),
      { kind: 'extended', statuses: page(7, 6), older: '/6' },
      { kind: 'extended', statuses: page(5), older: null },
    ]);

    expect([ids(after.shown), after.older]).toEqual([[9, 8, 7, 6, 5], null]);
  });

  test('keeps a bounded number, and asks for a fresh page when too much waited', () => {
    const many = Array.from({ length: mostShown + 50 }, (_, index) => index + 1);
    expect(play([arrived(many)]).shown).toHaveLength(mostShown);

    const flooded = play([refreshed([1]), arrived(many.slice(1, mostWaiting + 10), true)]);
    expect(flooded.waiting).toHaveLength(mostWaiting);
    const asked = play([{ kind: 'revealed' }], flooded);
    expect([asked.shown, asked.waiting, asked.gap]).toEqual([[], [], null]);
  });

  test('takes a newer version of a post, also inside a boost, and keeps the own marks when the stream tells it', () => {
    const liked = status(2, { favourited: true });
    const boost = status(9, { reblog: liked });
    const before = play([{ kind: 'refreshed', statuses: [boost, liked], older: null, hold: false }]);

    const after = play([{ kind: 'edited', post: status(2, { content: '<p>Better.</p>' }) }], before);

    expect(after.shown.map(({ content, reblog }) => (reblog ?? { content }).content)).toEqual([
      '<p>Better.</p>',
      '<p>Better.</p>',
    ]);
    expect(after.shown.map((entry) => (entry.reblog ?? entry).favourited)).toEqual([true, true]);
    const unliked = play([{ kind: 'changed', post: status(2) }], after);
    expect(unliked.shown.map((entry) => (entry.reblog ?? entry).favourited)).toEqual([false, false]);
  });

  test('is rid of the muted, boosts included, and of the unfollowed but for what others boost', () => {
    const statuses = [
      status(4, { account: account('7') }),
      status(3, { reblog: status(1, { account: account('7') }) }),
      status(2),
    ];
    const before = play([{ kind: 'refreshed', statuses, older: null, hold: false }]);

    expect(ids(play([{ kind: 'silenced', accountId: '7' }], before).shown)).toEqual([2]);
    expect(ids(play([{ kind: 'unfollowed', accountId: '7' }], before).shown)).toEqual([3, 2]);
  });

  test('shows a post once that waits while the last one shown is deleted, and comes again', () => {
    const waiting = play([arrived([34], false), arrived([35], true), { kind: 'deleted', id: '34' }]);
    const again = play([arrived([35], false)], waiting);
    expect([ids(again.waiting), ids(again.shown)]).toEqual([[35], []]);
    expect(ids(play([{ kind: 'revealed' }], again).shown)).toEqual([35]);
  });

  test('ends up with the same posts in whatever order they arrive and are deleted, read or not', () => {
    const happening = fc.oneof(
      fc.record({
        kind: fc.constant('arrived' as const),
        id: fc.integer({ min: 1, max: 40 }),
        hold: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('deleted' as const), id: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ kind: fc.constant('revealed' as const) }),
    );
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 80 }), (happenings) => {
        const model = new Set<number>();
        const deleted = new Set<number>();
        let timeline = emptyTimeline;
        for (const each of happenings) {
          if (each.kind === 'arrived') {
            timeline = play([arrived([each.id], each.hold)], timeline);
            if (!deleted.has(each.id)) model.add(each.id);
          } else if (each.kind === 'deleted') {
            timeline = play([{ kind: 'deleted', id: String(each.id) }], timeline);
            model.delete(each.id);
            deleted.add(each.id);
          } else {
            timeline = play([{ kind: 'revealed' }], timeline);
          }
          const all = [...timeline.waiting, ...timeline.shown];
          expect(new Set(ids(all))).toEqual(model);
          expect(ids(timeline.shown)).toEqual([...ids(timeline.shown)].sort((a, b) => b - a));
          expect(all).toHaveLength(model.size);
          const top = timeline.shown[0];
          if (top) expect(timeline.waiting.every(({ id }) => isNewer(id, top.id))).toBe(true);
        }
      }),
    );
  });
});
