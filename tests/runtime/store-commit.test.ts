// Group commit: what shares a transaction, what waits, and what a fault ends.
import { expect, test } from 'vitest';
import type { Batch } from '../../runtime/store-batch.ts';
import { GroupCommit } from '../../runtime/store-commit.ts';
import type { Change } from '../../runtime/store-environment.ts';
import { upTo } from './store-harness.ts';

const change = (n: number): Change => ({
  kind: 'put',
  table: 'meta',
  key: `key ${n}`,
  bytes: new Uint8Array(1),
});

/** A group commit over a disk whose writes end when the test says so. */
function setUp() {
  const writes: Array<{ changes: number; succeed: () => void; fail: (error: Error) => void }> = [];
  const told: string[] = [];
  const commit = new GroupCommit({
    environment: {
      commit: (changes) =>
        new Promise<void>((resolve, reject) =>
          writes.push({ changes: changes.length, succeed: resolve, fail: reject }),
        ),
      refresh: () => told.push('refreshed'),
    },
    seal: () => {},
    committed: () => told.push('committed'),
    announced: () => told.push('announced'),
    failed: (error) => told.push(`failed: ${error.message}`),
  });
  const add = (n: number): Batch => {
    const batch = commit.open;
    batch.changes.push(change(n));
    commit.touch();
    return batch;
  };
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { writes, told, commit, add, turn };
}

test('what is added in one turn, and while a transaction is on its way, becomes one transaction', async () => {
  const { writes, commit, add, turn } = setUp();

  for (const n of upTo(3)) add(n);
  await turn();
  for (const n of upTo(5)) add(n);
  await turn();
  expect(writes.map(({ changes }) => changes)).toEqual([3]);
  writes[0]?.succeed();
  await turn();
  expect(writes.map(({ changes }) => changes)).toEqual([3, 5]);
  writes[1]?.succeed();
  await commit.drain();
});

test('callers are told after the caches and the announcement', async () => {
  const { writes, told, add, turn } = setUp();

  const done = add(1).done.then(() => told.push('done'));
  await turn();
  expect(told).toEqual([]);
  writes[0]?.succeed();
  await done;

  expect(told).toEqual(['refreshed', 'committed', 'announced', 'done']);
});

test('when a commit fails everybody is rejected, the fault is told once, and nothing is written again', async () => {
  const { writes, told, commit, add, turn } = setUp();
  const first = add(1).done;
  await turn();
  const second = add(2).done;

  writes[0]?.fail(new Error('EIO'));

  await expect(first).rejects.toThrow('EIO');
  await expect(second).rejects.toThrow('EIO');
  add(3);
  await turn();
  expect(writes).toHaveLength(1);
  expect(told).toEqual(['failed: EIO']);
  await expect(commit.drain()).rejects.toThrow('EIO');
});

test('an error of those who are told stops the store, but what is on the disk stays acknowledged', async () => {
  const { writes, told, commit, add, turn } = setUp();
  const broken = new GroupCommit({
    environment: { commit: () => Promise.resolve(), refresh: () => {} },
    seal: () => {},
    committed: () => {},
    announced: () => {
      throw new Error('a bug in the fan-out');
    },
    failed: (error) => told.push(error.message),
  });
  broken.open.changes.push(change(1));
  const { done } = broken.open;
  broken.touch();

  await expect(done).resolves.toBeUndefined();
  expect(told).toEqual(['a bug in the fan-out']);
  expect(broken.fault).not.toBeNull();

  add(1);
  await turn();
  writes[0]?.succeed();
  await commit.drain();
});

test('who waits for what is under way waits for nothing that is added later', async () => {
  const { writes, commit, add, turn } = setUp();
  expect(commit.underWay).toBeNull();
  const first = add(1);
  expect(commit.underWay).toBe(first.done);
  await turn();
  expect(commit.underWay).toBe(first.done);
  const second = add(2);
  expect(commit.underWay).toBe(second.done);
  writes[0]?.succeed();
  await first.done;
  add(3);
  writes[1]?.succeed();
  await second.done;
  await turn();
  writes[2]?.succeed();
  await commit.drain();
  expect(commit.underWay).toBeNull();
});

test('closing writes what is there, what is added meanwhile, and nothing more', async () => {
  const { writes, told, commit, add, turn } = setUp();
  add(1);
  const closed = commit.close();
  await turn();
  const meanwhile = add(2);
  writes[0]?.succeed();
  await turn();
  writes[1]?.succeed();
  await meanwhile.done;
  await closed;

  add(3);
  await turn();
  expect(writes).toHaveLength(2);
  expect(commit.fault).toMatchObject({ code: 'closed' });
  expect(told.some((line) => line.startsWith('failed'))).toBe(false);
});
