// What a core tells its own people of what it wrote: once enough owners have it, and also when it had served the partition no more by then.
import { expect, test } from 'vitest';
import { Unannounced } from '../../cluster/core-unannounced.ts';
import { Stored } from '../../cluster/replica-stored.ts';
import type { Entry } from '../../runtime/behaviours.ts';
import type { Key } from '../../runtime/key.ts';
import { makeVersion } from '../../runtime/version.ts';
import { ringOf } from './cores-together.ts';

const [given, kept] = [1, 2];

/** Node 1 of three that own everything: 2 serves the first partition by now. What it announced, as places of its log. */
function announcing() {
  const ring = ringOf([1, 2, 3], null);
  const unannounced = new Unannounced();
  const announced: number[][] = [];
  const look = (): void => {
    for (const entries of unannounced.take(stored)) announced.push(entries.map(({ key }) => Number(key)));
  };
  const stored: Stored = new Stored({
    self: 1,
    ring: () => ring,
    own: 0,
    relay: 0,
    tail: null,
    version: makeVersion(1, 0, 1),
    serverOf: (partition) => (partition === kept ? 1 : 2),
    isServing: (partition) => partition === kept,
    moved: () => look(),
    late: (_log, _seq, done) => done(),
    keep: (_orphans, done) => done(),
    orphans: [],
  });
  return {
    announced,
    /** One transaction, an entry of each of these partitions. */
    write(first: number, ...partitions: number[]) {
      const places = partitions.map((partition, place) => ({ seq: first + place, partition }));
      const entries = places.map(({ seq }): Entry => {
        const version = makeVersion(seq, 0, 1);
        return { key: String(seq) as Key, version, value: {}, before: null, live: true };
      });
      unannounced.wrote(entries, first + partitions.length - 1);
      stored.wrote(
        'own',
        places.map((place) => ({ ...place, version: makeVersion(place.seq, 0, 1) })),
      );
      look();
    },
    acknowledge: (node: number, own: number) => stored.acknowledge(node, { own, relay: 0 }, () => true),
  };
}

test('what enough owners have is announced once, each transaction by itself, in the order of the log', () => {
  const { announced, write, acknowledge } = announcing();
  write(1, kept, kept);
  write(3, kept);
  expect(announced).toEqual([]);
  acknowledge(3, 2);
  expect(announced).toEqual([[1, 2]]);
  acknowledge(2, 3);
  acknowledge(3, 3);
  expect(announced).toEqual([[1, 2], [3]]);
});

test('what was passed over is left out, and announced when its present server has it', () => {
  const { announced, write, acknowledge } = announcing();
  write(1, given, kept);
  write(3, kept);
  acknowledge(3, 3);
  expect(announced).toEqual([[2], [3]]);
  acknowledge(2, 1);
  expect(announced).toEqual([[2], [3], [1]]);
  acknowledge(2, 3);
  expect(announced).toEqual([[2], [3], [1]]);
});

test('also when nothing is written after it', () => {
  const { announced, write, acknowledge } = announcing();
  write(1, given);
  acknowledge(3, 1);
  expect(announced).toEqual([]);
  acknowledge(2, 1);
  expect(announced).toEqual([[1]]);
});
