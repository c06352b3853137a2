// A scan sets a lane back to where its source stands. If the log does not go back to there any more, only what was scanned is lost.
import { describe, expect, test } from 'vitest';
import { relayOf } from '../../cluster/peer-messages.ts';
import { SetBacks } from '../../cluster/replica-set-backs.ts';
import { Ring } from '../../cluster/ring.ts';
import { partitions, Replicas } from './replicas-together.ts';

const life = 7;

describe('where a lane stood', () => {
  /** A lane of node 2's log stands where the test says. */
  function standing(seq: number) {
    const place = { seq };
    return { place, setBacks: new SetBacks((origin) => (origin === 2 ? place.seq : 0)) };
  }
  const at = (seq: number, origin = 2) => ({ origin, incarnation: life, seq });

  test('is known until the lane is there again', () => {
    const { place, setBacks } = standing(20);
    expect(setBacks.trimmed(2)).toBeNull();
    expect(setBacks.note(at(7), [0, 3])).toBe(true);
    place.seq = 7;
    expect(setBacks.trimmed(4)).toBeNull();
    expect(setBacks.trimmed(2)).toEqual({ positions: [at(20)], partitions: new Set([0, 3]) });
    place.seq = 20;
    expect(setBacks.trimmed(2)).toBeNull();
    expect(setBacks.listed()).toEqual([]);
  });

  test('stays what it was when it is set back once more, by whoever is behind it', () => {
    const { place, setBacks } = standing(20);
    setBacks.note(at(7), [0]);
    place.seq = 9;
    expect(setBacks.note(at(15), [1])).toBe(true);
    expect(setBacks.note(at(20), [2])).toBe(false);
    expect(setBacks.trimmed(2)).toEqual({ positions: [at(20)], partitions: new Set([0, 1]) });
  });

  test('is another one when the lane had come further before it is set back again', () => {
    const { place, setBacks } = standing(20);
    setBacks.note(at(7), [0]);
    place.seq = 30;
    expect(setBacks.note(at(12), [1])).toBe(true);
    place.seq = 12;
    expect(setBacks.trimmed(2)).toEqual({ positions: [at(30)], partitions: new Set([1]) });
  });

  test('is known after a restart', () => {
    const { setBacks } = standing(20);
    setBacks.note(at(7), [0, 3]);
    const { place, setBacks: restarted } = standing(7);
    restarted.restore([[2, life, 20, [0, 3]]]);
    expect(restarted.listed()).toEqual([[2, life, 20, [0, 3]]]);
    expect(restarted.trimmed(2)?.partitions).toEqual(new Set([0, 3]));
    place.seq = 20;
    expect(restarted.listed()).toEqual([]);
  });

  test('of a log nothing was here of: none', () => {
    const { setBacks } = standing(20);
    expect(setBacks.note(at(7, relayOf(2)), [0])).toBe(false);
  });

  test('who stands where the log has been trimmed is too far behind, unless this node is no further', () => {
    const { place, setBacks } = standing(20);
    setBacks.note(at(7), [0]);
    place.seq = 7;
    expect(setBacks.isGone(at(7))).toBe(false);
    setBacks.trimmed(2);
    expect(setBacks.isGone(at(7))).toBe(false);
    place.seq = 20;
    expect(setBacks.isGone(at(7))).toBe(true);
    expect(setBacks.isGone(at(8))).toBe(false);
  });
});

describe('a server that one log does not reach any more', () => {
  const machines = (nodes: readonly number[]) =>
    nodes.map((node) => ({ node, machine: `m${node}`, weight: 1 }));

  /** 2 and 3 have lost each other, 2 has written and trimmed its log; 3 serves what 4 is to own in place of 2. */
  function leaving() {
    const replicas = new Replicas([1, 2, 3, 4]);
    const scanned = replicas.partitionOwnedBy(3, 1, 2);
    const written = replicas.partitionOwnedBy(2, 4, 3);
    replicas.ready();
    replicas.unlink(2, 3);
    const posts = Array.from({ length: 5 }, (_, number) => replicas.post(2, written, number));
    replicas.run(1000);
    const { disk } = replicas.of(2);
    disk.trim({ own: disk.head('own'), relay: disk.head('relay') }, 0);
    replicas.run(100);
    const ring = new Ring(machines([1, 2, 3, 4]), machines([1, 3, 4]), partitions);
    for (const node of [1, 2, 3, 4]) replicas.of(node).replica.adoptRing(ring, 2);
    return { replicas, scanned, written, posts, ring };
  }

  test('costs who scans it nothing that it had, and is not scanned in vain again and again', () => {
    const { replicas, scanned, written } = leaving();
    replicas.until(() => replicas.all('trimmed').some(({ from, to }) => from === 2 && to === 4));
    replicas.run(4000);
    const { scans } = replicas.of(4).replica;
    expect(scans.holds(written)).toBe(true);
    expect(scans.holds(scanned)).toBe(false);
    const pieces = replicas.all('scan').filter(({ from, to }) => from === 4 && to === 3);
    expect(pieces.length).toBeLessThan(10);
  });

  test('costs no more when there was a restart in between', () => {
    const { replicas, scanned, written, ring } = leaving();
    replicas.loses = ({ to, message }) => to === 4 && message.kind === 'trimmed';
    replicas.until(() => replicas.of(4).replica.scans.holds(scanned));
    replicas.run(100);
    replicas.restart(4);
    const { replica } = replicas.of(4);
    replica.adoptRing(ring, 2);
    replicas.loses = () => false;
    for (const other of [1, 2, 3]) replicas.link(4, other);
    const before = replicas.all('trimmed').length;
    replicas.until(() =>
      replicas
        .all('trimmed')
        .slice(before)
        .some(({ from, to }) => from === 2 && to === 4),
    );
    replicas.run(1000);
    expect(replica.scans.holds(written)).toBe(true);
    const scans = replicas.all('scan').filter(({ from }) => from === 4);
    expect(scans.filter(({ message }) => message.partitions.includes(written))).toEqual([]);
  });

  test('is scanned all the same when the node of that log is away', () => {
    const { replicas, scanned } = leaving();
    replicas.until(() => replicas.all('trimmed').some(({ from, to }) => from === 2 && to === 4));
    replicas.run(1000);
    replicas.away(2);
    replicas.until(() => replicas.of(4).replica.scans.holds(scanned));
  });

  test('leaves enough others to serve all when it has found out itself', () => {
    const { replicas, ring, posts } = leaving();
    replicas.run(2000);
    replicas.link(2, 3);
    replicas.until(() =>
      [1, 2, 3, 4].every((node) => replicas.of(node).replica.scans.missing().length === 0),
    );
    replicas.until(() => ring.held(1).every((partition) => replicas.serverOf(partition) !== null));
    for (const post of posts) expect(replicas.versionAt(3, post)).not.toBeNull();
  });
});
