// The lease on a gateway's caches: never held longer than the core believes, whatever stalls. No test here waits: time is told.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GivenLease, HeldLease, heartbeatMs, leaseMs, leaseSlackMs } from '../../cluster/link-lease.ts';
import { until } from '../support/until.ts';
import { Ends, ManualClock, messagesTravel } from './link-ends.ts';

const ends = new Ends();
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
        fc.array(fc.record({ pauseMs: fc.integer({ min: 1, max: 5000 }), there: delay, back: delay }), {
          maxLength: 30,
        }),
        (pings) => {
          const held = new HeldLease(0);
          const given = new GivenLease(5);
          type Step = { atMs: number; act(atMs: number): void };
          const steps: Step[] = [];
          let sentMs = 0;
          let inMs = 0;
          let backMs = 0;
          for (const { pauseMs, there, back } of pings) {
            sentMs += pauseMs;
            // Messages do not overtake each other.
            inMs = Math.max(inMs, sentMs + there);
            backMs = Math.max(backMs, inMs + back);
            let id = 0;
            steps.push({ atMs: sentMs, act: (atMs) => (id = held.ping(atMs)) });
            steps.push({ atMs: inMs, act: (atMs) => given.renew(atMs, { id, confirmed: held.confirmed }) });
            steps.push({ atMs: backMs, act: () => held.confirm(id) });
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

    clock.jump(leaseMs - 1);
    expect(gateway.client.isUp).toBe(true);
    clock.jump(1);
    expect(gateway.client.isUp).toBe(false);
    expect(gateway.kinds(), 'nothing but the clock has told it').toEqual(['up']);
  });

  test('processes nothing that waited for it while it was stopped, and says first that it is down', async () => {
    const clock = new ManualClock();
    const core = await ends.core();
    const gateway = await ends.gateway({ clock }).isUp();

    clock.jump(leaseMs);
    core.peers[0]?.sendChanged({ statuses: [], accounts: [], tokens: ['token'] });
    await until(() => gateway.happened.length > 1);

    expect(gateway.happened[1]).toEqual({
      kind: 'down',
      reason: 'the core has confirmed nothing for the time of a lease',
    });
    expect(gateway.kinds()).not.toContain('changed');
    expect(gateway.meter.of('silent-peers')).toBe(1);
    await until(() => core.gone.length === 1);
  });

  test('goes down by itself when the core is silent, says goodbye, and tries again', async () => {
    const clock = new ManualClock();
    // It greets and takes in everything, and answers nothing.
    const core = await ends.coreByHand();
    const gateway = await ends.gateway({ clock }).isUp();
    await clock.advance(leaseMs - 100);
    expect(gateway.kinds()).toEqual(['up']);
    await clock.advance(100 + heartbeatMs);
    expect(gateway.kinds().slice(0, 2)).toEqual(['up', 'down']);
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
  test('gives up a peer from which nothing comes for 3 s', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const silent = await ends.visitor(core);
    await clock.advance(leaseMs);
    expect(core.server.peers.size).toBe(1);
    await clock.advance(heartbeatMs);

    expect(core.server.peers.size).toBe(0);
    expect(core.gone.map(({ reason }) => reason)).toEqual(['nothing came from it for 3000 ms']);
    expect(core.meter.of('silent-peers')).toBe(1);
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
    await clock.advance(leaseMs);
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
