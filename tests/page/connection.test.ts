// The live connection: what it does when the socket opens, speaks, drops and returns. A transcript each.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backOffMs } from '../../gateway/page/back-off.ts';
import {
  advanceConnection,
  type Connection,
  type ConnectionEffect,
  type ConnectionEvent,
  doubtedAfterMs,
  reconnectBackOff,
  settledAfterMs,
} from '../../gateway/page/connection.ts';

const closed: Connection = { kind: 'closed' };

/** The state after these events, and all effects in order. */
function play(
  events: readonly ConnectionEvent[],
  from: Connection = closed,
): [Connection, readonly ConnectionEffect[]] {
  let state = from;
  const effects: ConnectionEffect[] = [];
  for (const event of events) {
    const [next, wanted] = advanceConnection(state, event);
    state = next;
    effects.push(...wanted);
  }
  return [state, effects];
}

const started: ConnectionEvent = { kind: 'started' };
const opened = (nowMs = 0): ConnectionEvent => ({ kind: 'opened', nowMs });
const heard = (cursor: string | null, nowMs = 0): ConnectionEvent => ({ kind: 'heard', cursor, nowMs });
const dropped = (nowMs = 0, chance = 0.5): ConnectionEvent => ({ kind: 'dropped', nowMs, chance });
const waited: ConnectionEvent = { kind: 'waited' };

describe('a connection', () => {
  test('opens without a cursor at first, and reads the timeline once it is open', () => {
    const [state, effects] = play([started, opened(5)]);

    expect(state.kind).toBe('live');
    expect(effects).toEqual([{ kind: 'open', since: null }, { kind: 'reload' }]);
  });

  test('resumes after the last cursor it heard, and reads nothing again', () => {
    const [, effects] = play([
      started,
      opened(),
      heard('41'),
      heard('42'),
      heard(null),
      dropped(),
      waited,
      opened(),
    ]);

    expect(effects.slice(2)).toEqual([
      { kind: 'wait', ms: 375 },
      { kind: 'open', since: '42' },
    ]);
  });

  test('reads the timeline afresh when it drops before any cursor came', () => {
    const [, effects] = play([started, opened(), dropped(), waited, opened()]);

    expect(effects.slice(-2)).toEqual([{ kind: 'open', since: null }, { kind: 'reload' }]);
  });

  test('reads the timeline afresh when the server no longer knows its cursor', () => {
    const [state, effects] = play([started, opened(), heard('7'), { kind: 'lost-place' }]);

    expect(effects.at(-1)).toEqual({ kind: 'reload' });
    expect(state).toMatchObject({ kind: 'live', cursor: null });
    const [after] = play([heard('9')], state);
    expect(after).toMatchObject({ cursor: '9' });
  });

  test('waits longer after each failure, and asks whether the token still counts from the second on', () => {
    const failing = [1, 2, 3, 4].flatMap(() => [dropped(0, 0), waited]);
    const [, effects] = play([started, ...failing]);

    expect(effects.filter(({ kind }) => kind === 'wait')).toEqual(
      [250, 500, 1000, 2000].map((ms) => ({ kind: 'wait', ms })),
    );
    expect(effects.filter(({ kind }) => kind === 'verify')).toHaveLength(3);
  });

  test('starts its waits anew after it lived for a while, and not when it dies at once', () => {
    const [long] = play([started, dropped(), waited, dropped(), waited, opened(0), dropped(settledAfterMs)]);
    const [short] = play([
      started,
      dropped(),
      waited,
      dropped(),
      waited,
      opened(0),
      dropped(settledAfterMs - 1),
    ]);

    expect(long).toMatchObject({ kind: 'waiting', failures: 1 });
    expect(short).toMatchObject({ kind: 'waiting', failures: 3 });
  });

  test('does not wait on when the device wakes', () => {
    const [state, effects] = play([started, opened(), heard('3'), dropped(), { kind: 'woken', nowMs: 1 }]);

    expect(state.kind).toBe('opening');
    expect(effects.slice(-2)).toEqual([{ kind: 'stop-waiting' }, { kind: 'open', since: '3' }]);
    expect(play([waited], state)).toEqual([state, []]);
  });

  test('doubts a socket that was silent for long when the device wakes, and believes one that spoke of late', () => {
    const live = play([started, opened(0), heard('3', 10)])[0];

    expect(play([{ kind: 'woken', nowMs: 10 + doubtedAfterMs }], live)).toEqual([live, []]);
    const [state, effects] = play([{ kind: 'woken', nowMs: 11 + doubtedAfterMs }], live);
    expect(state).toMatchObject({ kind: 'opening', cursor: '3' });
    expect(effects).toEqual([{ kind: 'close' }, { kind: 'open', since: '3' }]);
  });

  test('closes its socket or its wait when it is stopped, and stays closed', () => {
    expect(play([started, opened(), { kind: 'stopped' }])[1].at(-1)).toEqual({ kind: 'close' });
    const [state, effects] = play([started, dropped(), { kind: 'stopped' }]);
    expect(effects.at(-1)).toEqual({ kind: 'stop-waiting' });
    expect(play([waited, opened(), heard('1'), dropped(), { kind: 'woken', nowMs: 9e9 }], state)).toEqual([
      closed,
      [],
    ]);
  });

  test('whatever happens, has one socket or one wait at a time, and none when closed', () => {
    const event: fc.Arbitrary<ConnectionEvent> = fc.oneof(
      fc.constantFrom<ConnectionEvent>(started, waited, { kind: 'lost-place' }, { kind: 'stopped' }),
      fc.nat(200_000).map((nowMs) => opened(nowMs)),
      fc.nat(200_000).map((nowMs) => dropped(nowMs, 0.3)),
      fc.nat(200_000).map((nowMs): ConnectionEvent => ({ kind: 'woken', nowMs })),
      fc
        .tuple(fc.option(fc.nat().map(String)), fc.nat(200_000))
        .map(([cursor, nowMs]) => heard(cursor, nowMs)),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state: Connection = closed;
        let sockets = 0;
        let waits = 0;
        for (const each of events) {
          // What the world says of a socket or a wait that is not there does not happen.
          if (each.kind === 'waited' && waits === 0) continue;
          if ((each.kind === 'opened' || each.kind === 'dropped' || each.kind === 'heard') && sockets === 0)
            continue;
          if (each.kind === 'waited') waits--;
          if (each.kind === 'dropped') sockets--;
          const [next, effects] = advanceConnection(state, each);
          state = next;
          for (const { kind } of effects) {
            if (kind === 'open') sockets++;
            if (kind === 'close') sockets--;
            if (kind === 'wait') waits++;
            if (kind === 'stop-waiting') waits--;
          }
          expect({ sockets, waits }).toEqual({
            sockets: state.kind === 'opening' || state.kind === 'live' ? 1 : 0,
            waits: state.kind === 'waiting' ? 1 : 0,
          });
        }
      }),
    );
  });
});

test('a wait is between half and the whole of its step, and never longer than the longest', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, chance) => {
        const ms = backOffMs(reconnectBackOff, failures, chance);
        const wholeMs = Math.min(reconnectBackOff.firstMs * 2 ** (failures - 1), reconnectBackOff.mostMs);
        expect(ms).toBeGreaterThanOrEqual(wholeMs / 2);
        expect(ms).toBeLessThanOrEqual(wholeMs);
      },
    ),
  );
});
