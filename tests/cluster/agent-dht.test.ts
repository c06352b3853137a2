// The cluster's DHT, with real sockets on this machine: who finds whom, who does not, and what is left when nodes go.
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { DhtAddress } from '../../cluster/agent-dht.ts';
import { writeBencode } from '../../cluster/dht-bencode.ts';
import { DhtGuard } from '../../cluster/dht-guard.ts';
import { DhtSocket } from '../../cluster/dht-socket.ts';
import { newKeyPair, publicKeyOf } from '../../cluster/ed25519.ts';
import { machineClock } from '../../cluster/link-clock.ts';
import { until } from '../support/until.ts';
import { query, samples } from './dht-messages.ts';
import { Counts, DhtNodes, host, key, portsOf, type TestNode } from './dht-nodes.ts';

const nodes = new DhtNodes();
afterEach(() => nodes.close());

const otherKey: Uint8Array = Buffer.alloc(32, 9);

/** Resolves when this node finds exactly these link ports. */
async function finds({ dht }: TestNode, ports: number[]): Promise<void> {
  await until(async () => JSON.stringify(portsOf(await dht.lookup())) === JSON.stringify(ports), {
    what: `finding ${ports.join()}`,
  });
}

describe('nodes', () => {
  test('find each other, twelve on one host', async () => {
    const first = await nodes.node();
    await first.dht.announce(5000);
    const ports = Array.from({ length: 12 }, (_, index) => 5000 + index);
    const others = await Promise.all(
      ports.slice(1).map(async (port) => {
        const node = await nodes.node({ bootstrap: [first.dht.address] });
        await node.dht.announce(port);
        return node;
      }),
    );
    for (const node of [first, ...others]) await finds(node, ports);
  });

  test('are told of each other without asking', async () => {
    const told: DhtAddress[][] = [];
    const first = await nodes.node({ onPeers: (peers) => told.push(peers), peersLastMs: 900 });
    await first.dht.announce(5000);
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    await second.dht.announce(5001);
    await until(() => told.some((peers) => portsOf(peers).join() === '5000,5001'));
  });

  test('find a first node that announced when it was alone', async () => {
    const first = await nodes.node();
    await first.dht.announce(5000);
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    expect(portsOf(await second.dht.lookup())).toEqual([5000]);
  });

  test('find nobody when there is nobody', async () => {
    const first = await nodes.node();
    expect(await first.dht.lookup()).toEqual([]);
    const lost = await nodes.node({ bootstrap: [{ host, port: 9 }] });
    expect(await lost.dht.lookup()).toEqual([]);
  });

  test('of another cluster are not found, although they share a DHT', async () => {
    const first = await nodes.node();
    await first.dht.announce(5000);
    const foreign = await nodes.node({ bootstrap: [first.dht.address], clusterId: Buffer.alloc(32, 1) });
    await foreign.dht.announce(6000);
    expect(await foreign.dht.lookup()).toEqual([{ host, port: 6000 }]);
    await finds(first, [5000]);
  });

  test('that are gone are forgotten once their announcement is old', async () => {
    const options = { peersLastMs: 900 };
    const first = await nodes.node(options);
    const second = await nodes.node({ ...options, bootstrap: [first.dht.address] });
    const third = await nodes.node({ ...options, bootstrap: [first.dht.address] });
    await first.dht.announce(5000);
    await second.dht.announce(5001);
    await third.dht.announce(5002);
    await finds(first, [5000, 5001, 5002]);
    await third.dht.close();
    await finds(first, [5000, 5001]);
    await finds(second, [5000, 5001]);
  });

  test('stay found for longer than an announcement lasts', async () => {
    const options = { peersLastMs: 1500 };
    const first = await nodes.node(options);
    const second = await nodes.node({ ...options, bootstrap: [first.dht.address] });
    await first.dht.announce(5000);
    await second.dht.announce(5001);
    await finds(first, [5000, 5001]);
    const endMs = performance.now() + 3 * options.peersLastMs;
    const seen = new Set<string>();
    await until(async () => {
      seen.add(portsOf(await first.dht.lookup()).join());
      return performance.now() > endMs;
    });
    expect([...seen]).toEqual(['5000,5001']);
  });

  test('announce anew when the machine’s addresses change', async () => {
    const first = await nodes.node();
    let addresses = '10.0.0.1';
    const second = await nodes.node({ bootstrap: [first.dht.address], addresses: () => addresses });
    await second.dht.announce(5001);
    await finds(first, [5001]);
    const sent = second.counts.of('packets-out');
    addresses = '10.0.0.2';
    await until(() => second.logged.some((text) => text.includes('addresses have changed')));
    await until(() => second.counts.of('packets-out') > sent);
  });
});

