// How partitions go from one server to the preferred one: how often it asks, and what the other finishes first.
import { describe, expect, test } from 'vitest';
import { Replicas } from './replicas-together.ts';

/** 3 serves a partition, and 2 is to serve it from now on. */
function handingOver(prepare: (replicas: Replicas) => void) {
  const replicas = new Replicas([1, 2, 3]);
  const partition = replicas.partitionOwnedBy(2, 3, 1);
  const next = replicas.of(2);
  next.isIdle = true;
  replicas.until(() => replicas.serverOf(partition) === 3);
  // It is to have heard of everything: else it does not ask.
  replicas.run(5000);
  prepare(replicas);
  next.isIdle = false;
  return { replicas, partition, server: replicas.of(3).replica.server };
}

test('a core whose claims come to nothing asks for its partitions less and less often, and every 24 seconds in the end', () => {
  const { replicas, partition } = handingOver((replicas) => {
    // Nobody’s word reaches it: what it is given it cannot claim. The other gets its turn in between.
    replicas.of(2).chance = 0.99;
    replicas.loses = ({ to, message }) => to === 2 && message.kind === 'granted' && message.id !== 0;
  });
  replicas.run(200_000);
  const asked = replicas.all('yield').flatMap(({ from, to, atMs }) => (from === 2 && to === 3 ? [atMs] : []));
  const pauses = asked.slice(1).map((atMs, place) => atMs - (asked[place] ?? 0));
  expect(pauses.length).toBeGreaterThan(4);
  expect(pauses).toEqual(pauses.toSorted((one, other) => one - other));
  for (const pauseMs of pauses.slice(-3)) {
    expect(pauseMs).toBeGreaterThanOrEqual(24_000);
    expect(pauseMs).toBeLessThan(30_000);
  }
  // Then it gets what it asks for, and is as quick as before.
  replicas.loses = () => false;
  replicas.until(() => replicas.serverOf(partition) === 2);
  const { replica } = replicas.of(2);
  replicas.of(2).isIdle = true;
  replica.server.giveUp(replica.server.terms().map((one) => one.partition));
  replicas.until(() => replicas.serverOf(partition) === 3);
  const sinceMs = replicas.nowMs;
  replicas.loses = ({ to, message }) => to === 3 && message.kind === 'yield';
  replicas.of(2).isIdle = false;
  replicas.run(10_000);
  const again = replicas
    .all('yield')
    .filter(({ from, to, atMs }) => from === 2 && to === 3 && atMs > sinceMs);
  expect(again.length).toBeGreaterThan(3);
});

describe('a server that is to hand over', () => {
  test('answers what it has begun first, and takes nothing new meanwhile', () => {
    const { replicas, partition, server } = handingOver((replicas) => {
      replicas.of(3).busy.add(replicas.partitionOwnedBy(2, 3, 1));
    });
    replicas.until(() => !server.isOpen(partition));
    replicas.run(1500);
    expect(server.term(partition)).not.toBeNull();
    expect(replicas.serverOf(partition)).toBeNull();
    replicas.of(3).busy.clear();
    replicas.run(200);
    expect(server.isServing(partition)).toBe(false);
    replicas.until(() => replicas.serverOf(partition) === 2);
  });

  test('waits no longer than two seconds for a request that nobody answers', () => {
    const { replicas, partition, server } = handingOver((replicas) => {
      replicas.of(3).busy.add(replicas.partitionOwnedBy(2, 3, 1));
    });
    replicas.until(() => !server.isOpen(partition));
    replicas.run(1900);
    expect(server.isServing(partition)).toBe(true);
    replicas.run(300);
    expect(server.isServing(partition)).toBe(false);
    replicas.until(() => replicas.serverOf(partition) === 2);
  });

  test('that is about to stop gives back what is idle at once, and the rest when it has answered', () => {
    const replicas = new Replicas([1, 2, 3]);
    replicas.ready();
    const { replica, busy } = replicas.of(3);
    const [one = 0, ...others] = replica.server.terms().map(({ partition }) => partition);
    expect(others).not.toHaveLength(0);
    busy.add(one);
    replica.close();
    replicas.run(1000);
    expect(replica.server.terms().map(({ partition }) => partition)).toEqual([one]);
    expect(replica.server.openTerms()).toEqual([]);
    busy.clear();
    replicas.run(200);
    expect(replica.server.terms()).toEqual([]);
  });

  test('that is about to stop claims nothing any more, and does not serve what it has claimed', () => {
    const { replicas, partition } = handingOver(() => {});
    const { replica } = replicas.of(2);
    const claims = () => replicas.all('claim').filter(({ from, message }) => from === 2 && message.id !== 0);
    replicas.until(() => claims().length > 0);
    replica.close();
    const before = claims().length;
    replicas.until(() => replicas.serverOf(partition) === 3);
    replicas.run(2000);
    expect(replicas.serverOf(partition)).toBe(3);
    expect(claims()).toHaveLength(before);
  });
});
