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

describe('a server whose place another process takes', () => {
  /** 3 leaves, and is away when it has given back what it served. */
  function leaving(backWithinMs: number) {
    const replicas = new Replicas([1, 2, 3]);
    replicas.ready();
    const { replica } = replicas.of(3);
    const its = new Set(replica.server.terms().map(({ partition }) => partition));
    replica.leave(backWithinMs);
    replicas.until(() => replica.server.terms().length === 0);
    const sinceMs = replicas.nowMs;
    // All that it has said arrives.
    replicas.run(10);
    replicas.away(3);
    const claimedByOthers = () =>
      replicas
        .all('claim')
        .filter(({ from, atMs, message }) => from !== 3 && atMs >= sinceMs && message.id !== 0)
        .flatMap(({ message }) => message.terms.map(({ partition }) => partition))
        .filter((partition) => its.has(partition));
    const areServed = () => [...its].every((partition) => replicas.serverOf(partition) !== null);
    return { replicas, its, sinceMs, claimedByOthers, areServed };
  }

  function isBack(replicas: Replicas, node: number, others: readonly number[]): void {
    replicas.restart(node);
    for (const other of others) replicas.link(node, other);
  }

  test('finds what it served as it left it: nobody has claimed any of it meanwhile', () => {
    const { replicas, its, claimedByOthers, areServed } = leaving(3000);
    replicas.run(2500);
    isBack(replicas, 3, [1, 2]);
    replicas.until(areServed);
    expect([...its].map((partition) => replicas.serverOf(partition))).toEqual([...its].map(() => 3));
    expect(claimedByOthers()).toEqual([]);
  });

  test.each([
    { named: 2000, waited: 2000 },
    { named: 60_000, waited: 5000 },
  ])('is waited for no longer than it has said, and 5 seconds at most: $named ms', ({ named, waited }) => {
    const { replicas, sinceMs, claimedByOthers, areServed } = leaving(named);
    replicas.run(waited - 500);
    expect(claimedByOthers()).toEqual([]);
    replicas.until(areServed);
    expect(replicas.nowMs - sinceMs).toBeLessThan(waited + 2000);
  });

  test('that is linked again and claims nothing is waited for no longer than a second', () => {
    const { replicas, claimedByOthers, areServed } = leaving(5000);
    replicas.restart(3);
    replicas.of(3).isIdle = true;
    replicas.link(3, 1);
    replicas.link(3, 2);
    const linkedMs = replicas.nowMs;
    replicas.run(900);
    expect(claimedByOthers()).toEqual([]);
    replicas.until(areServed);
    expect(replicas.nowMs - linkedMs).toBeLessThan(3000);
  });

  test('waits for its turn: of three that are to leave at once one is away at a time', () => {
    const replicas = new Replicas([1, 2, 3]);
    replicas.ready();
    const nodes = [1, 2, 3];
    for (const node of nodes) replicas.of(node).replica.leave(5000);
    const order: number[] = [];
    while (order.length < 3) {
      replicas.until(() => nodes.some((node) => replicas.of(node).replica.server.isClosing));
      const left = nodes.filter((node) => replicas.of(node).replica.server.isClosing);
      expect(left).toHaveLength(1);
      const [node = 0] = left;
      order.push(node);
      replicas.until(() => replicas.of(node).replica.server.terms().length === 0);
      replicas.run(10);
      replicas.away(node);
      // The others wait all the time that it is away.
      replicas.run(2000);
      expect(nodes.filter((one) => one !== node && replicas.of(one).replica.server.isClosing)).toEqual([]);
      isBack(
        replicas,
        node,
        nodes.filter((one) => one !== node),
      );
    }
    expect(order).toEqual([1, 2, 3]);
    replicas.ready();
  });

  test('waits ten seconds at most for one that is to leave before it and does not', () => {
    const replicas = new Replicas([1, 2, 3]);
    replicas.ready();
    // 1 never goes: it does not even hear that it might.
    replicas.loses = ({ from, message }) =>
      from === 1 && message.kind === 'leave' && message.backWithinMs !== null;
    replicas.of(1).replica.leave(5000);
    replicas.run(10);
    const { replica } = replicas.of(2);
    replica.leave(5000);
    replicas.run(9500);
    expect(replica.server.isClosing).toBe(false);
    replicas.run(1000);
    expect(replica.server.isClosing).toBe(true);
  });

  test('does not wait where nothing goes on without it anyway: of two machines both leave at once', () => {
    const replicas = new Replicas([1, 2]);
    replicas.ready();
    for (const node of [1, 2]) replicas.of(node).replica.leave(5000);
    replicas.run(400);
    for (const node of [1, 2]) expect(replicas.of(node).replica.server.isClosing).toBe(true);
  });
});
