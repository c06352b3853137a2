// What a node that is to own more gets when the ring changes, and when the change is taken back.
import { expect, test } from 'vitest';
import { Replicas } from './replicas-together.ts';

/** 2 serves a partition of which 4 owns nothing, until the ring changes. */
function together() {
  const replicas = new Replicas([1, 2, 3, 4]);
  const partition = replicas.partitionOwnedBy(2, 3, 1);
  replicas.ready();
  return { replicas, partition, newcomer: replicas.of(4) };
}

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
