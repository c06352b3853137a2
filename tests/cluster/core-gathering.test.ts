// What timelines are gathered from: this disk when everything is on it, and otherwise other machines, with an end to every wait.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CoreCluster } from '../../cluster/core-cluster.ts';
import type { Elsewhere } from '../../cluster/core-elsewhere.ts';
import { CoreGathering } from '../../cluster/core-gathering.ts';
import type { Wanted } from '../../runtime/gathering.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { noReader } from '../support/records.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const author = accountIdOf('ada');
const wanted: Wanted = {
  recent: { authors: new Set([author]), sinceMs: 0, most: 20 },
  ranges: [],
  withFacts: true,
};

function gatheringOf({ isConfirmed }: { isConfirmed: boolean }): CoreGathering {
  const hangs = () => new Promise<never>(() => {});
  const cluster = {
    hasAll: false,
    isHere: () => false,
    interest: { confirmed: () => Promise.resolve(isConfirmed) },
  };
  const elsewhere = { newest: hangs, ranges: hangs, factsOf: hangs };
  return new CoreGathering({
    store: { newestOf: () => [] },
    reader: noReader,
    writing: noReader,
    cluster: cluster as unknown as CoreCluster,
    elsewhere: () => elsewhere as unknown as Elsewhere,
    statusKey: (id) => id as never,
  });
}

test('machines that never answer are given up in the end', async () => {
  const gathered = gatheringOf({ isConfirmed: true }).gather(wanted);
  await vi.advanceTimersByTimeAsync(90_000);
  expect((await gathered).failed).toMatchObject({ code: 'unavailable' });
});

test('nothing is gathered before it is sure that what is written from now on comes by itself', async () => {
  const { failed } = await gatheringOf({ isConfirmed: false }).gather(wanted);
  expect(failed).toMatchObject({ code: 'unavailable' });
});
