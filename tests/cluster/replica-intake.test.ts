// What a core makes of a log that does not go back as far as it needs: it judges that by the ring by which the log was trimmed, not by an older one.
import { expect, test } from 'vitest';
import type { PeerMessage } from '../../cluster/peer-messages.ts';
import { Intake } from '../../cluster/replica-intake.ts';
import { Ring } from '../../cluster/ring.ts';
import { partitionOfKey } from '../../runtime/key.ts';

const self = 2;
const peer = 3;

function setUp() {
  const state = { epoch: 4 };
  const trimmed: string[] = [];
  const follows: Extract<PeerMessage, { kind: 'follow' }>[] = [];
  const quiet = (): void => {};
  const ring = new Ring([{ node: self, machine: 'a', weight: 1 }], null, 8);
  const intake = new Intake({
    self,
    store: { positions: () => [], adopt: quiet, trimmedUpTo: () => 0, read: () => null } as never,
    clock: { monoMs: () => 0, wallMs: () => 0 },
    ring: () => ring,
    send: (_node, message) => {
      if (message.kind === 'follow') follows.push(message);
    },
    partitionOf: partitionOfKey,
    hasData: () => true,
    epoch: () => state.epoch,
    wantOf: () => 0,
    arrived: quiet,
    moved: quiet,
    trimmed: (by, lane) => trimmed.push(`${lane} of ${by}`),
    skipped: quiet,
    untold: () => ({ of: () => [], tell: quiet }),
  });
  intake.linked(peer);
  const idOf = (lane: string): number => follows.findLast((follow) => follow.lane === lane)?.id ?? 0;
  return { state, trimmed, follows, intake, idOf };
}

test('a log trimmed by a later ring says nothing until that ring is known', () => {
  const { state, trimmed, follows, intake, idOf } = setUp();
  const before = follows.length;

  intake.trimmed(peer, { kind: 'trimmed', follow: idOf('replica'), lane: 'replica', epoch: 5 });
  expect(trimmed).toEqual([]);
  expect(follows).toHaveLength(before);

  state.epoch = 5;
  intake.ringChanged();
  intake.trimmed(peer, { kind: 'trimmed', follow: idOf('replica'), lane: 'replica', epoch: 5 });
  expect(trimmed).toEqual(['replica of 3']);
});

test('one trimmed by a ring of before, or by one that does not say, counts at once', () => {
  for (const epoch of [3, 4, null]) {
    const { trimmed, intake, idOf } = setUp();
    intake.trimmed(peer, { kind: 'trimmed', follow: idOf('replica'), lane: 'replica', epoch });
    expect(trimmed).toEqual(['replica of 3']);
  }
});