test('a node restarted with its contacts finds the cluster although its first contact is gone', async () => {
  const first = await nodes.node();
  const second = await nodes.node({ bootstrap: [first.dht.address] });
  const third = await nodes.node({ bootstrap: [first.dht.address] });
  await second.dht.announce(5001);
  await third.dht.announce(5002);
  await finds(third, [5001, 5002]);
  const contacts = await until(() => third.dht.contacts().length === 2 && third.dht.contacts());
  await third.dht.close();
  await first.dht.close();
  const lost = await nodes.node({ bootstrap: [first.dht.address] });
  expect(await lost.dht.lookup()).toEqual([]);
  const again = await nodes.node({ bootstrap: [first.dht.address], contacts });
  await again.dht.announce(5003);
  await finds(again, [5001, 5002, 5003]);
  await finds(second, [5001, 5002, 5003]);
});

describe('a node without the key', () => {
  test('learns nothing and changes nothing', async () => {
    const first = await nodes.node();
    await first.dht.announce(5000);
    const foreign = await nodes.node({ bootstrap: [first.dht.address], keys: [otherKey] });
    await foreign.dht.announce(6000);
    expect(await foreign.dht.lookup()).toEqual([{ host, port: 6000 }]);
    expect(foreign.counts.of('packets-in')).toBe(0);
    expect(foreign.dht.contacts()).toEqual([]);
    expect(first.counts.of('stranger')).toBeGreaterThan(0);
    expect(first.counts.of('packets-out')).toBe(0);
    expect(first.dht.contacts()).toEqual([]);
    expect(await first.dht.lookup()).toEqual([{ host, port: 5000 }]);
  });

  test('gets no answer to the bare packets of other DHTs', async () => {
    const { dht, counts } = await nodes.node();
    const stranger = await nodes.stranger();
    const bare = Object.values(samples).map(writeBencode);
    for (const packet of bare) stranger.send(dht.address, packet);
    await until(() => counts.of('stranger') + counts.of('misfit') === bare.length);
    // The answer to a good packet is the first thing that comes.
    stranger.send(dht.address, new DhtGuard([key]).seal(writeBencode(query('ping')), Date.now()));
    await until(() => stranger.received.length > 0);
    expect(stranger.received.length).toBe(1);
    expect(counts.of('packets-out')).toBe(1);
  });

  test('can send a packet on that it heard, but not twice', async () => {
    const { dht, counts } = await nodes.node();
    const stranger = await nodes.stranger();
    const heard = new DhtGuard([key]).seal(writeBencode(query('ping')), Date.now());
    for (let count = 0; count < 5; count++) stranger.send(dht.address, heard);
    await until(() => counts.of('repeated') === 4);
    expect(counts.of('packets-out')).toBe(1);
  });
});

describe('the key', () => {
  test('can be changed node by node, and all are found throughout', async () => {
    const first = await nodes.node();
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    await first.dht.announce(5000);
    await second.dht.announce(5001);
    for (const keys of [[otherKey, key], [otherKey]]) {
      for (const { dht } of [first, second]) {
        dht.setKeys(keys);
        await finds(first, [5000, 5001]);
        await finds(second, [5000, 5001]);
      }
    }
  });

  test('that a node missed the change of still finds it the others, until it is retired', async () => {
    const first = await nodes.node({ keys: [otherKey, key] });
    await first.dht.announce(5000);
    const late = await nodes.node({ bootstrap: [first.dht.address], keys: [key] });
    expect(portsOf(await late.dht.lookup())).toEqual([5000]);
    first.dht.setKeys([otherKey]);
    expect(await late.dht.lookup()).toEqual([]);
  });

  test('is of no use to a node whose clock is wrong', async () => {
    const first = await nodes.node();
    await first.dht.announce(5000);
    const late = await nodes.node({ bootstrap: [first.dht.address], wallMs: () => Date.now() - 60_000 });
    expect(await late.dht.lookup()).toEqual([]);
    expect(first.counts.of('stale')).toBeGreaterThan(0);
    expect(first.logged).toContain('packets for the DHT were dropped');
  });
});

