// Fences: an answer behind one may count on every gateway having dropped what was changed before.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { leaseSlackMs, ownLeaseMs } from '../../cluster/link-lease.ts';
import { until } from '../support/until.ts';
import { Ends, ManualClock, messagesTravel, statusId, type Visitor } from './link-ends.ts';

const ends = new Ends();
beforeEach(() => ends.open());
afterEach(() => ends.close());

const changes = { statuses: [statusId(1)], accounts: [], tokens: [] };
const surelyOverMs = ownLeaseMs + leaseSlackMs;

/** Whether a promise has resolved, looked at without waiting. */
function watch(promise: Promise<unknown> | undefined): { isPassed: boolean } {
  const watched = { isPassed: false };
  void promise?.then(() => {
    watched.isPassed = true;
  });
  return watched;
}

function fencesAsked(visitor: Visitor): number[] {
  return visitor.messages().flatMap((message) => {
    const [kind, body] = message as [unknown, unknown[]];
    return kind === 'fence' ? [Number(body[0])] : [];
  });
}

describe('the fence of a peer', () => {
  test('passes when the gateway has processed what was sent before', async () => {
    const core = await ends.core();
    const gateway = await ends.gateway().isUp();
    core.peers[0]?.sendChanged(changes);
    await core.peers[0]?.fence();
    expect(gateway.kinds()).toEqual(['up', 'changed']);
  });

  test('does not pass before the peer acknowledges it', async () => {
    const core = await ends.core();
    const visitor = await ends.visitor(core);
    core.peers[0]?.sendChanged(changes);
    const fence = watch(core.peers[0]?.fence());
    await until(() => fencesAsked(visitor).length === 1);
    await messagesTravel();
    expect(fence.isPassed).toBe(false);

    visitor.send(['fenced', [fencesAsked(visitor)[0]]]);
    await until(() => fence.isPassed);
  });

  test('stands behind all that was sent in its turn, and one serves all who ask', async () => {
    const core = await ends.core();
    const visitor = await ends.visitor(core);
    const peer = core.peers[0];
    const fences = [peer?.fence(), peer?.fence()];
    peer?.sendChanged(changes);
    fences.push(peer?.fence());
    await until(() => fencesAsked(visitor).length > 0);
    await messagesTravel();

    expect(visitor.messages().map((message) => (message as unknown[])[0])).toEqual(['changed', 'fence']);
    visitor.send(['fenced', [fencesAsked(visitor)[0]]]);
    await Promise.all(fences);
  });

  test('does not pass by the acknowledgement of an earlier one', async () => {
    const core = await ends.core();
    const visitor = await ends.visitor(core);
    const first = watch(core.peers[0]?.fence());
    await until(() => fencesAsked(visitor).length === 1);
    const second = watch(core.peers[0]?.fence());
    await until(() => fencesAsked(visitor).length === 2);
    visitor.send(['fenced', [fencesAsked(visitor)[0]]]);
    await until(() => first.isPassed);
    await messagesTravel();
    expect(second.isPassed).toBe(false);
  });

  test('of a peer that is gone without a word passes when its lease has surely run out', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const visitor = await ends.visitor(core);
    clock.jump(1000);
    visitor.send(['ping', [1, 0]]);
    await until(() => visitor.messages().length === 1);
    const before = watch(core.peers[0]?.fence());
    await visitor.leave();
    await until(() => core.gone.length === 1);
    const after = watch(core.peers[0]?.fence());

    await clock.advance(surelyOverMs - 100);
    expect([before.isPassed, after.isPassed]).toEqual([false, false]);
    await clock.advance(100);
    expect([before.isPassed, after.isPassed]).toEqual([true, true]);
  });

  test('of a peer that said goodbye passes at once', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const visitor = await ends.visitor(core);
    const fence = core.peers[0]?.fence();
    visitor.send(['goodbye', []]);
    await fence;
    await core.peers[0]?.fence();
    expect(core.gone.map(({ reason }) => reason)).toEqual(['it said goodbye']);
  });

  test('of a gateway that is closed passes at once, because it dropped its caches first', async () => {
    const core = await ends.core({ clock: new ManualClock() });
    const gateway = await ends.gateway().isUp();
    await gateway.client.close();
    expect(gateway.kinds()).toEqual(['up', 'down']);
    await until(() => core.gone.length === 1);
    await core.peers[0]?.fence();
    await core.server.fence();
  });

  test('of an operator that is gone passes at once', async () => {
    const core = await ends.core({ clock: new ManualClock() });
    const visitor = await ends.visitor(core, { role: 'operator' });
    await visitor.leave();
    await until(() => core.gone.length === 1);
    await core.peers[0]?.fence();
    await core.server.fence();
  });
});

describe('the fence of a core', () => {
  test('waits for every gateway, and for no operator', async () => {
    const core = await ends.core();
    const one = await ends.visitor(core);
    const other = await ends.visitor(core);
    await ends.visitor(core, { role: 'operator' });
    const fence = watch(core.server.fence());
    await until(() => fencesAsked(one).length === 1 && fencesAsked(other).length === 1);
    one.send(['fenced', [fencesAsked(one)[0]]]);
    await messagesTravel();
    expect(fence.isPassed).toBe(false);
    other.send(['fenced', [fencesAsked(other)[0]]]);
    await until(() => fence.isPassed);
  });

  test('waits for a gateway that was gone before it was asked for', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const visitor = await ends.visitor(core);
    await visitor.leave();
    await until(() => core.gone.length === 1);

    const fence = watch(core.server.fence());
    await clock.advance(surelyOverMs - 100);
    expect(fence.isPassed).toBe(false);
    await clock.advance(100);
    expect(fence.isPassed).toBe(true);
    await core.server.fence();
  });

  test('waits out the leases a core before it may have given', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock, hadPredecessor: true });
    const fence = watch(core.server.fence());
    await clock.advance(surelyOverMs - 100);
    expect(fence.isPassed).toBe(false);
    await clock.advance(100);
    expect(fence.isPassed).toBe(true);
  });

  test('with nobody there passes at once', async () => {
    const core = await ends.core({ clock: new ManualClock() });
    await core.server.fence();
  });
});
