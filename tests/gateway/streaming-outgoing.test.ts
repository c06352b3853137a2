// When frames are written: at once while that is cheap, in company when it is not, and never later than a promise allows.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Session } from '../../gateway/session.ts';
import type { StreamEvent } from '../../gateway/streaming-event.ts';
import { Outgoing } from '../../gateway/streaming-outgoing.ts';
import type { StatusId } from '../../runtime/status-id.ts';

/** What each write took in, with the time, and the cursors passed in between. */
type Written = { atMs: number; session: string; events: string[] } | { atMs: number; passed: string };

function scene(writeMs: number) {
  let nowMs = 0;
  const written: Written[] = [];
  const clock = () => nowMs + Date.now();
  const outgoing = new Outgoing({
    write(session) {
      const events = [session.pending].flat() as unknown as string[];
      session.pending = null;
      nowMs += writeMs;
      written.push({ atMs: clock(), session: (session as unknown as { name: string }).name, events });
    },
    passed: (_core, passed) => written.push({ atMs: clock(), passed }),
    clock,
  });
  const session = (name: string) => ({ name, pending: null }) as unknown as Session;
  const add = (to: Session, event: string) => outgoing.add(to, event as unknown as StreamEvent);
  return { outgoing, written, session, add, clock };
}

const writes = (all: Written[]) =>
  all.flatMap((one) => ('events' in one ? [`${one.session}: ${one.events}`] : []));
const cursors = (all: Written[]) => all.flatMap((one) => ('passed' in one ? [one.passed] : []));
const status = (text: string) => text as unknown as StatusId;

beforeEach(() => {
  vi.useFakeTimers({
    now: 0,
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date'],
  });
});

afterEach(() => {
  vi.useRealTimers();
});

test('while writing is cheap, a tick is written when it comes, and then its cursor has passed', () => {
  const { outgoing, written, session, add } = scene(0.02);
  const [one, two] = [session('one'), session('two')];
  for (let tick = 1; tick <= 3; tick++) {
    add(one, `a${tick}`);
    add(two, `a${tick}`);
    add(one, `b${tick}`);
    outgoing.ticked(1, `cursor ${tick}`);
    expect(writes(written.splice(0, 2))).toEqual([`one: a${tick},b${tick}`, `two: a${tick}`]);
    expect(cursors(written.splice(0))).toEqual([`cursor ${tick}`]);
  }
});

test('after a dear spell of writing what comes waits, shares a write, and keeps its order', () => {
  const { outgoing, written, session, add } = scene(8);
  const one = session('one');
  add(one, 'first');
  outgoing.ticked(1, '1');
  expect(writes(written)).toEqual(['one: first']);
  add(one, 'second');
  outgoing.ticked(1, '2');
  add(one, 'third');
  outgoing.ticked(1, '3');
  vi.advanceTimersByTime(19);
  expect(writes(written)).toHaveLength(1);
  expect(cursors(written)).toEqual(['1']);
  vi.advanceTimersByTime(2);
  expect(writes(written)).toEqual(['one: first', 'one: second,third']);
  expect(cursors(written)).toEqual(['1', '3']);
});

test('nothing waits longer than 150 ms after the spell before it', () => {
  const { outgoing, written, session, add, clock } = scene(10_000);
  const one = session('one');
  add(one, 'first');
  outgoing.ticked(1, '1');
  const endedMs = clock();
  add(one, 'second');
  outgoing.ticked(1, '2');
  vi.advanceTimersByTime(149);
  expect(writes(written)).toHaveLength(1);
  vi.advanceTimersByTime(2);
  expect(writes(written)).toHaveLength(2);
  const [, , second] = written;
  expect((second?.atMs ?? 0) - 10_000 - endedMs).toBeLessThanOrEqual(151);
});

test('a long spell gives way to other work, and its cursor passes only at its end', () => {
  const { outgoing, written, session, add } = scene(1);
  const all = Array.from({ length: 64 }, (_, n) => session(`s${n}`));
  for (const one of all) add(one, 'a');
  outgoing.ticked(1, '1');
  const first = writes(written).length;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(64);
  expect(cursors(written)).toEqual([]);
  // A later event joins those that wait; of those written to already it waits for the next spell.
  for (const one of all) add(one, 'b');
  outgoing.ticked(1, '2');
  vi.runAllTimers();
  expect(cursors(written)).toEqual(['1', '2']);
  const at = written.findIndex((one) => 'passed' in one);
  expect(writes(written.slice(0, at))).toHaveLength(64);
  expect(writes(written).filter((write) => write.endsWith('a,b'))).toHaveLength(64 - first);
  expect(writes(written).filter((write) => write.endsWith(': b'))).toHaveLength(first);
});

test('what may be gone is not shown later: a change of a post that waits writes everything at once', () => {
  const { outgoing, written, session, add } = scene(100);
  const one = session('one');
  add(one, 'first');
  outgoing.names(status('p1'));
  outgoing.ticked(1, '1');
  add(one, 'second');
  outgoing.names(status('p2'));
  outgoing.ticked(1, '2');
  outgoing.changed([status('p1')]);
  expect(writes(written)).toHaveLength(1);
  outgoing.changed([status('p7'), status('p2')]);
  expect(writes(written)).toEqual(['one: first', 'one: second']);
  expect(cursors(written)).toEqual(['1', '2']);
});

test('flush leaves nothing behind, also in the middle of a spell', () => {
  const { outgoing, written, session, add } = scene(1);
  const all = Array.from({ length: 64 }, (_, n) => session(`s${n}`));
  for (const one of all) add(one, 'a');
  outgoing.ticked(1, '1');
  for (const one of all) add(one, 'b');
  outgoing.ticked(1, '2');
  outgoing.flush();
  const events = written.flatMap((one) => ('events' in one ? one.events : []));
  expect(events.filter((event) => event === 'a')).toHaveLength(64);
  expect(events.filter((event) => event === 'b')).toHaveLength(64);
  expect(cursors(written)).toEqual(['1', '2']);
  const before = written.length;
  vi.runAllTimers();
  expect(written).toHaveLength(before);
});

test('who waits for all that was added hears of it when that is written, and at once when nothing waits', () => {
  const { outgoing, session, add } = scene(8);
  const heard: string[] = [];
  outgoing.afterAll(() => heard.push('nothing'));
  expect(heard.splice(0)).toEqual(['nothing']);
  const sessions = ['one', 'two', 'three'].map(session);
  for (const to of sessions) add(to, 'first');
  outgoing.ticked(1, 'cursor 1');
  for (const to of sessions) add(to, 'second');
  outgoing.afterAll(() => heard.push('second'));
  outgoing.ticked(1, 'cursor 2');
  expect(heard).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(heard).toEqual(['second']);
});

test('a spell under way is waited for by who comes in the midst of it', () => {
  const { outgoing, written, session, add } = scene(1);
  const heard: number[] = [];
  for (let place = 0; place < 40; place++) add(session(`${place}`), 'it');
  outgoing.ticked(1, 'cursor');
  expect(writes(written).length).toBe(16);
  outgoing.afterAll(() => heard.push(writes(written).length));
  expect(heard).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(heard).toEqual([40]);
});
