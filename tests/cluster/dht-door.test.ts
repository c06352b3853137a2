// The door of the guarded DHT: what standard clients may do there, what they may not, and that the members notice nothing of it.
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { compactAddress } from '../../cluster/dht-address.ts';
import { type Bencoded, writeBencode } from '../../cluster/dht-bencode.ts';
import { DoorPeers } from '../../cluster/dht-door-peers.ts';
import { DoorTurnstile } from '../../cluster/dht-door-rates.ts';
import { until } from '../support/until.ts';
import { message, query, samples } from './dht-messages.ts';
import { clusterId, DhtNodes, host, portsOf, type TestNode } from './dht-nodes.ts';
import { fieldOf, Strangers } from './dht-strangers.ts';

const nodes = new DhtNodes();
const strangers = new Strangers();
afterEach(async () => {
  await strangers.close();
  await nodes.close();
});

const hash: Uint8Array = Buffer.alloc(20, 5);
const id = Buffer.alloc(20, 1);
const open = { door: {} };

const codeOf = (answer: Bencoded | null): Bencoded | null => {
  const error = fieldOf(answer, 'e');
  return Array.isArray(error) ? (error[0] ?? null) : null;
};

/** Of a reply to `get_peers`, as text. */
function peersIn(answer: Bencoded | null): string[] {
  const values = fieldOf(answer, 'r', 'values');
  if (!Array.isArray(values)) return [];
  return values.filter((value) => Buffer.isBuffer(value)).map((value) => value.toString('hex'));
}

const compact = (port: number): string => compactAddress({ host, port })?.toString('hex') ?? '';

async function findsShared(node: TestNode, ports: number[]): Promise<void> {
  await until(async () => portsOf(await node.dht.lookupHash(hash)).join() === ports.join(), {
    what: `finding ${ports.join()}`,
  });
}

describe('info hashes', () => {
  test('are found by members, each under its own', async () => {
    const first = await nodes.node();
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    await first.dht.announceHash(hash, 7000);
    await second.dht.announceHash(hash, 7001);
    await second.dht.announceHash(Buffer.alloc(20, 6), 7002);
    await findsShared(first, [7000, 7001]);
    await findsShared(second, [7000, 7001]);
    expect(portsOf(await first.dht.lookupHash(Buffer.alloc(20, 6)))).toEqual([7002]);
    expect(await first.dht.lookup()).toEqual([]);
  });

  test('stay found for longer than an announcement lasts, until they are forgotten', async () => {
    const options = { peersLastMs: 900 };
    const first = await nodes.node(options);
    const second = await nodes.node({ ...options, bootstrap: [first.dht.address] });
    await first.dht.lookup();
    await second.dht.announceHash(hash, 7001);
    const endMs = performance.now() + 3 * options.peersLastMs;
    const seen = new Set<string>();
    await until(async () => {
      seen.add(portsOf(await first.dht.lookupHash(hash)).join());
      return performance.now() > endMs;
    });
    expect([...seen]).toEqual(['7001']);
    second.dht.forgetHash(hash);
    await findsShared(first, []);
  });

  test('are 64 at a time, and of 20 bytes', async () => {
    const { dht } = await nodes.node();
    for (let count = 0; count < 64; count++) await dht.announceHash(Buffer.alloc(20, count), 7000);
    await dht.announceHash(Buffer.alloc(20, 3), 7001);
    await expect(dht.announceHash(Buffer.alloc(20, 64), 7000)).rejects.toThrow(RangeError);
    await expect(dht.announceHash(Buffer.alloc(19), 7000)).rejects.toThrow(RangeError);
    dht.forgetHash(Buffer.alloc(20, 3));
    await dht.announceHash(Buffer.alloc(20, 64), 7000);
  });
});

