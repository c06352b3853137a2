// kill -9, a failed fsync, and the trace that an fsync stands before every answer.
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { newFolder, openToyStore } from './store-harness.ts';
import { startStoreProgram } from './store-program.ts';
import { canTrace, readTrace, type TracedCall, traceOptions } from './strace.ts';
import { statusKey } from './toy-product.ts';
import { ada, status } from './toy-statuses.ts';

/** The numbers that a program said it had been acknowledged. */
function acknowledged(lines: string[]): number[] {
  return lines.filter((line) => line.startsWith('ack ')).map((line) => Number(line.slice('ack '.length)));
}

/** Opens the folder and says which of these posts are not as they were written. */
async function missing(folder: string, numbers: number[]): Promise<number[]> {
  const { store } = await openToyStore(folder);
  const lost = numbers.filter((n) => {
    const value = store.reader.fact(statusKey(status(ada, n)))?.value;
    return !Array.isArray(value) || value[0] !== `post ${n}`;
  });
  await store.close();
  return lost;
}

test('whatever was acknowledged is there after kill -9 in the middle of submits, round after round', async () => {
  const folder = newFolder();
  const all: number[] = [];
  for (const acknowledgements of [1, 40, 150, 300, 700]) {
    const program = await startStoreProgram(folder, { mode: 'flood' });
    await program.line('open');
    await program.acknowledged(acknowledgements);
    await program.kill();
    all.push(...acknowledged(program.lines));

    expect(await missing(folder, all)).toEqual([]);
  }
  expect(all.length).toBeGreaterThan(1_000);

  const { store } = await openToyStore(folder);
  const found = store.reader.facts({
    from: statusKey(status(ada, 0)),
    to: statusKey(status(ada, 10 ** 7)),
    most: 10 ** 6,
  });
  const logged = new Set(store.readLog(1, 10 ** 6).map(({ key }) => key));
  expect(found.filter(({ key }) => !logged.has(key))).toEqual([]);
  expect(store.position).toBe(logged.size);
  expect(await store.compareRebuilt(join(folder, 'compare'))).toMatchObject({ different: [] });
  expect(await store.catchUpSearch(20_000)).toBe(true);
  const last = found.at(-1)?.value as string[];
  expect(store.search({ words: (last[0] ?? '').split(' '), below: null, above: null, most: 1 })).toHaveLength(
    1,
  );
}, 120_000);

describe('with strace', () => {
  const isTraceable = canTrace();

  beforeAll(() => {
    if (!isTraceable) {
      console.warn(
        'strace does not work here: failing disks are only tested by store-commit.test.ts, by injected errors',
      );
    }
  });

  test('an fsync stands between each write and its acknowledgement', async () => {
    if (!isTraceable) return;
    const folder = newFolder();
    const trace = join(folder, 'trace');
    const program = await startStoreProgram(join(folder, 'data'), {
      mode: 'ten',
      strace: traceOptions(trace),
    });
    expect(await program.exited).toBe(0);
    const calls = readTrace(trace);

    expect(acknowledged(program.lines)).toHaveLength(10);
    expect(unsafeAcknowledgements(calls)).toEqual([]);
    // The check itself: it finds the fault when the syncs are taken out, or the page that makes the commit visible is.
    expect(unsafeAcknowledgements(calls.filter(({ kind }) => kind !== 'synced'))).toHaveLength(10);
    expect(
      unsafeAcknowledgements(calls.filter((call) => call.kind !== 'written' || !call.isSynchronous)),
    ).toHaveLength(10);
  });

  // Calls are counted a thread: the one that opens the store makes fewer of them than these numbers.
  test.each([
    ['an fsync that fails once', 'fdatasync,fsync:error=EIO:when=20'],
    ['an fsync that fails from then on', 'fdatasync,fsync:error=EIO:when=21+'],
    ['a disk that is full', 'pwrite64,pwritev,writev:error=ENOSPC:when=80'],
    ['a disk that is full for a moment', 'pwrite64,pwritev,writev:error=ENOSPC:when=81'],
    ['a disk that fails to write', 'pwrite64,pwritev,writev:error=EIO:when=83+'],
  ])(
    '%s: nothing is acknowledged from then on, and nothing acknowledged before is lost',
    async (_, inject) => {
      if (!isTraceable) return;
      const folder = newFolder();
      const calls = 'trace=fdatasync,fsync,pwrite64,pwritev,writev';
      const program = await startStoreProgram(folder, {
        mode: 'one-by-one',
        strace: ['-o', '/dev/null', '-e', calls, '-e', `inject=${inject}`],
      });
      await program.exited;

      const fault = program.lines.findIndex((line) =>
        line.startsWith('fault the store could not be written'),
      );
      expect(fault).toBeGreaterThan(0);
      const after = program.lines.slice(fault + 1);
      expect(after).toEqual([
        expect.stringMatching(/^refused the store could not be written/),
        'refused unavailable',
        'closed',
      ]);
      const numbers = acknowledged(program.lines);
      expect(numbers.length).toBeGreaterThan(1);
      expect(await missing(folder, numbers)).toEqual([]);
      const { store } = await openToyStore(folder);
      expect(store.position).toBe(numbers.length);
    },
  );
});

/** Lines "ack" before which the last write of data was not followed by a sync and then by the page that makes it visible. */
function unsafeAcknowledgements(calls: TracedCall[]): string[] {
  const unsafe: string[] = [];
  let stage: 'nothing' | 'written' | 'synced' | 'visible' = 'nothing';
  for (const call of calls) {
    if (call.kind === 'written' && !call.isSynchronous) stage = 'written';
    else if (call.kind === 'synced' && stage === 'written') stage = 'synced';
    else if (call.kind === 'written' && stage === 'synced') stage = 'visible';
    else if (call.kind === 'said' && call.line.startsWith('ack ')) {
      if (stage !== 'visible') unsafe.push(call.line);
      stage = 'nothing';
    }
  }
  return unsafe;
}
