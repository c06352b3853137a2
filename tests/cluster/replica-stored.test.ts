// What is passed over when a partition is served no more: remembered, said to be lacking, and over when it is stored after all.
import { expect, test } from 'vitest';
import { type Orphan, Stored } from '../../cluster/replica-stored.ts';
import { Ring } from '../../cluster/ring.ts';
import { makeVersion, noVersion } from '../../runtime/version.ts';

const self = 1;
const partition = 2;
const later = 5;

/** A core of three, each of which owns everything; node 3 serves what this one does not. */
function storedOf(orphans: readonly Orphan[] = []) {
  const cores = [1, 2, 3].map((node) => ({ node, machine: `m${node}`, weight: 1 }));
  const ring = new Ring(cores, null, 8);
  const served = new Set([partition, later, 0]);
  const onDisk: { kept: readonly Orphan[]; done: (() => void)[] } = { kept: orphans, done: [] };
  const late: { seq: number; done: () => void }[] = [];
  const stored = new Stored({
    self,
    ring: () => ring,
    own: 0,
    relay: 0,
    tail: null,
    version: noVersion,
    serverOf: (one) => (served.has(one) ? self : 3),
    isServing: (one) => served.has(one),
    moved() {},
    late: (_log, seq, done) => late.push({ seq, done }),
    keep(kept, done) {
      onDisk.done.push(() => {
        onDisk.kept = kept;
        done();
      });
    },
    orphans,
  });
  const flush = (): void => {
    for (const done of onDisk.done.splice(0)) done();
  };
  const write = (log: 'own' | 'relay', seq: number, of: number): void =>
    stored.wrote(log, [{ seq, partition: of, version: makeVersion(seq, 0, self) }]);
  const acknowledge = (node: number, own: number, relay: number): void =>
    stored.acknowledge(node, { own, relay }, () => true);
  const lose = (one: number): void => {
    served.delete(one);
    stored.orphan(one);
  };
  return { stored, onDisk, late, flush, write, acknowledge, lose };
}

test('what two partitions given up at once have left behind is all remembered', () => {
  const { onDisk, flush, write, lose } = storedOf();
  write('own', 1, partition);
  write('own', 2, later);
  lose(partition);
  lose(later);
  flush();
  expect(onDisk.kept.map(({ seq }) => seq)).toEqual([1, 2]);
});

test('a log is whole up to what was passed over, until that is stored in the relay; then it may be trimmed, too', () => {
  const { stored, late, flush, write, acknowledge, lose } = storedOf();
  write('own', 1, 0);
  acknowledge(2, 1, 0);
  write('own', 2, partition);
  write('own', 3, 0);
  lose(partition);
  flush();
  acknowledge(2, 1, 0);
  expect(stored.upTo.own).toBe(1);
  // Enough others have the last one; of the one before only its new server's word would do.
  acknowledge(2, 3, 0);
  expect(stored.upTo.own).toBe(3);
  expect(stored.firstOrphan('own')).toBe(2);
  expect(stored.wholeUpTo).toEqual({ own: 1, relay: 0 });

  acknowledge(3, 3, 0);
  expect(late.map(({ seq }) => seq)).toEqual([2]);
  expect(stored.wholeUpTo.own).toBe(1);
  write('relay', 1, partition);
  late[0]?.done();
  expect(stored.wholeUpTo.own).toBe(1);
  acknowledge(3, 3, 1);

  expect(stored.wholeUpTo).toEqual({ own: 3, relay: 1 });
  expect(stored.firstOrphan('own')).toBe(Number.POSITIVE_INFINITY);
});

test('after a restart nothing is said to be whole before what had been passed over is stored', () => {
  const one = { log: 'own' as const, seq: 2, partition, version: makeVersion(2, 0, self) };
  const { stored, late, write, acknowledge, lose } = storedOf([one]);
  lose(partition);
  write('own', 4, 0);
  acknowledge(2, 4, 0);
  expect(stored.upTo.own).toBe(4);
  expect(stored.wholeUpTo).toEqual({ own: 0, relay: 0 });
  acknowledge(3, 4, 0);
  write('relay', 1, partition);
  late[0]?.done();
  acknowledge(3, 4, 1);
  expect(stored.wholeUpTo).toEqual({ own: 4, relay: 1 });
});