describe('a standard client', () => {
  test('finds who shares an info hash, members without a door among them, and is found', async () => {
    const first = await nodes.node(open);
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    await second.dht.announceHash(hash, 7001);
    await first.dht.announceHash(hash, 7000);
    const stranger = await strangers.client(first.dht.address);
    expect(await stranger.lookup(hash)).toEqual([7000, 7001]);
    expect(await stranger.announce(hash, 9000)).toBeNull();
    await findsShared(first, [7000, 7001, 9000]);
    const other = await strangers.client(first.dht.address);
    expect(await other.lookup(hash)).toEqual([7000, 7001, 9000]);
  });

  test('is found where it is, when a node is told of its DHT', async () => {
    const stranger = await strangers.client();
    const holder = await strangers.client(stranger.address);
    expect(await holder.announce(hash, 9000)).toBeNull();
    const node = await nodes.node({ door: { entries: [stranger.address] } });
    await until(() => node.dht.strangers().length > 0);
    await node.dht.announceHash(hash, 7000);
    await until(async () => portsOf(await node.dht.lookupHash(hash)).includes(9000));
    expect(await stranger.lookup(hash)).toEqual([7000, 9000]);
  });

  test('may number its questions as it likes', async () => {
    const { dht } = await nodes.node(open);
    const asker = await strangers.asker();
    for (const length of [1, 4, 20]) {
      const transaction = Buffer.alloc(length, 65);
      const answer = await asker.ask(dht.address, query('ping').set('t', transaction));
      expect(fieldOf(answer, 't')).toEqual(transaction);
      expect(fieldOf(answer, 'y')?.toString()).toBe('r');
    }
  });

  test('that says that it answers nothing is told to nobody', async () => {
    const node = await nodes.node(open);
    const asker = await strangers.asker();
    await asker.ask(node.dht.address, query('ping').set('ro', 1));
    expect(node.dht.strangers()).toEqual([]);
    await asker.ask(node.dht.address, query('ping'));
    expect(node.dht.strangers()).toHaveLength(1);
  });

  test('finds nothing once it is forgotten', async () => {
    const { dht } = await nodes.node(open);
    await dht.announceHash(hash, 7000);
    const asker = await strangers.asker();
    const ask = () => asker.ask(dht.address, query('get_peers', ['info_hash', Buffer.from(hash)]));
    expect(peersIn(await ask())).toEqual([compact(7000)]);
    dht.forgetHash(hash);
    expect(peersIn(await ask())).toEqual([]);
  });
});

describe('a stranger', () => {
  test('announces nothing that is not shared here, the cluster’s own hash neither', async () => {
    const first = await nodes.node(open);
    await first.dht.announce(5000);
    const asker = await strangers.asker();
    const links = createHash('sha1').update(clusterId).digest();
    for (const target of [links, Buffer.alloc(20, 6)]) {
      const answer = await asker.ask(first.dht.address, query('get_peers', ['info_hash', target]));
      expect(peersIn(answer)).toEqual([]);
      const token = fieldOf(answer, 'r', 'token') ?? 0;
      const fields: [string, Bencoded][] = [
        ['info_hash', target],
        ['token', token],
        ['port', 9000],
      ];
      expect(codeOf(await asker.ask(first.dht.address, query('announce_peer', ...fields)))).toBe(201);
    }
    expect(first.counts.of('door-refused')).toBe(2);
    expect(portsOf(await first.dht.lookup())).toEqual([5000]);
    expect(await first.dht.lookupHash(Buffer.alloc(20, 6))).toEqual([]);
  });

  test('announces only from where it asked', async () => {
    const { dht } = await nodes.node(open);
    await dht.announceHash(hash, 7000);
    const asker = await strangers.asker();
    const announce: [string, Bencoded][] = [
      ['info_hash', Buffer.from(hash)],
      ['token', Buffer.alloc(20, 2)],
      ['port', 9000],
    ];
    expect(fieldOf(await asker.ask(dht.address, query('announce_peer', ...announce)), 'y')?.toString()).toBe(
      'e',
    );
    expect(portsOf(await dht.lookupHash(hash))).toEqual([7000]);
  });

  test('neither reads nor writes items', async () => {
    const node = await nodes.node(open);
    const asker = await strangers.asker();
    for (const name of ['get', 'put', 'putSalted'])
      expect(codeOf(await asker.ask(node.dht.address, samples[name] ?? 0))).toBe(204);
    expect(codeOf(await asker.ask(node.dht.address, query('sample_infohashes', ['target', id])))).toBe(204);
    expect(node.counts.of('door-refused')).toBe(4);
  });

  test('learns of no member, and no member asks it anything', async () => {
    const first = await nodes.node(open);
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    await second.dht.announce(5001);
    await first.dht.announceHash(hash, 7000);
    const asker = await strangers.asker();
    const answer = await asker.ask(first.dht.address, query('find_node', ['target', id]));
    expect(fieldOf(answer, 'r', 'nodes')).toHaveLength(26);
    expect(first.dht.contacts()).toEqual([second.dht.address]);
    expect(first.dht.strangers()).toHaveLength(1);
    await second.dht.lookup();
    await second.dht.lookupHash(hash);
    expect(second.dht.contacts()).toEqual([first.dht.address]);
  });

  test('is not answered when there is no door', async () => {
    const node = await nodes.node();
    const asker = await strangers.asker();
    asker.send(node.dht.address, writeBencode(query('ping')));
    await until(() => node.counts.of('stranger') + node.counts.of('misfit') === 1);
    expect(node.counts.of('packets-out')).toBe(0);
    expect(node.counts.of('door-in')).toBe(0);
  });

  test('that sends too much is not heard, and the others are', async () => {
    const rates = { eachASecond: 0, eachAtOnce: 3, allASecond: 0, allAtOnce: 5 };
    const node = await nodes.node({ door: { rates } });
    const [first, second] = [await strangers.asker(), await strangers.asker('127.0.0.2')];
    for (let count = 0; count < 10; count++) first.send(node.dht.address, writeBencode(query('ping')));
    await until(() => node.counts.of('door-flood') === 7);
    await second.ask(node.dht.address, query('ping'));
    await second.ask(node.dht.address, query('ping'));
    expect(first.received).toHaveLength(3);
    second.send(node.dht.address, writeBencode(query('ping')));
    await until(() => node.counts.of('door-flood') === 8);
  });
});