describe('an item', () => {
  const { privateKey, publicKey } = newKeyPair();
  const salt = Buffer.from('manifest');
  const item = (seq: number, text: string) => ({ value: Buffer.from(text), seq, salt, privateKey });

  async function three(): Promise<[TestNode, TestNode, TestNode]> {
    const first = await nodes.node();
    const second = await nodes.node({ bootstrap: [first.dht.address] });
    const third = await nodes.node({ bootstrap: [first.dht.address] });
    for (const { dht } of [first, second, third]) await dht.lookup();
    return [first, second, third];
  }

  test('is found by others, newest first', async () => {
    const [first, second, third] = await three();
    expect((await first.dht.items.put(item(1, 'one'))).kind).toBe('stored');
    expect((await second.dht.items.put(item(2, 'two'))).kind).toBe('stored');
    for (const { dht } of [first, second, third]) {
      const found = await dht.items.get(publicKey, salt);
      expect([found?.seq, Buffer.from(found?.value ?? []).toString()]).toEqual([2, 'two']);
    }
  });

  test('is put again to keep it, and not overwritten by an older one or another of its seq', async () => {
    const [first, second] = await three();
    await first.dht.items.put(item(2, 'two'));
    expect((await first.dht.items.put(item(2, 'two'))).kind).toBe('stored');
    expect(await second.dht.items.put(item(1, 'one'))).toEqual({ kind: 'rejected', code: 'outdated' });
    expect(await second.dht.items.put(item(2, 'other'))).toEqual({ kind: 'rejected', code: 'outdated' });
  });

  test('of another salt or another key is another item', async () => {
    const [first, second] = await three();
    await first.dht.items.put(item(1, 'one'));
    expect(await second.dht.items.get(publicKey, Buffer.from('release'))).toBeNull();
    expect(await second.dht.items.get(publicKey)).toBeNull();
    const { publicKey: other } = newKeyPair();
    expect(await second.dht.items.get(other, salt)).toBeNull();
  });

  test('without a salt, and as long as one can be, is found', async () => {
    const [first, second] = await three();
    const value = Buffer.alloc(999, 3);
    expect((await first.dht.items.put({ value, seq: 1, privateKey })).kind).toBe('stored');
    const found = await second.dht.items.get(publicKey);
    expect(found !== null && Buffer.compare(found.value, value)).toBe(0);
  });

  test('is put again by who has no key, with the signature it found', async () => {
    const [first, second, third] = await three();
    await first.dht.items.put(item(3, 'three'));
    const found = await second.dht.items.get(publicKey, salt);
    const signed = {
      value: Buffer.from('three'),
      seq: 3,
      salt,
      publicKey,
      signature: found?.signature ?? salt,
    };
    expect((await second.dht.items.putSigned(signed)).kind).toBe('stored');
    const others = await nodes.node();
    const lone = await nodes.node({ bootstrap: [others.dht.address] });
    await lone.dht.lookup();
    expect(await lone.dht.items.putSigned(signed)).toEqual({ kind: 'stored', copies: 1 });
    expect((await others.dht.items.get(publicKey, salt))?.seq).toBe(3);
    for (const wrong of [{ seq: 4 }, { value: Buffer.from('four') }, { salt: Buffer.from('x') }])
      expect(await third.dht.items.putSigned({ ...signed, ...wrong })).toEqual({
        kind: 'rejected',
        code: 'unsigned',
      });
    expect((await third.dht.items.get(publicKey, salt))?.seq).toBe(3);
  });

  test('that nobody can take is said to be', async () => {
    const { dht } = await nodes.node();
    expect(await dht.items.put(item(1, 'one'))).toEqual({ kind: 'rejected', code: 'nobody' });
    expect(await dht.items.get(publicKey, salt)).toBeNull();
  });

  test('is looked at with the check that was given', async () => {
    const verify = (): boolean => false;
    const first = await nodes.node({ verify });
    const second = await nodes.node({ verify, bootstrap: [first.dht.address] });
    await second.dht.lookup();
    await second.dht.items.put(item(1, 'one'));
    expect(await second.dht.items.get(publicKey, salt)).toBeNull();
  });

  test('that is too long, or has no seq, or is signed by no Ed25519 key, is a mistake', async () => {
    const { dht } = await nodes.node();
    await expect(dht.items.put({ ...item(1, ''), value: Buffer.alloc(1000) })).rejects.toThrow(RangeError);
    await expect(dht.items.put(item(0.5, 'half'))).rejects.toThrow(RangeError);
    const { privateKey: p256 } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(() => publicKeyOf(p256)).toThrow(TypeError);
    await expect(dht.items.get(publicKey, Buffer.alloc(65))).rejects.toThrow(RangeError);
  });
});

describe('a node that is closed', () => {
  test('answers whoever waits, and everybody after', async () => {
    const { dht } = await nodes.node({ bootstrap: [{ host, port: 9 }] });
    const { publicKey } = newKeyPair();
    const waiting = [dht.lookup(), dht.items.get(publicKey), dht.announce(5000)];
    await dht.close();
    expect(await Promise.all(waiting)).toEqual([[], null, undefined]);
    expect(await dht.lookup()).toEqual([]);
    await dht.close();
  });

  test('can be opened anew on its port', async () => {
    const { dht } = await nodes.node();
    await dht.close();
    const again = await nodes.node({ port: dht.address.port });
    expect(again.dht.address).toEqual(dht.address);
  });
});

test('a port that is taken is said to be', async () => {
  const { dht } = await nodes.node();
  await expect(nodes.node({ port: dht.address.port })).rejects.toMatchObject({
    name: 'DhtError',
    code: 'cannot-listen',
  });
});

test('whatever the library throws over a packet is counted, and ends nothing', async () => {
  const meter = new Counts();
  const guard = new DhtGuard([key]);
  const log = { info: () => {}, warn: () => {} };
  const socket = new DhtSocket({ guard, meter, log, clock: machineClock, wallMs: Date.now });
  socket.on('message', () => {
    throw new TypeError('planted');
  });
  const listening = new Promise((resolve) => socket.once('listening', resolve));
  socket.bind(0, host);
  await listening;
  const stranger = await nodes.stranger();
  const to = { host, port: socket.address().port };
  const sealing = new DhtGuard([key]);
  for (const sample of [samples['ping'], samples['put']]) {
    if (sample !== undefined) stranger.send(to, sealing.seal(writeBencode(sample), Date.now()));
  }
  await until(() => meter.of('faults') === 2);
  socket.close();
});
