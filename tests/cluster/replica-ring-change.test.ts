// What a node that is to own more gets when the ring changes, and when the change is taken back.
import { describe, expect, test } from 'vitest';
import { firstArrivals, Replicas, type Sent } from './replicas-together.ts';

/** 2 serves a partition of which 4 owns nothing, until the ring changes. */
function together() {
  const replicas = new Replicas([1, 2, 3, 4]);
  const partition = replicas.partitionOwnedBy(2, 3, 1);
  replicas.ready();
  return { replicas, partition, newcomer: replicas.of(4) };
}

const isFor4 = ({ from, to }: Sent): boolean => from === 2 && to === 4;

describe('a node that is to own the home of an author whom it wants', () => {
  /** It has not got the first post, which its committed lane was to bring, nor the second one, which comes by either lane. */
  function behind() {
    const { replicas, partition, newcomer } = together();
    const list = newcomer.replica.want([partition], []);
    replicas.until(() => newcomer.replica.wantedThrough() >= list);
    const isOf = ({ message }: Sent, lane: string): boolean =>
      message.kind === 'entries' && message.lane === lane;
    replicas.loses = (sent) => isFor4(sent) && isOf(sent, 'committed');
    const first = replicas.post(2, partition, 1);
    replicas.run(20);
    replicas.loses = (sent) => isFor4(sent) && (isOf(sent, 'committed') || isOf(sent, 'replica'));
    const second = replicas.post(2, partition, 2);
    replicas.run(20);
    expect(firstArrivals(newcomer)).toEqual([]);
    replicas.loses = () => false;
    return { replicas, newcomer, first, second };
  }

  test('is given the posts in their order, whichever lane brings them', () => {
    const { replicas, newcomer, first, second } = behind();
    replicas.changeRing(2, [1, 2, 3, 4], [2, 3, 4]);
    replicas.until(() => firstArrivals(newcomer).includes(second));
    expect(firstArrivals(newcomer)).toEqual([first, second]);
    // Once is enough: with another link the lane goes on from where it stands.
    replicas.unlink(2, 4);
    replicas.link(2, 4);
    replicas.run(20);
    const begun = replicas
      .all('followed')
      .findLast((sent) => isFor4(sent) && sent.message.lane === 'replica');
    expect(begun?.message.own).toBe(replicas.of(2).disk.head('own'));
  });

  test('is given them in their order though its links break meanwhile', () => {
    const { replicas, newcomer, first, second } = behind();
    replicas.loseLink(2, 4);
    replicas.changeRing(2, [1, 2, 3, 4], [2, 3, 4]);
    replicas.unlink(2, 4);
    replicas.link(2, 4);
    replicas.until(() => firstArrivals(newcomer).includes(second));
    expect(firstArrivals(newcomer)).toEqual([first, second]);
  });

  test('loses nothing if the log does not go back as far as its committed lane stood', () => {
    const { replicas, newcomer, second } = behind();
    replicas.loseLink(2, 4);
    const server = replicas.of(2);
    replicas.unlink(2, 4);
    // All that 4 has in its replica lane.
    server.disk.trim({ own: server.disk.head('own') - 1, relay: 0 }, 0);
    replicas.run(20);
    const held = replicas.ring.held(4);
    replicas.changeRing(2, [1, 2, 3, 4], [2, 3, 4]);
    replicas.link(2, 4);
    replicas.until(() => firstArrivals(newcomer).includes(second));
    expect(replicas.all('trimmed').map(({ message }) => message.lane)).toContain('replica');
    expect(held.length).toBeGreaterThan(0);
    for (const partition of held) expect(newcomer.replica.scans.holds(partition)).toBe(true);
  });
});

/** A message and an fsync take a millisecond each: the answer comes, what it brings is written, then the terms, then what is held. */
const moments = [0.5, 1.5, 2.5, 3.5, 4.5];

test.each(moments)(
  'what a node had asked for is asked for once more if the change was taken back %s ms after the answer was sent',
  (ms) => {
    const { replicas, partition, newcomer } = together();
    const isAnswered = (): boolean =>
      replicas
        .all('scanned')
        .some(({ to, message }) => to === 4 && message.terms.some((term) => term.partition === partition));
    // So it has to learn the terms, too.
    replicas.loses = ({ to, message }) => to === 4 && message.kind === 'claim';
    replicas.changeRing(2, [1, 2, 3, 4], [2, 3, 4]);
    replicas.until(isAnswered);
    replicas.run(ms);
    replicas.changeRing(3, [1, 2, 3, 4], null);
    replicas.until(() => replicas.serverOf(partition) === 2);
    // By no lane does it come.
    const key = replicas.post(2, partition, 1);
    replicas.run(20);
    replicas.changeRing(4, [1, 2, 3, 4], [2, 3, 4]);
    expect(newcomer.replica.scans.missing()).toContain(partition);
    replicas.until(() => newcomer.replica.scans.missing().length === 0);
    expect(replicas.versionAt(4, key)).not.toBeNull();
  },
);
