// The session table by itself: numbers, and cursors against a model of a core whose link comes and goes.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { includes, markOf } from '../../gateway/session-had.ts';
import {
  eachNumber,
  mostBetweenTicksMs,
  type Seat,
  SessionTable,
  settlingMs,
} from '../../gateway/session-table.ts';

interface TestSeat extends Seat {
  name: string;
}

function seat(name = 'a'): TestSeat {
  return { name, number: 0, phase: 'waiting', core: 0, since: null, settles: null, had: null };
}

const cursorAt = (version: number): string => String(version).padStart(24, '0');

describe('numbers', () => {
  test('a number names its session until it leaves or is renumbered, and fits four bytes', () => {
    const table = new SessionTable<TestSeat>();
    const [one, two] = [seat('one'), seat('two')];
    table.add(one);
    table.add(two);
    expect(table.find(one.number)).toBe(one);
    expect([...table]).toEqual([one, two]);
    const before = one.number;
    table.renumber(one);
    expect(table.find(before)).toBeUndefined();
    expect(table.find(one.number)).toBe(one);
    table.remove(one);
    table.remove(one);
    expect(table.find(one.number)).toBeUndefined();
    expect(table.size).toBe(1);
  });

  test('a slot that is used again and again never gives the number 0, nor one above four bytes, nor the last one again', () => {
    const table = new SessionTable<TestSeat>();
    let last = 0;
    for (let use = 0; use < 10_000; use++) {
      const next = seat();
      table.add(next);
      expect(next.number).not.toBe(last);
      expect(next.number).toBeGreaterThan(0);
      expect(next.number).toBeLessThan(2 ** 32);
      last = next.number;
      table.remove(next);
      expect(table.find(last)).toBeUndefined();
    }
  });

  test('the numbers of an item are read from wherever its bytes stand', () => {
    const bytes = Uint8Array.of(9, 9, 9, 0, 0, 0, 1, 255, 255, 255, 255, 7).subarray(3, 11);
    const numbers: number[] = [];
    eachNumber(bytes, (number) => numbers.push(number));
    expect(numbers).toEqual([1, 2 ** 32 - 1]);
  });
});

