// What a node does before it serves what another one served: whose clocks it goes by, what it gathers, and what it says again.
import { describe, expect, test } from 'vitest';
import { relayBit, relayOf } from '../../cluster/peer-messages.ts';
import { firstArrivals, keysIn, Replicas } from './replicas-together.ts';

describe('what the last server had not got to everybody', () => {
  /** 2 serves a partition that 3 is to take over; 4 owns nothing of it, and wants the author. */
  function served() {
    const replicas = new Replicas([1, 2, 3, 4]);
    const partition = replicas.partitionOwnedBy(2, 3, 1);
    replicas.ready();
    const listener = replicas.listening(4, partition);
    return { replicas, partition, listener };
  }

  test('the new one says again, before it writes anything itself', () => {
    const { replicas, partition, listener } = served();
    replicas.loseWay(2, 4);
    const first = replicas.post(2, partition, 1);
    replicas.away(2);
    // Copies that are asked for may take any time.
    replicas.loses = ({ to, message }) => to === 4 && message.kind === 'pulled';
    replicas.until(() => replicas.serverOf(partition) === 3);
    const second = replicas.post(3, partition, 2);
    replicas.until(() => firstArrivals(listener).includes(second));
    expect(firstArrivals(listener)).toEqual([first, second]);
  });

  test('the new one says again as far as it is of the last 15 seconds', () => {
    const { replicas, partition } = served();
    const old = replicas.post(2, partition, 1);
    replicas.run(16_000);
    const recent = Array.from({ length: 10 }, (_, number) => replicas.post(2, partition, 10 + number));
    replicas.away(2);
    replicas.until(() => replicas.serverOf(partition) === 3);
    const again = keysIn(replicas.of(3).disk, relayOf(3), 300);
    expect(again).not.toContain(old);
    expect(again.toSorted()).toEqual(recent);
  });

  test('the new one says again as far as it is among the last 512 entries of a log', () => {
    const { replicas, partition } = served();
    const many = Array.from({ length: 600 }, (_, number) => replicas.write(2, partition, number));
    replicas.post(2, partition, 600);
    replicas.away(2);
    replicas.until(() => replicas.serverOf(partition) === 3);
    const again = keysIn(replicas.of(3).disk, relayOf(3), 300);
    expect(again).toHaveLength(512);
    expect(again).not.toContain(many[88]);
    expect(again).toContain(many[89]);
  });
});

describe('a node whose clock is behind those of all who grant', () => {
  /** 3 is next in line for what 1 serves, and its clock is two seconds behind. */
  function behind() {
    const replicas = new Replicas([1, 2, 3]);
    const partition = replicas.partitionOwnedBy(1, 3, 2);
    replicas.ready();
    return { replicas, partition, late: replicas.of(3) };
  }

  test('claims nothing, until its clock is right', () => {
    const { replicas, partition, late } = behind();
    late.wallOffsetMs = -2000;
    replicas.run(5000);
    replicas.away(1);
    const sinceMs = replicas.nowMs;
    replicas.run(20_000);
    expect(replicas.serverOf(partition)).toBeNull();
    const claims = replicas.all('claim').filter(({ from, atMs }) => from === 3 && atMs > sinceMs);
    // Of what it serves it asks for the same terms again: those are no claims.
    expect(claims.filter(({ message }) => message.id !== 0)).toEqual([]);
    late.wallOffsetMs = 0;
    replicas.until(() => replicas.serverOf(partition) === 3);
  });

  test('takes over nothing of what it claimed before its clock fell behind', () => {
    const { replicas, partition, late } = behind();
    replicas.away(1);
    let granted = 0;
    replicas.loses = (sent) => {
      const { to, message } = sent;
      if (to !== 3 || message.kind !== 'granted' || !message.granted.includes(partition)) return false;
      granted++;
      late.wallOffsetMs = -2000;
      // The heartbeats that show it are sooner there.
      replicas.events.after(600, () => replicas.deliver(sent));
      return true;
    };
    replicas.until(() => granted > 0);
    replicas.run(10_000);
    expect(late.replica.server.isServing(partition)).toBe(false);
    replicas.loses = () => false;
    late.wallOffsetMs = 0;
    replicas.until(() => replicas.serverOf(partition) === 3);
  });
});

