// Packets nobody meant to send, by strangers and by members gone wrong, and through the door: the node answers on, holds no more memory,
// and the others find each other. FUZZ_PACKETS sets how many; a failure prints its seed.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { writeBencode } from '../../cluster/dht-bencode.ts';
import { DhtGuard } from '../../cluster/dht-guard.ts';
import { until } from '../support/until.ts';
import { query, samples, spoilt } from './dht-messages.ts';
import { DhtNodes, key, portsOf, type TestNode } from './dht-nodes.ts';
import { fieldOf, Strangers } from './dht-strangers.ts';

const packets = Number(process.env['FUZZ_PACKETS'] ?? 60_000);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_203);
/** The second half may leave this much behind that the first did not. */
const growthMostBytes = 3 * 1024 * 1024;
/** Fits into the socket's buffer, so that each packet arrives. */
const atOnce = 40;

const nodes = new DhtNodes();
const clients = new Strangers();
afterEach(async () => {
  await clients.close();
  await nodes.close();
});

/** The same numbers for the same seed, 0..1. */
function chances(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const chance = chances(seed);
const under = (most: number): number => Math.floor(chance() * most);
const pick = <T>(from: readonly T[]): T => from[under(from.length)] as T;
const bytesOf = (length: number): Buffer => Buffer.from(Array.from({ length }, () => under(256)));

const whole = Object.values(samples).map(writeBencode);
const misshapen = Object.values(samples).flatMap((sample) => [...spoilt(sample)].map(writeBencode));
const members = new DhtGuard([key]);
const strangers = new DhtGuard([Buffer.alloc(32, 1)]);

test(
  `a node that gets ${packets} packets of all kinds answers on, grows no more, and others find each other`,
  async () => {
    console.log(`seed ${seed}`);
    const first = await nodes.node();
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    await first.dht.announce(5000);
    await second.dht.announce(5001);
    // Once as much as the tables of the library and of the guard can hold, so that they are full before it is measured.
    await storm(first, packets / 2, packet);
    const afterHalf = usedBytes();
    await storm(first, packets / 2, packet);
    expect(usedBytes() - afterHalf).toBeLessThan(growthMostBytes);

    expect(first.counts.of('faults')).toBe(0);
    expect(first.counts.of('stranger')).toBeGreaterThan(packets / 5);
    expect(first.counts.of('malformed')).toBeGreaterThan(packets / 5);
    expect(first.dht.contacts().length).toBeLessThanOrEqual(64);
    const third = await nodes.node({ bootstrap: [first.dht.address] });
    await third.dht.announce(5002);
    for (const { dht } of [first, second, third]) {
      await until(async () =>
        portsOf(await dht.lookup())
          .join()
          .includes('5000,5001,5002'),
      );
    }
  },
  120_000 + packets * 4,
);

test(
  `a door that gets ${packets / 2} packets of all kinds answers on, and grows no more`,
  async () => {
    console.log(`seed ${seed}`);
    const rates = { eachASecond: 1e6, eachAtOnce: 1e6, allASecond: 1e6, allAtOnce: 1e6 };
    const first = await nodes.node({ door: { rates } });
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    const shared = Buffer.alloc(20, 1);
    await first.dht.announceHash(shared, 7000);
    await second.dht.announceHash(shared, 7001);
    const asker = await clients.asker();
    const answer = await asker.ask(first.dht.address, query('get_peers', ['info_hash', shared]));
    const token = fieldOf(answer, 'r', 'token');
    if (!Buffer.isBuffer(token)) throw new Error('no token');
    const sent = plainPackets(token);
    await storm(first, packets / 4, sent);
    const afterHalf = usedBytes();
    await storm(first, packets / 4, sent);
    expect(usedBytes() - afterHalf).toBeLessThan(growthMostBytes);

    expect(first.counts.of('faults')).toBe(0);
    expect(first.counts.of('door-malformed')).toBeGreaterThan(packets / 10);
    expect(first.counts.of('door-refused')).toBeGreaterThan(packets / 200);
    expect(first.dht.contacts()).toEqual([second.dht.address]);
    expect(first.dht.strangers().length).toBeLessThanOrEqual(64);
    const stranger = await clients.client(first.dht.address);
    expect(await stranger.announce(shared, 9000)).toBeNull();
    await until(async () => {
      const found = portsOf(await first.dht.lookupHash(shared)).join();
      return found.includes('7000') && found.includes('7001') && found.includes('9000');
    });
    expect(portsOf(await second.dht.lookupHash(shared))).toEqual([7000, 7001]);
  },
  120_000 + packets * 4,
);

/** As nobody seals them; a third are whole, some are answers to what the node may just have asked, or announce with its own token. */
function plainPackets(token: Buffer): () => Buffer {
  const announce = query(
    'announce_peer',
    ['info_hash', Buffer.alloc(20, 1)],
    ['token', token],
    ['port', 4000],
    ['implied_port', 1],
  );
  const announces = [announce, ...spoilt(announce)].map(writeBencode);
  const replies = ['pong', 'nodes', 'values', 'error'].flatMap((name) => {
    const sample = samples[name];
    return sample === undefined ? [] : [sample, ...spoilt(sample)].map(writeBencode);
  });
  return () => {
    switch (under(8)) {
      case 0:
        return bytesOf(under(80));
      case 1:
        return mutated(pick(whole));
      case 2:
        return fresh(pick(whole));
      case 3:
        return pick(whole);
      case 4:
        return pick(announces);
      case 5:
        return numbered(fresh(pick(replies)));
      case 6:
        return mutated(numbered(pick(replies)));
      default:
        return pick(misshapen);
    }
  };
}

/** The library counts its questions from 1. */
function numbered(message: Buffer): Buffer {
  const changed = Buffer.from(message);
  const at = changed.indexOf('1:t2:');
  if (at >= 0) changed.writeUInt16BE(1 + under(3000), at + '1:t2:'.length);
  return changed;
}

async function storm(target: TestNode, count: number, packet: () => Buffer): Promise<void> {
  const sender = await nodes.stranger();
  // What it answers is not what is measured.
  sender.socket.removeAllListeners('message');
  const { address } = target.dht;
  for (let sent = 0; sent < count; sent += atOnce) {
    const before = target.counts.of('packets-in');
    for (let one = 0; one < atOnce; one++) sender.send(address, packet());
    await until(() => target.counts.of('packets-in') >= before + atOnce, { everyMs: 0 });
  }
}

/** Half of them sealed as members do. */
function packet(): Buffer {
  const nowMs = Date.now();
  switch (under(10)) {
    case 0:
      return bytesOf(under(80));
    case 1:
      return pick(whole);
    case 2:
      return strangers.seal(pick(whole), nowMs);
    case 3:
      return mutated(members.seal(pick(whole), nowMs));
    case 4:
      return members.seal(pick(whole), nowMs - under(100_000));
    case 5:
      return members.seal(bytesOf(1 + under(60)), nowMs);
    case 6:
      return members.seal(mutated(pick(whole)), nowMs);
    case 7:
      return members.seal(fresh(pick(whole)), nowMs);
    default:
      return members.seal(pick(misshapen), nowMs);
  }
}

/** As from another node each time, and about something else. */
function fresh(message: Buffer): Buffer {
  const changed = Buffer.from(message);
  for (const mark of ['2:id20:', '6:target20:', '9:info_hash20:', '5:token20:']) {
    const at = changed.indexOf(mark);
    if (at >= 0) bytesOf(20).copy(changed, at + mark.length);
  }
  return changed;
}

function mutated(message: Buffer): Buffer {
  let changed = Buffer.from(message);
  for (let count = 1 + under(3); count > 0; count--) {
    const at = under(changed.length);
    const way = under(5);
    if (way === 0) changed[at] = under(256);
    else if (way === 1) changed[at] = (changed[at] ?? 0) ^ (1 << under(8));
    else if (way === 2) changed = changed.subarray(0, at + 1);
    else if (way === 3)
      changed = Buffer.concat([changed.subarray(0, at + 1), changed.subarray(under(changed.length))]);
    else changed[at] = pick([...Buffer.from('idle0123456789:-')]);
  }
  return changed;
}

function usedBytes(): number {
  setFlagsFromString('--expose_gc');
  const collect = z.custom<() => void>((given) => typeof given === 'function').parse(runInNewContext('gc'));
  collect();
  collect();
  return process.memoryUsage().heapUsed + process.memoryUsage().external;
}
