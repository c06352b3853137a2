// The lease on a gateway's caches: never held longer than the core believes, whatever stalls. No test here waits: time is told.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { wakefulClock } from '../../cluster/link-clock.ts';
import {
  GivenLease,
  HeldLease,
  heartbeatMs,
  leaseMs,
  leaseMsOf,
  leaseSlackMs,
  mostDrift,
  ownLeaseMs,
} from '../../cluster/link-lease.ts';
import { silenceMostMsOf } from '../../cluster/link-silence.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { until } from '../support/until.ts';
import { Ends, ManualClock, messagesTravel } from './link-ends.ts';

const ends = new Ends();
const silenceMostMs = silenceMostMsOf(true);
beforeEach(() => ends.open());
afterEach(() => ends.close());

describe('the lease', () => {
  test('counts from the sending of the ping, not from the coming of its pong', () => {
    const held = new HeldLease(0);
    const id = held.ping(1000);
    held.confirm(id);
    expect(held.endsAtMs).toBe(1000 + leaseMs);
    expect(held.holds(3999)).toBe(true);
    expect(held.holds(4000)).toBe(false);
  });

  test('is not renewed by a pong that answers nothing, or twice', () => {
    const held = new HeldLease(0);
    const id = held.ping(500);
    held.confirm(99);
    expect(held.endsAtMs).toBe(leaseMs);
    held.confirm(id);
    held.ping(1000);
    held.confirm(id);
    expect(held.endsAtMs).toBe(500 + leaseMs);
  });

  test('never lasts longer than the core believes, whatever is delayed', () => {
    const delay = fc.integer({ min: 0, max: 20_000 });
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            pauseMs: fc.integer({ min: 1, max: 5000 }),
            there: delay,
            back: delay,
            isKept: fc.boolean(),
          }),
          {
            maxLength: 30,
          },
        ),
        (pings) => {
          const held = new HeldLease(0);
          const given = new GivenLease(5);
          type Step = { atMs: number; act(atMs: number): void };
          const steps: Step[] = [];
          let sentMs = 0;
          let inMs = 0;
          let backMs = 0;
          for (const { pauseMs, there, back, isKept } of pings) {
            sentMs += pauseMs;
            // Messages do not overtake each other.
            inMs = Math.max(inMs, sentMs + there);
            backMs = Math.max(backMs, inMs + back);
            let id = 0;
            steps.push({ atMs: sentMs, act: (atMs) => (id = held.ping(atMs)) });
            steps.push({ atMs: inMs, act: (atMs) => given.renew(atMs, { id, confirmed: held.confirmed }) });
            steps.push({ atMs: backMs, act: () => held[isKept ? 'extend' : 'confirm'](id) });
          }
          steps.sort((one, other) => one.atMs - other.atMs);
          for (const { atMs, act } of steps) {
            act(atMs);
            expect(held.endsAtMs).toBeLessThanOrEqual(given.surelyOverAtMs - leaseSlackMs);
          }
        },
      ),
    );
  });
});