describe('copies that an owner has trimmed', () => {
  /** 3 lacks twenty posts of 1, which is gone; 2 has them all, and serves nothing. */
  function lacking() {
    const replicas = new Replicas([1, 2, 3]);
    replicas.of(2).isIdle = true;
    const partition = replicas.partitionOwnedBy(1, 3, 2);
    replicas.until(() => replicas.serverOf(partition) === 1);
    replicas.away(3);
    const posts = Array.from({ length: 20 }, (_, number) => replicas.post(1, partition, number));
    const trim = (): void => {
      replicas.of(2).disk.trim({ own: 0, relay: 0 }, 2);
      replicas.run(10);
    };
    // What is asked for live sessions would bring some of them, too.
    replicas.loses = ({ message }) => message.kind === 'pull' && message.id > relayBit;
    const takeOver = (): void => {
      replicas.away(1);
      replicas.link(2, 3);
      replicas.until(() => replicas.serverOf(partition) === 3);
    };
    const lost = (): string[] => posts.filter((key) => replicas.versionAt(3, key) === null);
    return { replicas, partition, trim, takeOver, lost };
  }

  test('a claim gets as facts', () => {
    const { replicas, trim, takeOver, lost } = lacking();
    trim();
    expect(lost()).toHaveLength(20);
    takeOver();
    expect(lost()).toEqual([]);
    expect(replicas.all('scan').some(({ from, message }) => from === 3 && message.asOwner)).toBe(true);
  });

  /** Those posts have come back to their author, on a new disk, as facts. */
  function cameBack() {
    const { replicas, partition, trim, lost } = lacking();
    trim();
    replicas.of(3).isIdle = true;
    replicas.of(2).isIdle = false;
    const wipe = (node: number): void => {
      replicas.wipe(node);
      replicas.of(node).isIdle = true;
      for (const other of [1, 2, 3]) if (other !== node) replicas.link(node, other);
      replicas.until(() => replicas.of(node).replica.scans.missing().length === 0);
    };
    const takeOverFrom = (node: number): void => {
      replicas.away(node);
      replicas.of(3).isIdle = false;
      replicas.until(() => replicas.serverOf(partition) === 3);
    };
    replicas.link(2, 3);
    wipe(1);
    expect(lost()).not.toEqual([]);
    return { replicas, partition, wipe, takeOverFrom, lost };
  }

  test('a claim gets from their author, to whose new disk they came back as facts', () => {
    const { takeOverFrom, lost } = cameBack();
    takeOverFrom(2);
    expect(lost()).toEqual([]);
  });

  test('a claim gets from who has them of their author, to whose new disk they had come back as facts', () => {
    const { replicas, partition, wipe, takeOverFrom, lost } = cameBack();
    replicas.of(1).isIdle = false;
    wipe(2);
    expect(replicas.serverOf(partition)).toBe(1);
    takeOverFrom(1);
    expect(lost()).toEqual([]);
  });

  test('after it had said that it has them make the claim be made again', () => {
    const { replicas, trim, takeOver, lost } = lacking();
    const { loses } = replicas;
    let pulls = 0;
    replicas.loses = (sent) => {
      if (sent.message.kind === 'pull' && !sent.message.committed && pulls++ === 0) {
        replicas.events.after(0, trim);
        replicas.events.after(20, () => replicas.deliver(sent));
        return true;
      }
      return loses(sent);
    };
    takeOver();
    expect(pulls).toBeGreaterThan(0);
    expect(replicas.all('unscanned')).not.toHaveLength(0);
    expect(lost()).toEqual([]);
  });
});

