// What of time is on the disk: after a restart nothing is given a version that was closed before, whatever the wall shows.
import { expect, test } from 'vitest';
import { KeptTime } from '../../cluster/replica-kept.ts';
import { hybridClock } from '../../runtime/clock.ts';
import { makeVersion, noVersion, type Version } from '../../runtime/version.ts';

const node = 3;

/** A store whose records reach the disk when `fsync` is called. */
function storeOf(disk = new Map<string, unknown>(), incarnation = 5) {
  const clock = hybridClock(node, noVersion);
  let waiting: (() => void)[] = [];
  const store = {
    incarnation,
    get clock(): Version {
      return clock.last();
    },
    observe: (version: Version) => clock.observe(version),
    kept: (name: string) => disk.get(name),
    keep(records: readonly (readonly [string, unknown])[], done: () => void): void {
      waiting.push(() => {
        for (const [name, value] of records) disk.set(name, value);
        done();
      });
    },
  };
  const fsync = (): void => {
    for (const write of waiting.splice(0)) write();
  };
  const crash = (): void => {
    waiting = [];
  };
  return { store, disk, fsync, crash };
}

const at = (ms: number): Version => makeVersion(ms, 0, node);

test('nothing above the ceiling on the disk may be closed, and a restart begins above it', () => {
  const { store, disk, fsync, crash } = storeOf();
  const time = new KeptTime(store);
  expect(time.ceiling).toBe(noVersion);
  store.observe(at(1_000_000));
  time.tick(0, noVersion, 0);
  // On its way is not there.
  expect(time.ceiling).toBe(noVersion);
  fsync();
  expect(time.ceiling > at(1_000_000)).toBe(true);
  const { ceiling } = time;
  store.observe(at(1_005_000));
  time.tick(1, noVersion, 0);
  crash();
  expect(time.ceiling).toBe(ceiling);

  // The wall has gone back meanwhile; the store saw nothing later.
  const next = storeOf(disk);
  const after = new KeptTime(next.store);
  expect(after.ceiling).toBe(ceiling);
  expect(next.store.clock >= ceiling).toBe(true);
});

test('the watermark, and up to where all is stored, come back with the same store, and with no other', () => {
  const { store, disk, fsync } = storeOf();
  const time = new KeptTime(store);
  time.tick(0, at(700), 41);
  fsync();
  expect(new KeptTime(storeOf(disk).store)).toMatchObject({ watermark: at(700), storedUpTo: 41 });
  expect(new KeptTime(storeOf(disk, 6).store)).toMatchObject({ watermark: noVersion, storedUpTo: 0 });
});

test('what has not changed is not written again', () => {
  const { store, disk, fsync } = storeOf();
  const time = new KeptTime(store);
  store.observe(at(1_000));
  time.tick(0, at(700), 0);
  fsync();
  disk.clear();
  time.tick(5_000, at(700), 0);
  fsync();
  expect(disk.size).toBe(0);
});
