// The end of the own log at a start: what may not be stored holds up nothing else, and is noted as come late when it is stored.
import { expect, test } from 'vitest';
import type { Copy } from '../../cluster/peer-messages.ts';
import { ownTail, TailNote } from '../../cluster/replica-own-tail.ts';
import { Stored, type Written } from '../../cluster/replica-stored.ts';
import type { Key } from '../../runtime/key.ts';
import { makeVersion } from '../../runtime/version.ts';
import { ringOf } from './cores-together.ts';

const self = 1;
const [mine, others] = [1, 2];
const entry = (seq: number): Copy => ({
  seq,
  version: makeVersion(seq, 0, self),
  key: `key ${seq}` as Key,
  packed: null,
  live: true,
  to: [],
});

/** A log of ten entries, read three at a time; the first two are trimmed. */
function logOf() {
  return {
    incarnation: 7,
    head: () => 10,
    trimmedUpTo: () => 2,
    read(_origin: number, _incarnation: number, after: number) {
      const entries = [after + 1, after + 2, after + 3].filter((seq) => seq <= 10).map(entry);
      return { entries, upTo: entries.at(-1)?.seq ?? after };
    },
  };
}

test('it is what comes after the place up to which all was stored, however many pieces that takes', () => {
  expect(ownTail(self, logOf(), 2)?.map(({ seq }) => seq)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  expect(ownTail(self, logOf(), 10)).toEqual([]);
});

test.each([
  ['nobody knows up to where all was stored', 0],
  ['it is trimmed', 1],
])('it may be anything when %s', (_why, after) => {
  expect(ownTail(self, logOf(), after)).toBeNull();
});

test('it may be anything when it is too long to look at', () => {
  expect(ownTail(self, { ...logOf(), head: () => 5000 }, 5)).toBeNull();
});

/** Node 1 of three, started again; it serves one partition, and nobody serves the other. */
function startedWith(tail: readonly Written[] | null) {
  let moves = 0;
  const stored = new Stored({
    self,
    ring: () => ring,
    own: 10,
    relay: 0,
    tail,
    version: makeVersion(10, 0, self),
    serverOf: (partition) => (partition === mine ? self : null),
    isServing: (partition) => partition === mine,
    moved: () => void moves++,
    late() {},
    keep: (_orphans, done) => done(),
    orphans: [],
  });
  const acknowledge = (own: number): void => stored.acknowledge(2, { own, relay: 0 }, () => true);
  return { stored, acknowledge, moves: () => moves };
}

const ring = ringOf([1, 2, 3], null);
const written = (seq: number, partition: number): Written => ({
  seq,
  partition,
  version: makeVersion(seq, 0, self),
});

test('a partition that nobody serves holds up nothing that was written since, unless something of it may not be stored', () => {
  const known = startedWith([written(9, mine)]);
  expect(known.stored.upTo.own).toBe(8);
  known.acknowledge(10);
  expect(known.stored.upTo.own).toBe(10);
  const unsure = startedWith([written(9, mine), written(10, others)]);
  unsure.acknowledge(10);
  expect(unsure.stored.upTo.own).toBe(9);
  const unknown = startedWith(null);
  unknown.acknowledge(10);
  expect(unknown.stored.upTo.own).toBe(0);
});

test('its last entry is waited for no more when it has been passed over: what is said of the log at the start can be taken', () => {
  const { stored, acknowledge, moves } = startedWith([written(9, mine), written(10, others)]);
  acknowledge(10);
  expect([stored.upTo.own, moves()]).toEqual([9, 1]);
  stored.orphan(others);
  expect(stored.isOrphan('own', 10)).toBe(true);
  expect([stored.upTo.own, moves()]).toEqual([10, 2]);
});

test('what was passed over within it takes nobody past what comes after', () => {
  const { stored, acknowledge } = startedWith([written(9, others), written(10, mine)]);
  stored.orphan(others);
  expect(stored.upTo.own).toBe(8);
  acknowledge(10);
  expect(stored.upTo.own).toBe(10);
});

test('nothing of it is said to be whole that may still be passed over, nor what comes after that once it has been', () => {
  const { stored, acknowledge } = startedWith([written(9, others), written(10, mine)]);
  expect(stored.wholeUpTo.own).toBe(8);
  stored.orphan(others);
  acknowledge(10);
  expect([stored.upTo.own, stored.wholeUpTo.own]).toEqual([10, 8]);
});

test('all of it was stored: nothing is waited for', () => {
  const { stored } = startedWith([]);
  expect(stored.upTo.own).toBe(10);
  expect(stored.isWaiting).toBe(false);
});

test('it is noted once, when enough owners have it', () => {
  const noted: number[][] = [];
  const { stored, acknowledge } = startedWith([written(9, mine), written(10, mine)]);
  const note = new TailNote({
    tail: [entry(9), entry(10)],
    store: { noteLate: (entries) => noted.push((entries as Copy[]).map(({ seq }) => seq)) },
    stored,
    partitionOf: (key) => (key === entry(9).key ? mine : others),
  });
  note.tick();
  acknowledge(9);
  note.tick();
  expect(noted).toEqual([]);
  const due = (partition: number): number[] => note.of(new Set([partition])).map(({ seq }) => seq);
  expect([due(mine), due(others)]).toEqual([[9], [10]]);
  acknowledge(10);
  note.tick();
  note.tick();
  expect([due(mine), due(others)]).toEqual([[], []]);
  expect(noted).toEqual([[9, 10]]);
});