describe('copies of what a linked node wrote, and could not send here', () => {
  test('are asked of the next server, before that is believed', () => {
    const replicas = new Replicas([1, 2, 3, 4]);
    const partition = replicas.partitionOwnedBy(2, 3, 1);
    const writer = replicas.of(2);
    const listener = replicas.of(4);
    writer.isIdle = true;
    listener.isIdle = true;
    replicas.until(() => replicas.serverOf(partition) === 3);
    replicas.listening(4, partition);
    // It has said that it serves nothing, and nothing else from now on.
    replicas.until(() => listener.replica.horizon.says(2, partition) === false);
    replicas.loseWay(2, 4);
    writer.isIdle = false;
    replicas.until(() => replicas.serverOf(partition) === 2);
    const post = replicas.post(2, partition, 1);
    // So old that nobody says it again.
    replicas.run(20_000);
    expect(firstArrivals(listener)).toEqual([]);
    replicas.unlink(2, 1);
    replicas.unlink(2, 3);
    replicas.loseLink(2, 4);
    replicas.until(() => replicas.serverOf(partition) === 3);
    expect(listener.replica.leases.isLinked(2)).toBe(true);
    const version = replicas.versionAt(3, post);
    if (version === null) throw new Error('an owner has it');
    replicas.loses = ({ to, message }) => to === 4 && message.kind === 'pulled';
    replicas.run(5000);
    expect(listener.replica.horizon.watermark() < version).toBe(true);
    replicas.loses = () => false;
    replicas.until(() => listener.replica.horizon.watermark() >= version);
    expect(firstArrivals(listener)).toEqual([post]);
  });

  test('are not taken of what that node still serves: too few may have it', () => {
    const replicas = new Replicas([1, 2, 3, 4]);
    const handedOver = replicas.partitionOwnedBy(3, 2, 1);
    const kept = replicas.partitionOwnedBy(2, 3, 1);
    const listener = replicas.of(4);
    listener.isIdle = true;
    replicas.of(3).isIdle = true;
    replicas.until(() => [handedOver, kept].every((one) => replicas.serverOf(one) === 2));
    replicas.listening(4, handedOver, kept);
    replicas.of(3).isIdle = false;
    replicas.until(() => !replicas.of(2).replica.server.isServing(handedOver));
    // As far as its server knows, nobody else has it.
    replicas.loses = ({ to, message }) => to === 2 && message.kind === 'stored';
    const post = replicas.write(2, kept, 1);
    replicas.until(() => replicas.serverOf(handedOver) === 3);
    replicas.run(2000);
    expect(replicas.versionAt(3, post)).not.toBeNull();
    expect(firstArrivals(listener)).toEqual([]);
    replicas.loses = () => false;
    replicas.until(() => firstArrivals(listener).includes(post));
  });
});

describe('a question to an owner that is lost with its link', () => {
  /** 1 asks for its partitions, and 2 never hears that; 3 is not there, so that nothing goes without 2. */
  function asking() {
    const replicas = new Replicas([1, 2]);
    const partition = replicas.partitionOwnedBy(1, 2);
    replicas.loses = ({ to, message }) => to === 2 && message.kind === 'claim';
    replicas.until(() => replicas.all('claim').some(({ from }) => from === 1));
    replicas.loses = () => false;
    return { replicas, partition };
  }

  test('is asked by the next link at once', () => {
    const { replicas, partition } = asking();
    const askedMs = replicas.nowMs;
    replicas.unlink(1, 2);
    replicas.link(1, 2);
    replicas.until(() => replicas.serverOf(partition) === 1);
    expect(replicas.nowMs - askedMs).toBeLessThan(200);
  });

  test('is not asked of one who has answered', () => {
    const replicas = new Replicas([1, 2]);
    // The claim stays under way: its entries do not get to the disk of the other.
    replicas.loses = ({ message }) => message.kind === 'stored' || message.kind === 'closed';
    replicas.until(() => replicas.all('granted').some(({ to }) => to === 1));
    replicas.run(5);
    const asked = replicas.all('claim').filter(({ from }) => from === 1).length;
    replicas.unlink(1, 2);
    replicas.link(1, 2);
    replicas.run(20);
    expect(replicas.all('claim').filter(({ from }) => from === 1)).toHaveLength(asked);
  });

  test('is not waited for when no other link comes', () => {
    const replicas = new Replicas([1, 2, 3]);
    const partition = replicas.partitionOwnedBy(2, 3, 1);
    replicas.loses = ({ to, message }) => to === 1 && message.kind === 'claim';
    replicas.until(() => replicas.all('claim').some(({ from }) => from === 2));
    // The other owner has answered.
    replicas.run(20);
    const askedMs = replicas.nowMs;
    replicas.unlink(1, 2);
    replicas.until(() => replicas.serverOf(partition) === 2);
    expect(replicas.nowMs - askedMs).toBeLessThan(300);
  });
});