describe('cursors', () => {
  /** Who was asked with the cursor 3, or from now, and answered with 10. */
  function attached(since: string | null = cursorAt(3)) {
    const table = new SessionTable<TestSeat>();
    const one = seat();
    table.add(one);
    one.since = since;
    expect(table.asked(one)).toBe(since);
    table.passed({ core: 1, cursor: cursorAt(9) }, 0);
    table.answered(one, { core: 1, cursor: cursorAt(10) });
    return { table, one };
  }
  /** Another who was asked with the cursor 3, later, and answered with that. */
  function attachedLate(table: SessionTable<TestSeat>, answered: number): TestSeat {
    const late = seat('late');
    table.add(late);
    late.since = cursorAt(3);
    table.asked(late);
    table.answered(late, { core: 1, cursor: cursorAt(answered) });
    return late;
  }
  /** Ticks of a core, the first with the cursor 20, each as late as it may be to count, and each with the next cursor. */
  function ticking(table: SessionTable<TestSeat>, core: number, forMs: number) {
    let version = 20;
    for (let ms = mostBetweenTicksMs; ms <= forMs; ms += mostBetweenTicksMs)
      table.passed({ core, cursor: cursorAt(version++) }, ms);
  }

  test('a session keeps its own cursor however many ticks pass while its core looks for what it missed', () => {
    const { table, one } = attached();
    ticking(table, 1, settlingMs);
    expect([one.phase, table.cursorOf(one)]).toEqual(['settling', cursorAt(3)]);
    table.sent(one, cursorAt(5));
    expect([one.phase, table.cursorOf(one)]).toEqual(['live', cursorAt(5)]);
  });

  test('a session without a cursor stands at the answer, then at what was sent last', () => {
    const { table, one } = attached(null);
    expect(table.cursorOf(one)).toBe(cursorAt(10));
    table.sent(one, cursorAt(12));
    ticking(table, 1, 60_000);
    expect(table.cursorOf(one)).toBe(cursorAt(12));
    // It is held back while its core looks for what somebody it follows now has posted.
    table.sent(one, cursorAt(11));
    expect(table.cursorOf(one)).toBe(cursorAt(12));
  });

  test('who has been told nothing since stands where ticks stood three minutes ago', () => {
    const { table, one } = attached();
    ticking(table, 1, settlingMs + 4 * mostBetweenTicksMs);
    expect(table.cursorOf(one)).toBe(cursorAt(23));
  });

  test('only ticks from after its attachment count', () => {
    const { table, one } = attached();
    ticking(table, 1, settlingMs + 4 * mostBetweenTicksMs);
    const late = attachedLate(table, 200);
    expect([one, late].map((each) => table.cursorOf(each))).toEqual([cursorAt(23), cursorAt(3)]);
  });

  test('those that were attached long ago share one cursor when it is tidied, the others keep their own', () => {
    const { table, one } = attached();
    ticking(table, 1, settlingMs + 4 * mostBetweenTicksMs);
    const late = attachedLate(table, 30);
    const [settles, lateSettles] = [one.settles, late.settles];
    table.settle();
    expect([one.since, late.since]).toEqual([cursorAt(23), cursorAt(3)]);
    expect(one.settles).not.toBe(settles);
    expect(late.settles).toBe(lateSettles);
    // And goes on as before.
    for (
      let ms = settlingMs + 5 * mostBetweenTicksMs;
      ms < settlingMs + 8 * mostBetweenTicksMs;
      ms += mostBetweenTicksMs
    )
      table.passed({ core: 1, cursor: cursorAt(900) }, ms);
    const ofOthers = cursorAt(26);
    expect([table.cursorOf(one), table.cursorOf(late)]).toEqual([ofOthers, cursorAt(3)]);
    table.sent(one, cursorAt(40));
    expect(table.cursorOf(one)).toBe(cursorAt(40));
    table.lost([one]);
    expect([table.asked(one), one.settles]).toEqual([cursorAt(40), null]);
  });

  test('a link that is lost while the core looks attaches it from where it stood', () => {
    const { table, one } = attached();
    ticking(table, 1, settlingMs - mostBetweenTicksMs);
    table.lost([one]);
    expect(table.asked(one)).toBe(cursorAt(3));
  });

  test('time in which no tick came does not count: what was missed may be behind the next', () => {
    const { table, one } = attached();
    for (const [version, ms] of [
      [20, 0],
      [21, 10 * settlingMs],
      [22, 0],
      [23, 10 * settlingMs],
    ] as const)
      table.passed({ core: 1, cursor: cursorAt(version) }, ms);
    expect(table.cursorOf(one)).toBe(cursorAt(3));
    // Nor does a clock that is set back.
    for (let ms = 2 * settlingMs; ms > 0; ms -= mostBetweenTicksMs)
      table.passed({ core: 1, cursor: cursorAt(24) }, ms);
    expect(table.cursorOf(one)).toBe(cursorAt(3));
  });

  test('the ticks of a core say nothing of who is attached at another', () => {
    const { table, one } = attached();
    ticking(table, 2, 2 * settlingMs);
    expect(table.cursorOf(one)).toBe(cursorAt(3));
  });

  test('without a link everybody waits, each with its own cursor', () => {
    const table = new SessionTable<TestSeat>();
    const [live, fresh] = [seat('live'), seat('fresh')];
    table.add(live);
    table.add(fresh);
    table.asked(live);
    table.answered(live, { core: 1, cursor: cursorAt(1) });
    table.sent(live, cursorAt(5));
    table.lost(table);
    expect([live.phase, fresh.phase]).toEqual(['waiting', 'waiting']);
    expect(table.asked(live)).toBe(cursorAt(5));
    expect(table.asked(fresh)).toBeNull();
  });

  test('who has been told to read anew is not owed what was before', () => {
    const table = new SessionTable<TestSeat>();
    const one = seat();
    one.since = cursorAt(1);
    table.add(one);
    table.asked(one);
    table.answered(one, { core: 1, cursor: cursorAt(10) });
    table.resynced(one, cursorAt(11));
    expect(table.cursorOf(one)).toBe(cursorAt(11));
  });
});

/**
 * A core of several as a gateway knows it: it pushes what comes, and to those who resume first what they missed. Its watermark stays behind what it
 * pushes, and all of that may come again.
 */
class ModelCore {
  version = 0;
  watermark = 0;
  history: { version: number; seats: number[] }[] = [];
  /** By session number. A list: it catches up, and what comes meanwhile is part of what it will find. */
  sessions = new Map<number, { seat: number; since: number | null }>();
  due: { number: number; version: number }[] = [];

  attach(number: number, seat: number, since: string | null): string {
    this.sessions.set(number, { seat, since: since === null ? null : Number(since) });
    return cursorAt(this.version);
  }

  happen(seats: number[]): void {
    this.version++;
    this.history.push({ version: this.version, seats });
    for (const [number, { seat, since }] of this.sessions) {
      if (since === null && seats.includes(seat)) this.due.push({ number, version: this.version });
    }
  }

  catchUp(): void {
    for (const [number, session] of this.sessions) {
      const { since, seat } = session;
      if (since === null) continue;
      for (const { version, seats } of this.history) {
        if (version > since && seats.includes(seat)) this.due.push({ number, version });
      }
      session.since = null;
    }
  }

  /** What each is owed comes by another way, too. */
  again(owedFrom: readonly (number | null)[]): void {
    for (const [number, { seat, since }] of this.sessions) {
      const from = owedFrom[seat];
      if (since !== null || from === null || from === undefined) continue;
      for (const { version, seats } of this.history)
        if (version > from && seats.includes(seat)) this.due.push({ number, version });
    }
  }