describe('between machines', () => {
  /** Shows another time than others do, and goes at another rate. */
  class FarClock {
    readonly #offsetMs: number;
    readonly #rate: number;
    constructor(offsetMs: number, rate: number) {
      this.#offsetMs = offsetMs;
      this.#rate = rate;
    }
    at(trueMs: number): number {
      return this.#offsetMs + trueMs * this.#rate;
    }
    trueMs(shown: number): number {
      return (shown - this.#offsetMs) / this.#rate;
    }
  }

  test('a holder lets go before the giver counts on it, though neither clock knows of the other', () => {
    const offset = fc.integer({ min: -1e9, max: 1e9 });
    const rate = fc.double({ min: 1 - mostDrift / 2.1, max: 1 + mostDrift / 2.1, noNaN: true });
    const delay = fc.integer({ min: 0, max: 5000 });
    fc.assert(
      fc.property(
        fc.record({ offset, rate }),
        fc.record({ offset, rate }),
        fc.array(fc.record({ pauseMs: fc.integer({ min: 1, max: 5000 }), there: delay, back: delay })),
        (near, far, pings) => {
          const holder = new FarClock(near.offset, near.rate);
          const giver = new FarClock(far.offset, far.rate);
          const held = new HeldLease(holder.at(0));
          const given = new GivenLease(giver.at(1));
          let trueMs = 1;
          for (const { pauseMs, there, back } of pings) {
            trueMs += pauseMs;
            const id = held.ping(holder.at(trueMs));
            trueMs += there;
            given.renew(giver.at(trueMs), { id, confirmed: held.confirmed });
            trueMs += back;
            held.confirm(id);
            expect(holder.trueMs(held.endsAtMs)).toBeLessThan(giver.trueMs(given.surelyOverAtMs));
          }
        },
      ),
    );
  });

  test('a clock that stood still while its machine slept goes on by as much', () => {
    const clock = new ManualClock();
    let wallMs = 5_000_000;
    const wakeful = wakefulClock(clock, () => wallMs);
    const pass = (ms: number): void => {
      clock.jump(ms);
      wallMs += ms;
    };
    const startMs = wakeful.nowMs();
    pass(1000);
    expect(wakeful.nowMs() - startMs).toBe(1000);
    wallMs += 60_000;
    expect(wakeful.nowMs() - startMs, 'asleep for a minute').toBe(61_000);
    pass(500);
    wallMs -= 3_600_000;
    expect(wakeful.nowMs() - startMs, 'set back by an hour').toBe(61_500);
    pass(500);
    expect(wakeful.nowMs() - startMs).toBe(62_000);
  });
});

test('lasts longer on one machine, where both ends know of it', () => {
  expect(leaseMsOf({ isOwn: true, protocol: 2 })).toBe(ownLeaseMs);
  expect(leaseMsOf({ isOwn: true, protocol: 1 })).toBe(leaseMs);
  expect(leaseMsOf({ isOwn: false, protocol: 2 })).toBe(leaseMs);
});

describe('a gateway', () => {
  test('stays up while the core answers', async () => {
    const clock = new ManualClock();
    await ends.core({ clock });
    const gateway = await ends.gateway({ clock }).isUp();
    await clock.advance(20_000);
    expect(gateway.client.isUp).toBe(true);
    expect(gateway.kinds()).toEqual(['up']);
  });

  test('that was stopped sees at its first look that the lease is over, before any timer runs', async () => {
    const clock = new ManualClock();
    await ends.core();
    const gateway = await ends.gateway({ clock }).isUp();

    clock.jump(ownLeaseMs - 1);
    expect(gateway.client.isUp).toBe(true);
    clock.jump(1);
    expect(gateway.client.isUp).toBe(false);
    expect(gateway.kinds(), 'nothing but the clock has told it').toEqual(['up']);
  });

  test('that was stopped takes in what came meanwhile once the core has answered it anew, in order, and loses nothing', async () => {
    const clock = new ManualClock();
    const core = await ends.core();
    const gateway = await ends.gateway({ clock }).isUp();

    clock.jump(ownLeaseMs);
    core.peers[0]?.sendChanged({ statuses: [], accounts: [], tokens: ['first'] });
    const fence = core.peers[0]?.fence();
    core.peers[0]?.sendChanged({ statuses: [], accounts: [], tokens: ['second'] });
    await until(() => gateway.meter.of('frames-in') > 0);
    expect(gateway.kinds()).toEqual(['up']);
    expect(gateway.client.isUp).toBe(false);
    expect(gateway.client.linked()(1 as AccountId)).toBe(true);

    // It beats, as it does every half second, and the core answers.
    clock.runDue();
    await fence;
    await until(() => gateway.happened.length === 3);
    const tokens = gateway.happened.map((event) => event.kind === 'changed' && event.changed.tokens);
    expect(tokens).toEqual([false, ['first'], ['second']]);
    expect(gateway.client.isUp).toBe(true);
    expect(gateway.meter.of('links-revived')).toBe(1);
    expect(core.gone).toEqual([]);
  });

  test('takes in nothing for the answer to a ping of more than a lease ago', async () => {
    const clock = new ManualClock();
    const core = await ends.coreByHand();
    const gateway = await ends.gateway({ clock }).isUp();
    await clock.advance(heartbeatMs);
    await until(() => core.links[0]?.messages().length === 1);
    clock.jump(ownLeaseMs);
    core.links[0]?.send(['changed', [[], [], ['token'], [], []]], ['pong', [1]]);
    await until(() => gateway.meter.of('frames-in') > 0);
    expect(gateway.kinds()).toEqual(['up']);
    expect(gateway.client.isUp).toBe(false);
  });

  test('never takes in what came while it was stopped when the core has given it up', async () => {
    const clock = new ManualClock();
    const core = await ends.core();
    const gateway = await ends.gateway({ clock }).isUp();
    clock.jump(ownLeaseMs);
    core.peers[0]?.sendChanged({ statuses: [], accounts: [], tokens: ['token'] });
    await until(() => gateway.meter.of('frames-in') > 0);
    core.peers[0]?.close('given up');
    await until(() => gateway.happened.length === 2);
    clock.runDue();
    expect(gateway.kinds()).toEqual(['up', 'down']);
  });

  test('tells a core that is silent of its sessions, and asks it for nothing else', async () => {
    const clock = new ManualClock();
    const core = await ends.coreByHand();
    const gateway = await ends.gateway({ clock }).isUp();
    clock.jump(ownLeaseMs);
    void gateway.client.call('attach', { account: 1 as AccountId, session: 7, since: null });
    void gateway.client.call('home', {
      account: 1 as AccountId,
      maxId: null,
      sinceId: null,
      minId: null,
      limit: 20,
    });
    await until(() => (core.links[0]?.messages().length ?? 0) > 0);
    await messagesTravel();
    expect(core.links[0]?.messages()).toEqual([[1, 'attach', [1, 7, null], null]]);
  });

  test('goes down by itself when the core is silent, says goodbye, and tries again', async () => {
    const clock = new ManualClock();
    // It greets and takes in everything, and answers nothing.
    const core = await ends.coreByHand();
    const gateway = await ends.gateway({ clock }).isUp();
    await clock.advance(ownLeaseMs + silenceMostMs - 100);
    expect(gateway.kinds()).toEqual(['up']);
    await clock.advance(100 + heartbeatMs);
    expect(gateway.happened.slice(0, 2)).toEqual([
      { kind: 'up' },
      { kind: 'down', reason: 'the core has confirmed nothing for the time of a lease' },
    ]);
    expect(gateway.meter.of('silent-peers')).toBe(1);
    await until(() =>
      core.links[0]?.messages().some((message) => JSON.stringify(message) === '["goodbye",[]]'),
    );
    await until(async () => {
      await clock.advance(100);
      return gateway.kinds().length > 2;
    });
    expect(gateway.kinds()[2]).toBe('up');
  });
});

describe('a core', () => {
  test('gives up a peer from which nothing comes for 6 s when a fence waits for it, and else after 36 s', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const [waitedFor, silent] = [await ends.visitor(core), await ends.visitor(core)];
    let isPassed = false;
    void core.peers[0]?.fence().then(() => {
      isPassed = true;
    });
    await clock.advance(ownLeaseMs);
    expect(core.server.peers.size).toBe(2);
    await clock.advance(heartbeatMs);
    expect(core.gone.map(({ reason }) => reason)).toEqual(['nothing came from it for 6000 ms']);
    expect(core.meter.of('silent-peers')).toBe(1);
    await waitedFor.closed;
    await clock.advance(leaseSlackMs);
    expect(isPassed, 'its lease is over').toBe(true);

    await clock.advance(silenceMostMs - 2 * heartbeatMs);
    expect(core.server.peers.size).toBe(1);
    await clock.advance(heartbeatMs);
    expect(core.gone.map(({ reason }) => reason)).toEqual([
      'nothing came from it for 6000 ms',
      'nothing came from it for 36000 ms',
    ]);
    await silent.closed;
  });

  test('gives a peer up that has been silent for longer as soon as a fence waits for it', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const silent = await ends.visitor(core);
    await clock.advance(ownLeaseMs + silenceMostMs / 2);
    expect(core.server.peers.size).toBe(1);
    const fence = core.server.fence();
    await clock.advance(heartbeatMs);
    expect(core.server.peers.size).toBe(0);
    await fence;
    await silent.closed;
  });

  test('that stood still itself blames nobody', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const visitor = await ends.visitor(core);
    clock.jump(10_000);
    clock.runDue();
    expect(core.server.peers.size).toBe(1);
    visitor.send(['ping', [1, 0]]);
    await messagesTravel();
    await clock.advance(ownLeaseMs);
    expect(core.server.peers.size).toBe(1);
  });

  test('lets an operator work for a minute without a word', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    await ends.visitor(core, { role: 'operator' });
    await clock.advance(59_000);
    expect(core.server.peers.size).toBe(1);
    await clock.advance(2000);
    expect(core.server.peers.size).toBe(0);
  });
});