test('members go on talking sealed beside the door', async () => {
  const first = await nodes.node(open);
  const second = await nodes.node({ ...open, bootstrap: [first.dht.address] });
  await first.dht.announceHash(hash, 7000);
  await second.dht.announceHash(hash, 7001);
  await findsShared(first, [7000, 7001]);
  for (const { counts } of [first, second]) {
    expect(counts.of('door-in')).toBe(0);
    expect(counts.of('door-out')).toBe(0);
    expect(counts.of('packets-out')).toBeGreaterThan(0);
  }
});

test('an answer that answers no question changes nothing', async () => {
  const node = await nodes.node(open);
  const asker = await strangers.asker();
  const nodesTold = Buffer.alloc(26, 9);
  asker.send(
    node.dht.address,
    writeBencode(
      message('r', [
        'r',
        new Map([
          ['id', id],
          ['nodes', nodesTold],
        ]),
      ]),
    ),
  );
  await asker.ask(node.dht.address, query('ping'));
  expect(node.dht.contacts()).toEqual([]);
});

describe('peers', () => {
  const at = (peer: string, port: number) => ({ host: peer, port });

  test('of one stranger are eight, and strangers push out no member', () => {
    const peers = new DoorPeers({ port: 7000, lastMs: 1000 });
    peers.hear('member', at('10.0.0.1', 1), 0);
    for (let port = 1; port <= 30; port++) peers.hear('stranger', at('10.0.0.2', port), 0);
    expect(portsOf(peers.strangers(0))).toEqual([23, 24, 25, 26, 27, 28, 29, 30]);
    for (let count = 0; count < 1000; count++)
      peers.hear('stranger', at(`10.1.${count >> 8}.${count & 255}`, 1), 0);
    expect(peers.strangers(0)).toHaveLength(500);
    const told = new Set<string>();
    for (let count = 0; count < 500; count++) {
      const some = peers.told('10.0.0.9', 0);
      expect(some).toHaveLength(50);
      expect(some[0]).toEqual(compactAddress(at('10.0.0.9', 7000)));
      for (const peer of some) told.add(peer.toString('hex'));
    }
    expect(told.has(compactAddress(at('10.0.0.1', 1))?.toString('hex') ?? '')).toBe(true);
  });

  test('are forgotten when they are not heard of again', () => {
    const peers = new DoorPeers({ port: 7000, lastMs: 1000 });
    peers.hear('stranger', at('10.0.0.1', 1), 0);
    peers.hear('stranger', at('10.0.0.2', 2), 0);
    peers.hear('stranger', at('10.0.0.1', 1), 900);
    expect(portsOf(peers.strangers(1500))).toEqual([1]);
    expect(peers.told(null, 2000)).toEqual([]);
  });
});

test('what an address may send comes back with time', () => {
  const turnstile = new DoorTurnstile({ eachASecond: 10, eachAtOnce: 2, allASecond: 1000, allAtOnce: 1000 });
  const admitted = (nowMs: number): boolean[] => [0, 1, 2].map(() => turnstile.admits('10.0.0.1', nowMs));
  expect(admitted(0)).toEqual([true, true, false]);
  expect(admitted(100)).toEqual([true, false, false]);
  expect(admitted(10_000)).toEqual([true, true, false]);
});
