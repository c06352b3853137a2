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
  replicas.until(() => replicas.serverOf(partition) !== null);
  const server = replicas.serverOf(partition);
  const sinceMs = replicas.nowMs;
  replicas.loses = ({ to, message }) => to === server && message.kind === 'yield';
  replicas.of(2).isIdle = false;
  replicas.run(10_000);
  const again = replicas
    .all('yield')
    .filter(({ from, to, atMs }) => from === 2 && to === server && atMs > sinceMs);
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
  const many = 96;

  /** 3 leaves, and is away when it has given away what it served. */
  function leaving(backWithinMs: number, nodes = [1, 2, 3]) {
    const replicas = new Replicas(nodes, many);
    replicas.ready();
    const { replica } = replicas.of(3);
    const its = replica.server.terms().map(({ partition }) => partition);
    const unserved = watched(replicas, its);
    replica.leave(backWithinMs);
    replicas.until(() => replica.server.isClosing && replica.server.terms().length === 0);
    const sinceMs = replicas.nowMs;
    // All that it has said arrives.
    replicas.run(10);
    replicas.away(3);
    const claimedByOthers = () =>
      replicas
        .all('claim')
        .filter(({ from, atMs, message }) => from !== 3 && atMs >= sinceMs && message.id !== 0)
        .flatMap(({ message }) => message.terms.map(({ partition }) => partition))
        .filter((partition) => its.includes(partition));
    const areServed = () => its.every((partition) => replicas.serverOf(partition) !== null);
    return { replicas, its, sinceMs, unserved, claimedByOthers, areServed };
  }

  /** How many of them nobody serves at a time, and for how long at most. */
  function watched(replicas: Replicas, its: readonly number[]) {
    const sinceMs = new Map<number, number>();
    const seen = { atOnce: 0, longestMs: 0 };
    const look = () => {
      for (const partition of its) {
        if (replicas.serverOf(partition) !== null) sinceMs.delete(partition);
        else if (!sinceMs.has(partition)) sinceMs.set(partition, replicas.nowMs);
      }
      seen.atOnce = Math.max(seen.atOnce, sinceMs.size);
      for (const atMs of sinceMs.values()) seen.longestMs = Math.max(seen.longestMs, replicas.nowMs - atMs);
      replicas.events.after(5, look);
    };
    look();
    return seen;
  }

  function isBack(replicas: Replicas, node: number, others: readonly number[]): void {
    replicas.restart(node);
    for (const other of others) replicas.link(node, other);
  }

  test.each([
    { nodes: [1, 2, 3], parts: 3 },
    { nodes: [1, 2, 3, 4, 5], parts: 1 },
  ])(
    'gives a part after the other to those who come after it, and its successor gets it back like that: each waits for a moment (nodes $nodes)',
    ({ nodes, parts }) => {
      const { replicas, its, unserved } = leaving(3000, nodes);
      expect(its.length).toBeGreaterThan(8 * parts);
      const next = (partition: number) => replicas.ring.placement(partition).owners[1];
      expect(its.map((partition) => replicas.serverOf(partition))).toEqual(its.map(next));
      expect(unserved.atOnce).toBeLessThanOrEqual(Math.max(8, Math.ceil(its.length / 8)));
      expect(unserved.atOnce).toBeGreaterThan(0);
      expect(unserved.longestMs).toBeLessThan(300);
      replicas.run(2500);
      expect(its.map((partition) => replicas.serverOf(partition))).toEqual(its.map(next));
      isBack(
        replicas,
        3,
        nodes.filter((node) => node !== 3),
      );
      replicas.ready();
      // Two give back at a time.
      expect(unserved.atOnce).toBeLessThanOrEqual(2 * Math.max(8, Math.ceil(its.length / 8)));
      expect(unserved.longestMs).toBeLessThan(300);
    },
  );

  test('is back for all that it served within seconds', () => {
    const { replicas } = leaving(3000);
    isBack(replicas, 3, [1, 2]);
    const sinceMs = replicas.nowMs;
    replicas.ready();
    expect(replicas.nowMs - sinceMs).toBeLessThan(4000);
  });

  test('keeps what nobody can take over for its successor, which is waited for: a second once it is linked', () => {
    const { replicas, claimedByOthers, areServed } = leaving(5000, [2, 3]);
    replicas.restart(3);
    replicas.of(3).isIdle = true;
    replicas.link(3, 2);
    const linkedMs = replicas.nowMs;
    replicas.run(900);
    expect(claimedByOthers()).toEqual([]);
    replicas.until(areServed);
    expect(replicas.nowMs - linkedMs).toBeLessThan(3000);
  });

  test.each([
    { named: 2000, waited: 2000 },
    { named: 60_000, waited: 5000 },
  ])('is waited for no longer than it has said, and 5 seconds at most: $named ms', ({ named, waited }) => {
    const replicas = new Replicas([1, 2, 3]);
    replicas.ready();
    replicas.of(3).replica.leave(named);
    replicas.until(() => replicas.of(3).replica.server.isClosing);
    const sinceMs = replicas.nowMs;
    replicas.run(10);
    replicas.away(3);
    const { replica } = replicas.of(1);
    replica.leave(5000);
    replicas.run(waited - 500);
    expect(replica.server.moving.hasBegun).toBe(false);
    replicas.until(() => replica.server.isClosing);
    expect(replicas.nowMs - sinceMs).toBeLessThan(waited + 1000);
  });

  test('waits for its turn: of three that are to leave at once one is away or comes back at a time', () => {
    const replicas = new Replicas([1, 2, 3], many);
    replicas.ready();
    const nodes = [1, 2, 3];
    const unserved = watched(
      replicas,
      Array.from({ length: many }, (_, partition) => partition),
    );
    for (const node of nodes) replicas.of(node).replica.leave(5000);
    const order: number[] = [];
    while (order.length < 3) {
      const moving = () => nodes.filter((node) => replicas.of(node).replica.server.moving.hasBegun);
      replicas.until(() => moving().length > 0);
      const [node = 0] = moving();
      const others = nodes.filter((one) => one !== node);
      order.push(node);
      replicas.until(() => replicas.of(node).replica.server.isClosing);
      replicas.run(10);
      replicas.away(node);
      // The others wait all the time that it is away, and until it has what is its own.
      replicas.run(2000);
      expect(moving()).toEqual([node]);
      isBack(replicas, node, others);
      const isOwn = (partition: number) => replicas.ring.placement(partition).owners[0] === node;
      const own = Array.from({ length: many }, (_, partition) => partition).filter(isOwn);
      while (moving().length === 0)
        if (!replicas.events.step(replicas.nowMs + 60_000) || order.length === 3) break;
      expect(own.every((partition) => replicas.serverOf(partition) === node) || order.length === 3).toBe(
        true,
      );
    }
    expect(order).toEqual([1, 2, 3]);
    replicas.ready();
    expect(unserved.longestMs).toBeLessThan(300);
  });

  test('waits three minutes at most for one that is to leave before it and does not', () => {
    const replicas = new Replicas([1, 2, 3]);
    replicas.ready();
    // 1 never goes: it does not even hear that it might.
    replicas.loses = ({ from, message }) =>
      from === 1 && message.kind === 'leave' && message.backWithinMs !== null;
    replicas.of(1).isStuck = true;
    replicas.of(1).replica.leave(5000);
    replicas.run(10);
    const { replica } = replicas.of(2);
    replica.leave(5000);
    replicas.run(179_500);
    expect(replica.server.moving.hasBegun).toBe(false);
    replicas.run(1000);
    expect(replica.server.moving.hasBegun).toBe(true);
  });

  /** Node 3 of three, while it gives away what it serves. */
  function toldToEnd() {
    const replicas = new Replicas([1, 2, 3], many);
    replicas.ready();
    const { replica } = replicas.of(3);
    replica.leave(5000);
    replicas.until(() => replica.server.moving.hasBegun);
    replica.close();
    return { replicas, replica };
  }

  test('that is told to end at once does, and hands over what it can without waiting', () => {
    const { replicas, replica } = toldToEnd();
    replicas.run(200);
    expect(replica.server.terms()).toEqual([]);
    replicas.run(2000);
    for (let partition = 0; partition < many; partition++)
      expect(replicas.serverOf(partition)).not.toBeNull();
  });

  test('that is told to end at once promises nobody a successor any more', () => {
    const { replicas } = toldToEnd();
    replicas.unlink(1, 3);
    replicas.run(10);
    const sinceMs = replicas.nowMs;
    replicas.link(1, 3);
    replicas.run(1000);
    expect(replicas.all('leave').filter(({ from, atMs }) => from === 3 && atMs >= sinceMs)).toEqual([]);
  });

  test('is one of two at a time among twenty', () => {
    const nodes = Array.from({ length: 20 }, (_, place) => place + 1);
    const replicas = new Replicas(nodes, many);
    replicas.ready();
    for (const node of nodes) replicas.of(node).replica.leave(5000);
    replicas.run(1000);
    const gone = nodes.filter((node) => replicas.of(node).replica.server.isClosing);
    expect(gone).toEqual([1, 2]);
  });

  test('gets the rest in one part where the first was slow', () => {
    const { replicas } = leaving(3000);
    isBack(replicas, 3, [1, 2]);
    replicas.messageMs = 500;
    const sinceMs = replicas.nowMs;
    replicas.ready();
    const asked = replicas
      .all('yield')
      .flatMap(({ from, to, atMs, message }) =>
        from === 3 && to === 1 && atMs >= sinceMs ? [message.partitions.length] : [],
      );
    const rest = asked.slice(1);
    expect(asked[0]).toBe(8);
    expect(rest).toHaveLength(1);
    expect(rest[0]).toBeGreaterThan(8);
  });

  test('gives nothing more to who is slow to take over: the rest waits for the successor', () => {
    const replicas = new Replicas([1, 2, 3], many);
    replicas.ready();
    replicas.loses = ({ message }) => message.kind === 'claim';
    const { replica } = replicas.of(3);
    replica.leave(5000);
    replicas.until(() => replica.server.moving.hasBegun);
    const sinceMs = replicas.nowMs;
    // The first part is under way.
    const before = replica.server.openTerms().length;
    expect(before).toBeGreaterThan(0);
    replicas.run(1400);
    expect(replica.server.openTerms()).toHaveLength(before);
    replicas.until(() => replica.server.isClosing);
    expect(replicas.nowMs - sinceMs).toBeLessThan(2000);
    expect(replica.server.openTerms()).toEqual([]);
  });

  test('does not wait where nothing goes on without it anyway: of two machines both leave at once', () => {
    const replicas = new Replicas([1, 2]);
    replicas.ready();
    for (const node of [1, 2]) replicas.of(node).replica.leave(5000);
    replicas.run(400);
    for (const node of [1, 2]) expect(replicas.of(node).replica.server.isClosing).toBe(true);
  });
});
