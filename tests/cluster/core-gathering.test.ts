// What timelines are gathered from: this disk when everything is on it, and otherwise other machines, with an end to every wait.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CoreCluster } from '../../cluster/core-cluster.ts';
import type { Elsewhere } from '../../cluster/core-elsewhere.ts';
import { CoreGathering } from '../../cluster/core-gathering.ts';
import type { Wanted } from '../../runtime/gathering.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { makeStatusId, type StatusId } from '../../runtime/status-id.ts';
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

interface Situation {
  isConfirmed?: boolean;
  isAlone?: boolean;
  hasAll?: boolean;
  /** The author's posts on this disk, and what will be there. */
  posts?: StatusId[];
  underWay?: Promise<void> | null;
}

function gatheringOf({
  isConfirmed = true,
  isAlone = false,
  hasAll = false,
  posts = [],
  underWay = null,
}: Situation): CoreGathering {
  const hangs = () => new Promise<never>(() => {});
  const cluster = {
    hasAll,
    isAlone,
    isHere: () => false,
    interest: { confirmed: () => Promise.resolve(isConfirmed) },
  };
  const elsewhere = { newest: hangs, ranges: hangs, factsOf: hangs };
  return new CoreGathering({
    store: { newestOf: () => [...posts], underWay },
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

describe('what is on its way to the disk', () => {
  const post = makeStatusId(1, author, 0);

  function arriving(situation: Situation) {
    const posts: StatusId[] = [];
    let arrived = (): void => {};
    const underWay = new Promise<void>((resolve) => {
      arrived = () => {
        posts.push(post);
        resolve();
      };
    });
    return {
      gathered: gatheringOf({ ...situation, posts, underWay }).gather(wanted),
      arrived: () => arrived(),
    };
  }

  test('is gathered, too, where others may hold up its announcement', async () => {
    const { gathered, arrived } = arriving({ hasAll: true });
    arrived();
    expect((await gathered).statuses).toEqual([post]);
  });

  test('is not waited for where everything is announced before it is answered', () => {
    expect(arriving({ isAlone: true, hasAll: true }).gathered).toMatchObject({ statuses: [], failed: null });
  });
});
