// Every queue of a link has a bound, and who does not keep up is told or dropped.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pushed } from '../../actors/messages.ts';
import { leaseSlackMs, ownLeaseMs } from '../../cluster/link-lease.ts';
import { isBare } from '../../cluster/link-messages.ts';
import { statusRowOf } from '../support/records.ts';
import { until } from '../support/until.ts';
import { type CoreEnd, Ends, ManualClock, messagesTravel, statusId, type Visitor } from './link-ends.ts';

const ends = new Ends();
beforeEach(() => ends.open());
afterEach(() => ends.close());

const emptyRow = statusRowOf(statusId(1), '');

const mebibyte = 1024 * 1024;
const cursor = '0'.repeat(24);

/** Pushes this much to the first peer, turn by turn. */
async function push(core: CoreEnd, mebibytes: number): Promise<void> {
  const resync: Pushed = { kind: 'resync', sessions: new Uint8Array(mebibyte) };
  for (let count = 0; count < mebibytes; count++) {
    core.peers[0]?.pushTick({ items: [resync], cursor });
    await messagesTravel();
  }
}

/** It no longer reads, as a process that is stopped: the kernel takes a few MiB for it, the rest piles up. */
async function deaf(core: CoreEnd, visitor: Visitor): Promise<void> {
  visitor.socket.pause();
  await push(core, 24);
  expect(core.peers[0]?.backlogBytes).toBeGreaterThan(8 * mebibyte);
}

/** A core with a visitor that has more than 8 MiB to take, and the kinds of requests that it has handled. */
async function full(): Promise<{ core: CoreEnd; visitor: Visitor; kinds: string[] }> {
  const kinds: string[] = [];
  const core = await ends.core({
    clock: new ManualClock(),
    handle: (kind) => {
      kinds.push(kind);
      return { outcome: { ok: true, value: {} } };
    },
  });
  const visitor = await ends.visitor(core);
  await deaf(core, visitor);
  return { core, visitor, kinds };
}

test('requests of a peer with more than 8 MiB to take are answered busy and not handled', async () => {
  const { core, visitor, kinds } = await full();
  visitor.send([1, 'admit', [], null]);
  await until(() => core.meter.of('busy') === 1);
  expect(kinds).toEqual([]);

  visitor.socket.resume();
  await until(() => visitor.messages().some((message) => isBare(message)));
  expect(visitor.messages().find((message) => isBare(message))).toEqual([
    1,
    null,
    ['busy', expect.any(String)],
    null,
  ]);
  visitor.send([2, 'admit', [], null]);
  await until(() => kinds.length === 1);
});

test('what is to be written is handled all the same', async () => {
  const { core, visitor, kinds } = await full();
  visitor.send([1, 'unblock', [1, 2], null]);
  visitor.send([2, 'admit', [], null]);
  await until(() => core.meter.of('busy') === 1);
  expect(kinds).toEqual(['unblock']);
});

test('a peer that speaks but does not take in what it is sent is dropped', async () => {
  const clock = new ManualClock();
  const core = await ends.core({ clock });
  const visitor = await ends.visitor(core);
  const fence = core.peers[0]?.fence();
  for (let id = 1; id <= 20 && core.gone.length === 0; id++) {
    visitor.send(['ping', [id, 0]]);
    await until(() => core.meter.of('messages-in') === id);
    await clock.advance(500);
  }
  expect(core.gone.map(({ reason }) => reason)).toEqual(['it has not taken in what was sent 7500 ms ago']);
  expect(core.meter.of('slow-peers')).toBe(1);
  expect(core.said.at(-1)).toMatchObject({ text: 'a link is gone' });
  await clock.advance(ownLeaseMs + leaseSlackMs);
  await fence;
});

test('a peer that takes in what it is sent, late but within a lease, is not dropped', async () => {
  const clock = new ManualClock();
  const core = await ends.core({ clock });
  const visitor = await ends.visitor(core);
  for (let id = 1; id <= 30; id++) {
    visitor.send(['ping', [id, Math.max(0, id - 6)]]);
    await until(() => core.meter.of('messages-in') === id);
    await clock.advance(500);
  }
  expect(core.gone).toEqual([]);
});

test('a peer with more than 64 MiB to take is dropped, and its backlog with it', async () => {
  const core = await ends.core({ clock: new ManualClock() });
  const visitor = await ends.visitor(core);
  visitor.socket.pause();
  await push(core, 80);
  expect(core.gone.map(({ reason }) => reason)).toEqual([
    `more than ${64 * mebibyte} bytes are sent and not taken`,
  ]);
  expect(core.meter.of('slow-peers')).toBe(1);
});

test('the bound holds for answers whose size nobody could guess', async () => {
  const row = { ...emptyRow, text: 'x'.repeat(19_000) };
  const core = await ends.core({
    clock: new ManualClock(),
    handle: () => ({ outcome: { ok: true, value: { rows: [null, ...new Array(399).fill(row)] } } }),
  });
  const visitor = await ends.visitor(core);
  visitor.socket.pause();
  visitor.send(...Array.from({ length: 12 }, (_, number) => [number, 'statuses', [Buffer.alloc(0)], null]));
  await until(() => core.gone.length === 1);
  expect(core.gone[0]?.reason).toBe(`more than ${64 * mebibyte} bytes are sent and not taken`);
});

test('more than 16,384 requests under way are answered busy', async () => {
  const core = await ends.core({ handle: () => new Promise(() => {}) });
  const gateway = await ends.gateway().isUp();
  for (let count = 0; count < 16_384; count++) void gateway.client.call('admit', {});
  expect(await gateway.client.call('admit', {})).toMatchObject({ ok: false, rejection: { code: 'busy' } });
  expect(core.meter.of('busy')).toBe(1);
});

test('requests that are done make room', async () => {
  const core = await ends.core();
  const gateway = await ends.gateway().isUp();
  for (let round = 0; round < 4; round++) {
    const answers = await Promise.all(Array.from({ length: 10_000 }, () => gateway.client.call('admit', {})));
    expect(answers.every(({ ok }) => ok)).toBe(true);
  }
  expect(core.meter.of('busy')).toBe(0);
});

test('the core sends nothing more to a peer that listens to too many topics', async () => {
  const core = await ends.core();
  const visitor = await ends.visitor(core);
  for (let part = 0; part <= 40; part++) {
    visitor.send(['listen', [Array.from({ length: 5000 }, (_, number) => `tag:${part}-${number}`), []]]);
  }
  expect(await visitor.closed).toMatchObject({ reason: 'it listens to too many topics' });
});
