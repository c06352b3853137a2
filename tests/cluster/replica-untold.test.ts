// What a server hears of what it serves itself, from a disk that had it alone: it is passed on to all who take the server's word.
import { expect, test } from 'vitest';
import { type Copy, relayOf } from '../../cluster/peer-messages.ts';
import { Relay, type RelayOptions } from '../../cluster/replica-relay.ts';
import { Untold } from '../../cluster/replica-untold.ts';
import type { Key } from '../../runtime/key.ts';
import { makeVersion } from '../../runtime/version.ts';
import { keysIn, Replicas } from './replicas-together.ts';

test('a post that its node had alone comes to who listens, though only its present server can be reached by that node', () => {
  const replicas = new Replicas([1, 2, 3, 4]);
  const partition = replicas.partitionOwnedBy(2, 3, 1);
  replicas.ready();
  const listener = replicas.listening(4, partition);
  replicas.post(2, partition, 1);
  // So that what is stored is known on the disk.
  replicas.run(3000);
  replicas.away(2);
  const post = replicas.write(2, partition, 2);
  replicas.run(10);
  replicas.restart(2);
  replicas.of(2).isIdle = true;
  replicas.until(() => replicas.serverOf(partition) === 3);
  replicas.run(1000);
  replicas.link(2, 3);
  replicas.until(() => replicas.versionAt(3, post) !== null);
  replicas.run(1000);
  expect(listener.arrived.filter(({ key }) => key === post)).toMatchObject([{ from: 3, lane: 'relayed' }]);
  expect(keysIn(replicas.of(3).disk, relayOf(3), 300).filter((key) => key === post)).toHaveLength(1);
  expect(replicas.of(3).disk.lateArrival(post)).toBeDefined();
});

const entry = (key: string, ms: number): Copy => ({
  seq: 1,
  version: makeVersion(ms, 0, 2),
  key: key as Key,
  packed: null,
  live: true,
  to: [],
});

test('it is what is served, and no fact there yet; what is claimed may be served by then', () => {
  const served = new Set([1]);
  const told: Key[] = [];
  const untold = new Untold({
    store: {
      factsOf: (keys) =>
        keys.filter((key) => key.endsWith('known')).map((key) => ({ ...entry(key, 5), packed: null })),
    },
    server: {
      serves: (partition) => partition > 0,
      isServing: (partition) => served.has(partition),
    },
    relay: { tell: (copies) => void told.push(...copies.map(({ key }) => key)) },
    partitionOf: (key) => ['other', 'served', 'claimed'].indexOf(key.split(' ')[0] ?? ''),
  });
  const copies = [
    entry('other', 5),
    entry('served', 5),
    entry('served known', 5),
    entry('served older known', 6),
    entry('claimed', 5),
  ];
  const found = untold.of(copies);
  expect(found.map(({ key }) => key)).toEqual(['served', 'served older known', 'claimed']);
  untold.tell(found);
  expect(told.splice(0)).toEqual(['served', 'served older known']);
  served.add(2);
  untold.tell(found);
  expect(told).toEqual(['served', 'served older known', 'claimed']);
});

test('nothing may be closed while it is on its way into the relay', () => {
  const onDisk: (() => void)[] = [];
  const store = { head: () => 0, adopt: (_adoption: unknown, done: () => void) => void onDisk.push(done) };
  const relay = new Relay({ store } as unknown as RelayOptions);
  expect(relay.isTelling).toBe(false);
  relay.tell([entry('one', 1)]);
  relay.tell([entry('other', 2)]);
  onDisk.shift()?.();
  expect(relay.isTelling).toBe(true);
  onDisk.shift()?.();
  expect(relay.isTelling).toBe(false);
});
