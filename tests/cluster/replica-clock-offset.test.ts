// The estimate of how far a node's wall clock is from the others'.
import { describe, expect, test } from 'vitest';
import type { PeerMessage } from '../../cluster/peer-messages.ts';
import { ClockOffsets } from '../../cluster/replica-clock-offset.ts';
import { Heartbeats } from '../../cluster/replica-heartbeats.ts';
import { Leases } from '../../cluster/replica-leases.ts';
import type { ReplicaStore } from '../../cluster/replica-ports.ts';
import { noVersion } from '../../runtime/version.ts';

const wallMs = 1_800_000_000_000;

/** A question at time 1,000 of this node, and its answer; `out` and `back` are what each way took. */
function ask(
  offsets: ClockOffsets,
  node: number,
  { aheadMs = 0, out = 10, back = 10, id = 1, atMs = 1_000 } = {},
): void {
  offsets.asked(node, { id, monoMs: atMs });
  const theirMs = wallMs + atMs + out + aheadMs;
  offsets.answered(node, { id, theirMs, oursMs: wallMs + atMs + out + back, monoMs: atMs + out + back });
}

describe('a node', () => {
  test('alone is at no distance from anybody', () => {
    expect(new ClockOffsets().ownMs()).toBe(0);
  });

  test('of two says how far it is from the other, whatever the way takes', () => {
    const behind = new ClockOffsets();
    ask(behind, 2, { aheadMs: 400, out: 150, back: 150 });
    expect(behind.ownMs()).toBe(-400);
    const ahead = new ClockOffsets();
    ask(ahead, 2, { aheadMs: -250 });
    expect(ahead.ownMs()).toBe(250);
  });

  test('of three is not moved by one whose clock is far off, and sees that it is itself', () => {
    const sound = new ClockOffsets();
    ask(sound, 2, { aheadMs: 5 });
    ask(sound, 3, { aheadMs: 600_000 });
    expect(sound.ownMs()).toBe(-5);
    const astray = new ClockOffsets();
    ask(astray, 2, { aheadMs: -600_000 });
    ask(astray, 3, { aheadMs: -600_010 });
    expect(astray.ownMs()).toBe(600_000);
  });

  test('believes the quickest of the last answers', () => {
    const offsets = new ClockOffsets();
    ask(offsets, 2, { aheadMs: 20, out: 2, back: 2, id: 1 });
    ask(offsets, 2, { aheadMs: 20, out: 900, back: 0, id: 2, atMs: 2_000 });
    expect(offsets.ownMs()).toBe(-20);
    // A clock that was set right meanwhile: eight answers later nothing is left of before.
    for (let id = 3; id <= 10; id++) ask(offsets, 2, { aheadMs: 0, out: 40, back: 40, id, atMs: id * 1_000 });
    expect(offsets.ownMs()).toBe(0);
  });

  test('does not count one that is away, nor an answer to nothing or to what was answered', () => {
    const offsets = new ClockOffsets();
    ask(offsets, 2, { aheadMs: 70 });
    offsets.answered(2, { id: 1, theirMs: wallMs + 9e9, oursMs: wallMs, monoMs: 1_020 });
    offsets.answered(2, { id: 44, theirMs: wallMs + 9e9, oursMs: wallMs, monoMs: 1_020 });
    offsets.answered(3, { id: 1, theirMs: wallMs + 9e9, oursMs: wallMs, monoMs: 1_020 });
    expect(offsets.ownMs()).toBe(-70);
    offsets.forget(2);
    expect(offsets.ownMs()).toBe(0);
  });

  test('keeps few of the questions that nobody answers', () => {
    const offsets = new ClockOffsets();
    for (let id = 1; id <= 100; id++) offsets.asked(2, { id, monoMs: id });
    const answer = { theirMs: wallMs + 60, oursMs: wallMs, monoMs: 100 };
    offsets.answered(2, { ...answer, id: 84 });
    expect(offsets.ownMs()).toBe(0);
    offsets.answered(2, { ...answer, id: 100 });
    expect(offsets.ownMs()).toBe(-60);
  });
});

describe('heartbeats', () => {
  /** Two nodes, whose wall clocks differ by this much, and whose heartbeats take 20 ms each way. */
  function pair(aheadMs: number) {
    let nowMs = 0;
    const node = (number: number, offsetMs: number) => {
      const clock = { monoMs: () => nowMs, wallMs: () => wallMs + nowMs + offsetMs };
      const leases = new Leases(clock, () => false);
      const other = 3 - number;
      leases.linked({ node: other, boot: 'b', incarnation: 1 });
      const sent: PeerMessage[] = [];
      const heartbeats = new Heartbeats({
        store: { clock: noVersion, observe() {} } as Partial<ReplicaStore> as ReplicaStore,
        clock,
        leases,
        send: (_to, message) => sent.push(message),
        epoch: () => 1,
        unheld: () => 0,
        epochOf() {},
        ahead() {},
        pinged() {},
        lapsed() {},
      });
      heartbeats.linked(other);
      return { heartbeats, sent };
    };
    const [one, two] = [node(1, 0), node(2, aheadMs)];
    return {
      one: one.heartbeats,
      two: two.heartbeats,
      beat() {
        for (const [from, to, name] of [
          [one, two, 1],
          [two, one, 2],
        ] as const) {
          from.heartbeats.ping(3 - name);
          nowMs += 20;
          for (const message of from.sent.splice(0))
            if (message.kind === 'ping') to.heartbeats.pinged(name, message);
          nowMs += 20;
          for (const message of to.sent.splice(0))
            if (message.kind === 'pong') from.heartbeats.ponged(3 - name, message);
          nowMs += 500;
        }
      },
    };
  }

  test('tell each node how far its clock is from the other, also from one that gets no lease', () => {
    for (const aheadMs of [0, 120, -3_000, 600_000]) {
      const { one, two, beat } = pair(aheadMs);
      beat();
      expect([one.clockOffsetMs, two.clockOffsetMs]).toEqual([aheadMs === 0 ? 0 : -aheadMs, aheadMs]);
      one.unlinked(2);
      expect(one.clockOffsetMs).toBe(0);
    }
  });
});
