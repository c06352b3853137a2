// A wire that is kept: dialed again and again, and followed to where the peer goes.
import { afterEach, expect, test } from 'vitest';
import type { WireEnding } from '../../cluster/wire-close.ts';
import type { WireAddress } from '../../cluster/wire-hello.ts';
import { type KeeperOptions, keepWire, redialPauseMs, type WireKeeper } from '../../cluster/wire-keeper.ts';
import { until } from '../support/until.ts';
import { ManualClock, messagesTravel } from './link-ends.ts';
import {
  type Control,
  type Data,
  entry,
  helloOf,
  nodeKey,
  type ServerEnd,
  testMessages,
  WireEnds,
  Witness,
} from './wire-ends.ts';

const ends = new WireEnds();
afterEach(() => ends.close());

interface Kept {
  keeper: WireKeeper<Data, Control>;
  witness: Witness;
  clock: ManualClock;
  refused: { ending: WireEnding; address: WireAddress }[];
}

function keep(addresses: WireAddress[], options: Partial<KeeperOptions<Data, Control>> = {}): Kept {
  const witness = new Witness();
  const clock = new ManualClock();
  const refused: { ending: WireEnding; address: WireAddress }[] = [];
  const keeper = keepWire<Data, Control>({
    addresses,
    tls: nodeKey(2),
    hello: () => helloOf(2),
    expects: (key) => Buffer.compare(key, nodeKey(1).publicKey) === 0,
    admits: () => ({ ok: true }),
    messages: testMessages,
    onLink: witness.onLink,
    refused: (ending, address) => refused.push({ ending, address }),
    log: witness.log,
    meter: witness.meter,
    clock,
    chance: () => 0,
    ...options,
  });
  ends.onClose(() => keeper.close('the test is over'));
  return { keeper, witness, clock, refused };
}

function addressOf({ server }: ServerEnd): WireAddress {
  return { host: '127.0.0.1', port: server.port };
}

/** A port where nobody listens. */
async function nowhere(): Promise<WireAddress> {
  const server = await ends.server();
  await server.server.close();
  return addressOf(server);
}

test('a lost link is dialed again after a pause', async () => {
  const server = await ends.server();
  const { keeper, witness, clock } = keep([addressOf(server)]);
  await until(() => keeper.link, { everyMs: 1 });
  await until(() => server.witness.links.length === 1, { everyMs: 1 });
  server.witness.link.close('restarting', 'going-away');
  await until(() => witness.endings.length === 1 && keeper.link === null, { everyMs: 1 });
  expect(witness.links).toHaveLength(1);
  expect(clock.longestWaitMs()).toBe(500);
  await clock.advance(500);
  await until(() => keeper.link, { everyMs: 1 });
  expect(witness.links).toHaveLength(2);
  keeper.link?.post(entry(1));
  await until(() => server.witness.data.length === 1, { everyMs: 1 });
});

test('all addresses are tried before a pause', async () => {
  const server = await ends.server();
  const dead = await nowhere();
  const { keeper, refused } = keep([dead, dead, addressOf(server)]);
  await until(() => keeper.link, { everyMs: 1 });
  expect(refused.map(({ ending }) => ending.reason)).toEqual(['unreachable', 'unreachable']);
});

test('the log hears once why there is no link, however often it is tried', async () => {
  const { witness, clock, refused } = keep([await nowhere()]);
  for (let times = 1; times < 4; times++) {
    await until(() => refused.length === times, { everyMs: 1 });
    await clock.advance(clock.longestWaitMs());
  }
  expect(witness.said).toEqual([
    { level: 'warn', text: 'no link to a node', fields: expect.objectContaining({ reason: 'unreachable' }) },
  ]);
});

test('a new address is tried at once when there is no link', async () => {
  const server = await ends.server();
  const { keeper, refused } = keep([await nowhere()]);
  expect(keeper.isDialing).toBe(true);
  await until(() => refused.length === 1, { everyMs: 1 });
  expect([keeper.link, keeper.isDialing]).toEqual([null, false]);
  keeper.moveTo([addressOf(server)]);
  expect(keeper.isDialing).toBe(true);
  await until(() => keeper.link, { everyMs: 1 });
  expect(keeper.isDialing).toBe(false);
});

test('a keeper without an address waits for one', async () => {
  const server = await ends.server();
  const { keeper, clock } = keep([]);
  await clock.advance(20_000);
  keeper.moveTo([addressOf(server)]);
  await until(() => keeper.link, { everyMs: 1 });
});

test('a new address is where it goes when the link is lost, and not before', async () => {
  const before = await ends.server();
  const after = await ends.server();
  const { keeper, witness, clock } = keep([addressOf(before)]);
  const link = await until(() => keeper.link, { everyMs: 1 });
  keeper.moveTo([addressOf(after)]);
  expect(keeper.link).toBe(link);
  expect(link.isOpen).toBe(true);
  await before.server.close();
  await until(() => witness.endings.length === 1, { everyMs: 1 });
  await clock.advance(500);
  await until(() => keeper.link, { everyMs: 1 });
  await until(() => after.witness.links.length === 1, { everyMs: 1 });
});

test('a new address in the middle of an attempt puts an end to it', async () => {
  let admit: (() => void) | null = null;
  const slow = await ends.server({
    admits: () =>
      new Promise((resolve) => {
        admit = () => resolve({ ok: true });
      }),
  });
  const server = await ends.server();
  const { keeper, witness, refused } = keep([addressOf(slow)]);
  const admitLate = await until(() => admit, { everyMs: 1 });
  keeper.moveTo([]);
  expect(keeper.isDialing).toBe(false);
  keeper.moveTo([addressOf(server)]);
  await until(() => keeper.link, { everyMs: 1 });
  await until(() => slow.witness.said.length === 1, { everyMs: 1 });
  admitLate();
  await messagesTravel();
  expect(slow.witness.said[0]?.fields).toMatchObject({ reason: 'too-late', by: 'there' });
  expect([slow.witness.links.length, witness.links.length, refused.length]).toEqual([0, 1, 0]);
});

test('a closed keeper ends its link and dials no more', async () => {
  const server = await ends.server();
  const { keeper, clock } = keep([addressOf(server)]);
  await until(() => keeper.link !== null && server.witness.links.length === 1, { everyMs: 1 });
  keeper.close('leaving');
  await until(() => server.witness.endings.length === 1, { everyMs: 1 });
  expect(server.witness.endings).toEqual([{ reason: 'goodbye', text: 'leaving', by: 'there' }]);
  await clock.advance(10_000);
  expect(server.witness.links).toHaveLength(1);
});

test('pauses grow from a quarter of a second to five', () => {
  expect([0, 1, 2, 3, 4, 5, 99].map((rounds) => redialPauseMs(rounds, 0))).toEqual([
    500, 1000, 2000, 4000, 5000, 5000, 5000,
  ]);
  expect([0, 1, 4, 99].map((rounds) => redialPauseMs(rounds, 1))).toEqual([250, 500, 2500, 2500]);
});
