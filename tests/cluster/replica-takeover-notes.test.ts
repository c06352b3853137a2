// What may have come late is noted before it can be read: by whoever serves it next, of its own log's end and of others' logs.
import { describe, expect, test } from 'vitest';
import { type Copy, relayOf } from '../../cluster/peer-messages.ts';
import { TakeoverNotes } from '../../cluster/replica-takeover-notes.ts';
import type { Key } from '../../runtime/key.ts';
import { makeVersion, noVersion, type Version } from '../../runtime/version.ts';
import { keysIn, Replicas } from './replicas-together.ts';

/** 2 served a partition, and was cut off with a post that nobody else had. Nobody has served it since. */
function cutOff() {
  const replicas = new Replicas([1, 2, 3]);
  const partition = replicas.partitionOwnedBy(2, 3, 1);
  replicas.ready();
  const early = replicas.post(2, partition, 1);
  // So that what is stored is known on the disk.
  replicas.run(3000);
  for (const node of [1, 3]) replicas.of(node).isIdle = true;
  replicas.away(2);
  const post = replicas.write(2, partition, 2);
  replicas.run(10);
  replicas.restart(2);
  return { replicas, partition, early, post };
}

test('what a node wrote before it was started last is noted when it serves that again, and no sooner served', () => {
  const { replicas, partition, early, post } = cutOff();
  replicas.link(1, 2);
  replicas.link(2, 3);
  replicas.until(() => replicas.serverOf(partition) === 2);
  const { disk } = replicas.of(2);
  expect(disk.lateArrival(post)).toBeDefined();
  expect(disk.lateArrival(early)).toBeUndefined();
});

test('what came of another before a node serves it is noted, unless its servers had closed it', () => {
  const { replicas, partition, early, post } = cutOff();
  replicas.of(2).isIdle = true;
  replicas.link(1, 2);
  replicas.link(2, 3);
  replicas.until(() => replicas.versionAt(3, post) !== null);
  const { disk } = replicas.of(3);
  replicas.run(1000);
  expect(disk.lateArrival(post)).toBeUndefined();
  replicas.of(3).isIdle = false;
  replicas.until(() => replicas.serverOf(partition) === 3);
  expect(disk.lateArrival(post)).toBeDefined();
  expect(disk.lateArrival(early)).toBeUndefined();
});

test('what a claim gathers of others is noted', () => {
  const { replicas, partition, post } = cutOff();
  replicas.of(2).isIdle = true;
  replicas.of(3).isIdle = false;
  replicas.loses = ({ from, message }) => from === 2 && message.kind === 'entries';
  replicas.link(1, 2);
  replicas.link(2, 3);
  replicas.until(() => replicas.serverOf(partition) === 3);
  expect(replicas.of(3).disk.lateArrival(post)).toBeDefined();
  // And by who hears of it from there.
  expect(replicas.of(1).disk.lateArrival(post)).toBeDefined();
});

describe('what comes when its partition was served elsewhere meanwhile', () => {
  test('is noted by its server, however far behind that is with others', () => {
    const { replicas, partition, post } = cutOff();
    replicas.of(2).isIdle = true;
    for (const node of [1, 3]) replicas.of(node).isIdle = false;
    replicas.loses = ({ from, message }) => from === 1 && message.kind === 'closed';
    replicas.until(() => replicas.serverOf(partition) === 3);
    replicas.run(1000);
    replicas.link(2, 3);
    replicas.until(() => replicas.versionAt(3, post) !== null);
    const { disk, replica } = replicas.of(3);
    expect(replica.horizon.watermark() < (disk.fact(post)?.version ?? noVersion)).toBe(true);
    expect(disk.lateArrival(post)).toBeDefined();
  });

  test('is noted by who had passed it over, however far behind that is', () => {
    const replicas = new Replicas([1, 2, 3]);
    const partition = replicas.partitionOwnedBy(2, 3, 1);
    replicas.ready();
    replicas.away(2);
    const post = replicas.write(2, partition, 1);
    replicas.until(() => replicas.serverOf(partition) === 3);
    replicas.loses = ({ to, message }) => to === 2 && message.kind === 'closed';
    const { disk, replica } = replicas.of(2);
    replicas.link(1, 2);
    replicas.link(2, 3);
    replicas.until(() => keysIn(disk, relayOf(2), 200).includes(post));
    expect(replica.horizon.closedOf(partition) < (disk.fact(post)?.version ?? noVersion)).toBe(true);
    expect(disk.lateArrival(post)).toBeDefined();
  });
});

/** By its number an entry is of an even or an odd partition. */
const entry = (seq: number): Copy => ({
  seq,
  version: makeVersion(seq, 0, 2),
  key: String(seq) as Key,
  packed: null,
  live: true,
  to: [],
});

test('what comes while others are noted is noted, too, and each once', () => {
  const log = [1, 2, 3, 4].map(entry);
  const noted: number[][] = [];
  let isDone = false;
  const notes = new TakeoverNotes({
    store: {
      trimmedUpTo: () => 0,
      read: () => ({ entries: [...log], upTo: log.length }),
      noteLate: (entries, done) => {
        noted.push((entries as Copy[]).map(({ seq }) => seq));
        if (log.length < 6) log.push(entry(5), entry(6));
        expect(isDone).toBe(false);
        done();
      },
    },
    intake: { originsOf: () => [{ origin: 2, incarnation: 1, seq: 4 }] },
    tail: { of: () => [] },
    partitionOf: (key) => Number(key) % 2,
    closedOf: (): Version => makeVersion(2, 0, 2),
  });
  notes.note(new Set([0]), () => {
    isDone = true;
  });
  expect(noted).toEqual([[4], [6]]);
  expect(isDone).toBe(true);
});
