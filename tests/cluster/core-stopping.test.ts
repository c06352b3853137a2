// A core of several that stops in order: what it serves goes to others, and nobody's request is left without an answer.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { partitionCount } from '../../runtime/account-id.ts';
import { until } from '../support/until.ts';
import { openTogether, type Together } from './cores-together.ts';

let together: Together;

beforeEach(async () => {
  together = await openTogether([1, 2, 3]);
  await together.ready();
});

afterEach(() => together.close());

function stopping() {
  const core = together.cores.get(1)?.core;
  if (core === undefined || core.cluster === null) throw new Error('a core of several');
  return { core, cluster: core.cluster };
}

test('it gives back what it serves, and claims nothing again', async () => {
  const { core, cluster } = stopping();
  await core.handOver();
  expect(cluster.report().serving).toBe(0);
  const isTaken = (partition: number) =>
    [2, 3].some((node) => together.cores.get(node)?.core.cluster?.isOpen(partition) === true);
  await until(() => Array.from({ length: partitionCount }, (_, one) => one).every(isTaken));
  expect(cluster.report().serving).toBe(0);
});

test('it waits for requests that it has begun', async () => {
  const { cluster } = stopping();
  const { server } = cluster.replica;
  const [partition = 0] = server.terms().map((one) => one.partition);
  const happened: string[] = [];
  let answer: (() => void) | null = null;
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const answered = cluster.underWay.during([partition], () => asked).then(() => happened.push('answered'));
  const stopped = cluster.handOver(60_000).then(() => happened.push('stopped'));
  await until(() => server.terms().length === 1);
  expect(cluster.term(partition)).not.toBeNull();
  expect(cluster.isOpen(partition)).toBe(false);
  (answer as (() => void) | null)?.();
  await Promise.all([answered, stopped]);
  expect(happened).toEqual(['answered', 'stopped']);
  expect(server.isServing(partition)).toBe(false);
});
