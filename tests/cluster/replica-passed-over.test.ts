// What of a node's log is stored by enough owners, and what is passed over when its partition is served elsewhere.
import { expect, test } from 'vitest';
import { relayOf } from '../../cluster/peer-messages.ts';
import { type Orphan, Stored } from '../../cluster/replica-stored.ts';
import { makeVersion, noVersion } from '../../runtime/version.ts';
import { ringOf } from './cores-together.ts';
import { Replicas } from './replicas-together.ts';

const [given, kept] = [1, 2];
const everything = () => true;

/** Node 1 of three that own everything. It served both partitions, and 2 serves the first of them by now. */
function storedOf(orphans: readonly Orphan[] = []) {
  const serving = new Set([kept]);
  const onDisk: { orphans: readonly Orphan[]; done: () => void }[] = [];
  const late: number[] = [];
  const stored = new Stored({
    self: 1,
    ring: () => ring,
    own: 0,
    relay: 0,
    tail: null,
    version: makeVersion(1, 0, 1),
    serverOf: (partition) => (serving.has(partition) ? 1 : 2),
    isServing: (partition) => serving.has(partition),
    moved() {},
    late: (_log, seq, done) => {
      late.push(seq);
      done();
    },
    keep: (orphans, done) => void onDisk.push({ orphans, done }),
    orphans,
  });
  const written = (seq: number, partition: number) => ({ seq, partition, version: makeVersion(seq, 0, 1) });
  const acknowledge = (node: number, own: number) => stored.acknowledge(node, { own, relay: 0 }, everything);
  return { stored, onDisk, late, written, acknowledge };
}

const ring = ringOf([1, 2, 3], null);

test('what was on its way to the disk when its partition was given up is passed over, once that is on the disk, too', () => {
  const { stored, onDisk, written, acknowledge } = storedOf();
  stored.wrote('own', [written(1, given)]);
  stored.wrote('own', [written(2, kept)]);
  acknowledge(3, 2);
  expect(onDisk.map(({ orphans }) => orphans.map(({ seq }) => seq))).toEqual([[1]]);
  // A restart now would not know of it: nothing goes past.
  expect(stored.upTo.own).toBe(0);
  onDisk[0]?.done();
  expect(stored.isOrphan('own', 1)).toBe(true);
  expect(stored.upTo.own).toBe(2);
});

test('two owners do not make it stored: its present server may lack it', () => {
  const { stored, onDisk, late, written, acknowledge } = storedOf();
  stored.wrote('own', [written(1, given)]);
  acknowledge(3, 1);
  expect(stored.upTo.own).toBe(0);
  expect(stored.version).toBe(makeVersion(1, 0, 1));
  onDisk[0]?.done();
  expect(late).toEqual([]);
  acknowledge(2, 1);
  expect(late).toEqual([1]);
  expect(stored.isOrphan('own', 1)).toBe(false);
});

test('what was passed over before a restart still is', () => {
  const { stored, late, acknowledge } = storedOf([
    { log: 'own', seq: 1, partition: given, version: makeVersion(1, 0, 1) },
  ]);
  expect(stored.isOrphan('own', 1)).toBe(true);
  expect(stored.firstOrphan('own')).toBe(1);
  acknowledge(2, 1);
  expect(late).toEqual([1]);
});

test('a write that its disk held back until another core served is shown nowhere before that core has it', () => {
  const replicas = new Replicas([1, 2, 3, 4]);
  const partition = replicas.partitionOwnedBy(2, 3, 1);
  replicas.ready();
  const listener = replicas.listening(4, partition);
  replicas.of(2).isStuck = true;
  const post = replicas.write(2, partition, 1);
  // Only the next server is cut off; 2 goes on with the others, and has lost the partition.
  replicas.unlink(2, 1);
  replicas.unlink(2, 3);
  replicas.until(() => replicas.serverOf(partition) === 3);
  replicas.unstick(2);
  replicas.link(1, 2);
  replicas.until(() => replicas.versionAt(1, post) !== null);
  replicas.run(3000);
  expect(replicas.versionAt(3, post)).toBeNull();
  expect(listener.arrived).toEqual([]);
  replicas.link(2, 3);
  replicas.until(() => replicas.versionAt(3, post) !== null);
  replicas.until(() => listener.arrived.some(({ key }) => key === post));
});

test('what of a relay is served here is to be had by who takes the word of its server, though others hold up what comes before it', () => {
  const { stored, written, acknowledge } = storedOf();
  stored.wrote('relay', [written(1, given), written(2, kept), written(3, given)]);
  acknowledge(2, 0);
  expect(stored.upTo.relay).toBe(0);
  expect(stored.relayUpTo).toBe(2);
});

test('what was passed over is told by its node before that serves it again', () => {
  const replicas = new Replicas([1, 2, 3, 4]);
  const partition = replicas.partitionOwnedBy(2, 3, 1);
  replicas.ready();
  const listener = replicas.listening(4, partition);
  for (const node of [1, 3]) {
    replicas.of(node).isIdle = true;
    replicas.unlink(2, node);
  }
  const post = replicas.write(2, partition, 1);
  replicas.until(() => replicas.serverOf(partition) === null);
  replicas.run(1000);
  replicas.loses = ({ to, message }) =>
    to === 4 && message.kind === 'entries' && message.origin === relayOf(2);
  for (const node of [1, 3]) replicas.link(2, node);
  replicas.until(() => replicas.serverOf(partition) === 2);
  replicas.run(1500);
  const version = replicas.versionAt(2, post) ?? noVersion;
  expect(listener.replica.horizon.closedOf(partition) < version).toBe(true);
  replicas.loses = () => false;
  replicas.until(() => listener.replica.horizon.closedOf(partition) > version);
  expect(listener.arrived.map(({ key }) => key)).toEqual([post]);
});