  tick(behind = 0): { items: { number: number; version: number; cursor: string }[]; cursor: string } {
    this.watermark = Math.max(this.watermark, this.version - behind);
    const isFirst = (one: { number: number; version: number }, place: number): boolean =>
      !this.due
        .slice(0, place)
        .some(({ number, version }) => number === one.number && version === one.version);
    const items = this.due
      .filter(isFirst)
      .sort((one, other) => one.version - other.version)
      .map((one) => ({ ...one, cursor: cursorAt(Math.min(one.version, this.watermark)) }));
    this.due = [];
    return { items, cursor: cursorAt(this.watermark) };
  }

  forget(): void {
    this.sessions.clear();
    this.due = [];
  }
}

const people = 3;
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('happen' as const),
      seats: fc.subarray([0, 1, 2], { minLength: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('tick' as const), behind: fc.nat({ max: 4 }) }),
  },
  ...(
    ['attach', 'catch-up', 'again', 'deliver', 'deliver', 'deliver', 'down', 'move', 'wait', 'tidy'] as const
  ).map((kind) => ({
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant(kind) }),
  })),
);

test('whatever happens to the link, and wherever the accounts move, each session gets each of its events once, in order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const table = new SessionTable<TestSeat>();
      const core = new ModelCore();
      const seats = Array.from({ length: people }, (_, index) => seat(String(index)));
      for (const one of seats) table.add(one);
      const received: number[][] = seats.map(() => []);
      /** From where on a session is owed everything: its first attachment that it has heard of. */
      const owedFrom: (number | null)[] = seats.map(() => null);
      const attachedAt = new Map<number, number>();
      type Message = { core: number } & (
        | { tick: ReturnType<ModelCore['tick']> }
        | { number: number; answer: string }
      );
      /** Another one after each move. */
      let at = 1;
      let link: Message[] = [];
      let nowMs = 0;

      const attach = (): void => {
        for (const [index, one] of seats.entries()) {
          if (one.phase !== 'waiting') continue;
          if (one.since === null) attachedAt.set(index, core.version);
          link.push({
            core: at,
            number: one.number,
            answer: core.attach(one.number, index, table.asked(one)),
          });
        }
      };
      const deliver = (): void => {
        const message = link.shift();
        if (message === undefined) return;
        if ('answer' in message) {
          const one = table.find(message.number);
          if (one === undefined) return;
          owedFrom[Number(one.name)] ??= attachedAt.get(Number(one.name)) ?? 0;
          table.answered(one, { core: message.core, cursor: message.answer });
          return;
        }
        for (const { number, version, cursor } of message.tick.items) {
          const one = table.find(number);
          if (one === undefined) continue;
          owedFrom[Number(one.name)] ??= attachedAt.get(Number(one.name)) ?? 0;
          const mark = markOf(String(version), cursorAt(version), true);
          if (!includes(one.had, mark)) received[Number(one.name)]?.push(version);
          table.sent(one, cursor, mark);
        }
        table.passed({ core: message.core, cursor: message.tick.cursor }, nowMs);
      };
      const settle = (): void => {
        core.catchUp();
        link.push({ core: at, tick: core.tick() });
        while (link.length > 0) deliver();
      };

      for (const one of steps) {
        if (one.kind === 'happen') core.happen(one.seats);
        else if (one.kind === 'attach') attach();
        else if (one.kind === 'catch-up') core.catchUp();
        else if (one.kind === 'again') core.again(owedFrom);
        else if (one.kind === 'tick') link.push({ core: at, tick: core.tick(one.behind) });
        else if (one.kind === 'deliver') deliver();
        else if (one.kind === 'tidy') table.settle();
        else if (one.kind === 'down') {
          link = [];
          core.forget();
          table.lost(table);
        } else if (one.kind === 'move') {
          // What the old core has sent is still on its way.
          at++;
          core.forget();
          table.lost(table);
        } else {
          // What was missed comes before the time is up: that is what the table relies on.
          settle();
          const cursor = cursorAt(core.version);
          for (const untilMs = nowMs + settlingMs; nowMs < untilMs; ) {
            nowMs += mostBetweenTicksMs;
            table.passed({ core: at, cursor }, nowMs);
          }
          settle();
        }
      }
      attach();
      settle();
      for (const [index, from] of owedFrom.entries()) {
        const owed = core.history.filter(
          ({ version, seats: to }) => version > (from ?? 0) && to.includes(index),
        );
        expect(received[index]).toEqual(owed.map(({ version }) => version));
      }
    }),
    { numRuns: 500 },
  );
});

test('ticks that a core had held back when it answered say nothing of what was missed, however many they are', () => {
  const table = new SessionTable<TestSeat>();
  const one = { ...seat(), since: cursorAt(100) };
  table.add(one);
  let nowMs = 0;
  const pass = (version: number): void => {
    nowMs += 1000;
    table.passed({ core: 0, cursor: cursorAt(version) }, nowMs);
  };
  pass(10);
  table.asked(one);
  table.answered(one, { core: 0, cursor: cursorAt(1000) });
  for (let version = 200; version < 900; version++) pass(version);
  // What it missed is still waiting, behind ticks like these.
  expect(table.cursorOf(one)).toBe(cursorAt(100));
  for (let version = 1001; version < 1200; version++) pass(version);
  expect((table.cursorOf(one) ?? '') > cursorAt(1000)).toBe(true);
});
