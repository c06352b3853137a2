// A core that says nothing past its lease, as a gateway's requests meet it: sessions are still told to it, all else waits, and not for long.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { leaseMs, ownLeaseMs } from '../../cluster/link-lease.ts';
import { connectCores, type RoutingClient } from '../../cluster/routing-client.ts';
import type { Outcome } from '../../runtime/behaviours.ts';
import { until } from '../support/until.ts';
import { Ends, type LinkByHand, listeningLog, ManualClock, messagesTravel } from './link-ends.ts';
import { accountIn, RoutingEnds } from './routing-ends.ts';

const ann = accountIn(1);
const home = { account: ann, maxId: null, sinceId: null, minId: null, limit: 20 };
const session = { account: ann, session: 7, since: null };
/** A read is asked for so long. */
const graceMs = 5000;

describe('of its own machine', () => {
  const ends = new Ends();
  beforeEach(() => ends.open());
  afterEach(() => ends.close());

  /** A core by hand, which greets and then is silent. */
  async function linked(): Promise<{ client: RoutingClient; clock: ManualClock; link: LinkByHand }> {
    const clock = new ManualClock();
    const core = await ends.coreByHand();
    const quiet = (): void => {};
    const client = connectCores({
      own: { linkFile: ends.linkFile, node: 1 },
      identity: null,
      name: 'gateway-0',
      clock,
      log: listeningLog(),
      events: {
        tick: quiet,
        changed: quiet,
        lost: quiet,
        served: quiet,
        up: quiet,
        down: quiet,
        metrics: async () => [],
      },
    });
    ends.onClose(() => client.close());
    const link = await until(() => (client.isUp ? core.links[0] : undefined), { everyMs: 1 });
    return { client, clock, link };
  }

  async function settled(call: Promise<Outcome<unknown>>): Promise<Outcome<unknown> | 'waits'> {
    return Promise.race([call, messagesTravel().then(() => 'waits' as const)]);
  }

  test('sessions are told to it, and nothing is asked of it', async () => {
    const { client, clock, link } = await linked();
    clock.jump(ownLeaseMs);
    expect([client.covered()(ann), client.linked()(ann)]).toEqual([false, true]);
    void client.call('home', home);
    void client.call('attach', session);
    void client.call('detach', session);
    await until(() => link.messages().length === 2, { everyMs: 1 });
    await messagesTravel();
    expect(link.messages().map((message) => (message as unknown[])[1])).toEqual(['attach', 'detach']);
  });

  test('a request waits for it, but is refused at once when it has been silent for longer than one may wait', async () => {
    const { client, clock } = await linked();
    clock.jump(ownLeaseMs + graceMs - 1000);
    expect(await settled(client.call('home', home))).toBe('waits');
    clock.jump(1000);
    expect(await settled(client.call('home', home))).toMatchObject({ rejection: { code: 'unavailable' } });
  });

  test('a request waits for the one after it when it was about to end', async () => {
    const { client, clock, link } = await linked();
    const outstanding = client.call('admit', {});
    link.send(['leaving', []]);
    await until(() => !client.linked()(ann), { everyMs: 1 });
    clock.jump(ownLeaseMs);
    expect(await settled(client.call('home', home))).toBe('waits');
    link.socket.terminate();
    await client.close();
    expect(await outstanding).toMatchObject({ ok: false });
  });
});

test('of another machine it is given up after five seconds more than its lease', async () => {
  const ends = new RoutingEnds();
  try {
    const clock = new ManualClock();
    const core = await ends.core(1);
    core.serve(1, [1]);
    const gateway = await ends.gateway([core], { clock });
    core.silence();
    clock.jump(leaseMs + 4999);
    clock.runDue();
    await messagesTravel();
    expect(gateway.kinds()).not.toContain('down');
    expect(gateway.client.linked()(ann)).toBe(true);
    clock.jump(600);
    clock.runDue();
    expect(gateway.kinds()).toContain('lost');
  } finally {
    await ends.close();
  }
});
