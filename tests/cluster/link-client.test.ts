// A gateway's end: what becomes of calls and events while cores come and go.
import { rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectCore } from '../../cluster/link-client.ts';
import { closeCode, topicsAtOnce } from '../../cluster/link-messages.ts';
import { pauseMs } from '../../cluster/link-pause.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { until } from '../support/until.ts';
import {
  type CoreByHand,
  Ends,
  type GatewayEnd,
  listeningLog,
  ManualClock,
  messagesTravel,
  statusId,
} from './link-ends.ts';

const ends = new Ends();
beforeEach(() => ends.open());
afterEach(() => ends.close());

const unavailable = { ok: false, rejection: { code: 'unavailable' } };

describe('a call', () => {
  test('reaches the core as it was asked, with whom it counts for, and brings the answer and the allowance', async () => {
    const asked: unknown[] = [];
    await ends.core({
      handle: (kind, ask, from, counted) => {
        asked.push({ kind, ask, from: from.name, counted });
        const allowance = { limit: 300, remaining: 299, resetMs: 1_800_000_000_000 };
        return Promise.resolve({
          outcome: { ok: true, value: { flags: new Uint8Array([3, 255]) } },
          allowance,
        });
      },
    });
    const gateway = await ends.gateway().isUp();
    const ask = { viewer: (2 ** 52 - 1) as AccountId, ids: [statusId(1), statusId(2)] };
    const answered = await gateway.client.call('judge', ask, { limitKey: 'token-9' });

    expect(asked).toEqual([{ kind: 'judge', ask, from: 'gateway-1', counted: { limitKey: 'token-9' } }]);
    expect(answered).toMatchObject({
      ok: true,
      allowance: { limit: 300, remaining: 299, resetMs: 1_800_000_000_000 },
    });
    expect(answered.ok && [...answered.value.flags]).toEqual([3, 255]);
  });

  test('brings a refusal as it was given', async () => {
    const rejection = { code: 'rate-limited', message: 'Slow down.' } as const;
    const allowance = { limit: 1, remaining: 0, resetMs: 5 };
    await ends.core({ handle: () => ({ outcome: { ok: false, rejection }, allowance }) });
    const gateway = await ends.gateway().isUp();
    expect(await gateway.client.call('admit', {})).toEqual({ ok: false, rejection, allowance });
  });

  test('that makes the core fail is unavailable; the fault is in the log, not in the answer', async () => {
    const core = await ends.core({
      handle: (kind) => {
        if (kind === 'admit') throw new Error('secret detail');
        return Promise.reject(new Error('secret detail'));
      },
    });
    const gateway = await ends.gateway().isUp();
    const answers = [await gateway.client.call('admit', {}), await gateway.client.call('instance', {})];

    for (const answer of answers) expect(answer).toMatchObject(unavailable);
    expect(JSON.stringify(answers)).not.toContain('secret');
    expect(core.meter.of('faults')).toBe(2);
    expect(JSON.stringify(core.said)).toContain('secret detail');
    expect(core.gone).toEqual([]);
  });

  test('that is under way when the link drops is unavailable', async () => {
    const core = await ends.core({ handle: () => new Promise(() => {}) });
    const gateway = await ends.gateway().isUp();
    const call = gateway.client.call('admit', {});
    await messagesTravel();
    core.peers[0]?.close('a test');
    expect(await call).toMatchObject(unavailable);
  });

  test('without an answer for 30 s is unavailable, and a late answer changes nothing', async () => {
    const clock = new ManualClock();
    const core = await ends.coreByHand();
    const gateway = await ends.gateway({ clock, role: 'operator' }).isUp();
    let settled: unknown = null;
    const call = gateway.client.call('admit', {}).then((answered) => {
      settled = answered;
    });
    await clock.advance(29_900);
    expect(settled).toBeNull();
    await clock.advance(500);
    await call;
    expect(settled).toMatchObject(unavailable);
    expect(gateway.meter.of('calls-timed-out')).toBe(1);

    core.links[0]?.send([1, [], null, null]);
    const next = gateway.client.call('admit', {});
    await until(() => JSON.stringify(core.links[0]?.messages()).includes('[2,"admit"'));
    core.links[0]?.send([2, [], null, null]);
    expect(await next).toEqual({ ok: true, value: {} });
  });

  test('whose answer is not what was declared is unavailable; the link stays', async () => {
    const core = await ends.coreByHand();
    const gateway = await ends.gateway().isUp();
    const call = gateway.client.call('accounts', { ids: [] });
    await until(() => core.links[0]?.messages().length === 1);
    core.links[0]?.send([1, ['no list'], null, null]);
    expect(await call).toMatchObject(unavailable);
    expect(gateway.meter.of('malformed-answers')).toBe(1);
    expect(gateway.client.isUp).toBe(true);
  });

  test('beyond 20,000 under way is busy', async () => {
    await ends.coreByHand();
    const gateway = await ends.gateway().isUp();
    for (let count = 0; count < 20_000; count++) void gateway.client.call('admit', {});
    expect(await gateway.client.call('admit', {})).toMatchObject({ ok: false, rejection: { code: 'busy' } });
    expect(gateway.meter.of('busy')).toBe(1);
  });

  test('that no frame can hold is invalid; the link stays', async () => {
    await ends.core();
    const gateway = await ends.gateway().isUp();
    const posts = Array.from({ length: 1000 }, () => ({ text: 'x'.repeat(20_000), ms: 1, salt: 1 }));
    const large = await gateway.client.call('adopt', { account: 1 as AccountId, follows: [], posts });
    const small = await gateway.client.call('admit', {});
    expect(large).toMatchObject({ ok: false, rejection: { code: 'invalid' } });
    expect(small).toEqual({ ok: true, value: {} });
  });
});

describe('while there is no core', () => {
  test('calls wait for up to 5 s for one to come', async () => {
    const clock = new ManualClock();
    const gateway = ends.gateway({ clock });
    const call = gateway.client.call('admit', {});
    await clock.advance(4000);
    await ends.core();
    await until(async () => {
      await clock.advance(100);
      return gateway.client.isUp;
    });
    expect(await call).toEqual({ ok: true, value: {} });
  });

  test('a restart of the core shows as a pause, not as errors', async () => {
    const first = await ends.core();
    const gateway = await ends.gateway().isUp();
    await first.server.close();
    await until(() => !gateway.client.isUp);
    const calls = Array.from({ length: 50 }, () => gateway.client.call('admit', {}));
    const second = await ends.core();
    const answers = await Promise.all(calls);

    expect(answers.every(({ ok }) => ok)).toBe(true);
    expect(gateway.kinds()).toEqual(['up', 'down', 'up']);
    expect(second.peers).toHaveLength(1);
  });

  test('a call is given up after 5 s, and later ones at once', async () => {
    const clock = new ManualClock();
    const gateway = ends.gateway({ clock });
    let settled: unknown = null;
    void gateway.client.call('admit', {}).then((answered) => {
      settled = answered;
    });
    await clock.advance(4900);
    expect(settled).toBeNull();
    await clock.advance(400);
    expect(settled).toMatchObject(unavailable);
    expect(await gateway.client.call('admit', {})).toMatchObject(unavailable);
  });

  test('1,000 calls wait, and the next is unavailable', async () => {
    const gateway = ends.gateway({ clock: new ManualClock() });
    let settled = 0;
    for (let count = 0; count < 1000; count++) {
      void gateway.client.call('admit', {}).then(() => {
        settled++;
      });
    }
    expect(await gateway.client.call('admit', {})).toMatchObject(unavailable);
    expect(settled).toBe(0);
  });

  test('sessions are not attached late: up attaches them all', async () => {
    const gateway = ends.gateway({ clock: new ManualClock() });
    const ask = { account: 1 as AccountId, session: 1 };
    expect(await gateway.client.call('attach', { ...ask, since: null })).toMatchObject(unavailable);
    expect(await gateway.client.call('detach', ask)).toMatchObject(unavailable);
  });

  test('it says what is missing, once', async () => {
    const gateway = ends.gateway();
    await until(() => gateway.said.length > 0);
    await until(async () => {
      await messagesTravel();
      return gateway.said.length === 1;
    });
    expect(gateway.said).toEqual([
      { text: 'no link to the core', fields: { reason: `no core is running on ${ends.folder}` } },
    ]);
  });

  test('a file that no core wrote is reported, and a core that comes is found', async () => {
    await writeFile(ends.linkFile, '{"port": "many"}');
    const gateway = ends.gateway();
    await until(() => JSON.stringify(gateway.said).includes('is not what a core writes'));
    await ends.core();
    await gateway.isUp();
  });

  test('a new file is seen within a tenth of a second, however long the pause is', async () => {
    const clock = new ManualClock();
    const gateway = ends.gateway({ clock });
    await until(async () => {
      await clock.advance(50);
      return clock.longestWaitMs() > 450;
    });
    await ends.core();
    await clock.advance(100);
    await gateway.isUp();
  });

  test('the pauses between attempts grow to a second, and are not the same for all', () => {
    const pauses = (counts: number[], chance: number, isFresh = false) =>
      counts.map((failures) => pauseMs({ failures, isFresh }, chance));
    expect(pauses([0, 1, 2, 3, 4, 5, 50], 0)).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
    expect(pauses([0, 5], 1)).toEqual([25, 500]);
    expect(pauses([0, 1, 2, 50], 0, true)).toEqual([50, 100, 150, 150]);
    expect(pauses([0, 5], 1, true)).toEqual([25, 75]);
  });

  test('a core that is gone after a good link is looked for often, and less often later', async () => {
    const clock = new ManualClock();
    const core = await ends.core();
    const gateway = ends.gateway({ clock });
    await until(async () => {
      await clock.advance(50);
      return gateway.kinds().at(-1) === 'up';
    });
    await clock.advance(6000);
    expect(gateway.kinds()).toEqual(['up']);
    await rm(ends.linkFile);
    core.peers.at(-1)?.close('gone');
    await until(() => gateway.kinds().at(-1) === 'down');
    const soon: number[] = [];
    for (let steps = 0; steps < 80; steps++) {
      soon.push(clock.longestWaitMs());
      await clock.advance(50);
    }
    expect(Math.max(...soon)).toBeLessThanOrEqual(150);
    await until(async () => {
      await clock.advance(50);
      return clock.longestWaitMs() > 450;
    });
  });

  test('a link that ends soon after it opened does not make the pauses short again', async () => {
    const clock = new ManualClock();
    const core = await ends.core();
    const gateway = ends.gateway({ clock });
    const waits: number[] = [];
    for (let round = 1; round <= 7; round++) {
      await until(async () => {
        await clock.advance(50);
        return gateway.kinds().filter((kind) => kind === 'up').length === round;
      });
      core.peers.at(-1)?.close('again');
      await until(() => gateway.kinds().at(-1) === 'down');
      waits.push(clock.longestWaitMs());
    }
    expect(waits[0]).toBeLessThanOrEqual(100);
    expect(waits[6]).toBeGreaterThanOrEqual(500);
  });
});

describe('events', () => {
  test('down comes with the reason, up when the core is back', async () => {
    const core = await ends.core();
    const gateway = await ends.gateway().isUp();
    core.peers[0]?.close('for a test');
    await until(() => gateway.kinds().length === 3);
    expect(gateway.kinds()).toEqual(['up', 'down', 'up']);
    expect(gateway.happened[1]).toMatchObject({ reason: `for a test (${closeCode.dropped})` });
  });

  test('calls made when up is told go behind those that waited', async () => {
    const kinds: string[] = [];
    const gateway: GatewayEnd = ends.gateway({
      events: {
        up: () => void gateway.client.call('attach', { account: 1 as AccountId, session: 1, since: null }),
        down() {},
        tick() {},
        changed() {},
        metrics: () => Promise.resolve(null),
      },
    });
    void gateway.client.call('admit', {});
    await ends.core({
      handle: (kind) => {
        kinds.push(kind);
        return { outcome: { ok: true, value: {} } };
      },
    });
    await until(() => kinds.length === 2);
    expect(kinds).toEqual(['admit', 'attach']);
  });

  test('a malformed frame from the core ends the link, and the gateway comes back', async () => {
    const core: CoreByHand = await ends.coreByHand();
    const gateway = await ends.gateway().isUp();
    core.links[0]?.send(['tick', ['no items']]);
    await until(() => gateway.kinds().length >= 3);
    expect(gateway.happened[1]).toMatchObject({
      kind: 'down',
      reason: expect.stringContaining('malformed frame'),
    });
    expect(gateway.meter.of('malformed-frames')).toBe(1);
  });

  test('topics are told as they change, and all of them to the next core', async () => {
    const first = await ends.core();
    const gateway = await ends.gateway().isUp();
    gateway.client.listen(['public', 'tag:bees']);
    await until(() => first.peers[0]?.topics.size === 2);
    gateway.client.listen(['tag:bees', 'tag:owls']);
    await until(() => first.peers[0]?.topics.has('tag:owls'));
    expect([...(first.peers[0]?.topics ?? [])].sort()).toEqual(['tag:bees', 'tag:owls']);

    await first.server.close();
    const second = await ends.core();
    await until(() => second.peers[0]?.topics.size === 2);
    expect([...(second.peers[0]?.topics ?? [])].sort()).toEqual(['tag:bees', 'tag:owls']);
  });

  test('topics told before there was a link are told with it', async () => {
    const core = await ends.core();
    // No heartbeat carries them along: the clock stands.
    const gateway = ends.gateway({ clock: new ManualClock() });
    gateway.client.listen(['public']);
    await until(() => core.peers[0]?.topics.has('public'));
  });

  test('topics by the ten thousand arrive, and those too long are left out', async () => {
    const core = await ends.core();
    const gateway = await ends.gateway().isUp();
    const topics = Array.from({ length: topicsAtOnce * 3 }, (_, number) => `tag:${number}`);
    gateway.client.listen([...topics, `tag:${'x'.repeat(300)}`]);
    await until(() => core.peers[0]?.topics.size === topics.length);
    expect(gateway.client.isUp).toBe(true);
    expect(gateway.said.at(-1)?.text).toBe('topics beyond the bounds are left out');
  });
});

describe('metrics', () => {
  test('are given when the core asks', async () => {
    const core = await ends.core();
    await ends.gateway().isUp();
    expect(await core.peers[0]?.askMetrics()).toEqual([{ name: 'sessions', values: [{ value: 7 }] }]);
  });

  test('that fail, or do not come within 2 s, or whose peer leaves, are null', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const failing = await ends
      .gateway({
        events: {
          up() {},
          down() {},
          tick() {},
          changed() {},
          metrics: () => Promise.reject(new Error('no')),
        },
      })
      .isUp();
    expect(await core.peers[0]?.askMetrics()).toBeNull();
    await failing.client.close();

    const mute = await ends.visitor(core);
    const asked = core.peers[1]?.askMetrics();
    await clock.advance(2100);
    expect(await asked).toBeNull();
    const again = core.peers[1]?.askMetrics();
    await mute.leave();
    expect(await again).toBeNull();
    expect(await core.peers[1]?.askMetrics()).toBeNull();
  });
});

describe('closing', () => {
  test('settles everything, says down, and leaves no connection', async () => {
    const core = await ends.core({ handle: () => new Promise(() => {}) });
    const gateway = await ends.gateway().isUp();
    const call = gateway.client.call('admit', {});
    await gateway.client.close();
    expect(await call).toMatchObject(unavailable);
    expect(gateway.kinds()).toEqual(['up', 'down']);
    await until(() => core.server.peers.size === 0);
    expect(await gateway.client.call('admit', {})).toMatchObject(unavailable);
    await gateway.client.close();
  });

  test('settles what waited for a core', async () => {
    const gateway = ends.gateway();
    const call = gateway.client.call('admit', {});
    await gateway.client.close();
    expect(await call).toMatchObject(unavailable);
  });

  test('of a core tells its gateways, which then look for another', async () => {
    const core = await ends.core();
    const gateway = await ends.gateway().isUp();
    await rm(ends.linkFile);
    await core.server.close();
    await until(() => gateway.kinds().length === 2);
    expect(gateway.happened[1]).toMatchObject({ reason: `the core is going away (${closeCode.goingAway})` });
  });
});

test('a name that is none is refused at once', () => {
  const events = { up() {}, down() {}, tick() {}, changed() {}, metrics: () => Promise.resolve(null) };
  expect(() =>
    connectCore({ linkFile: ends.linkFile, name: 'Gateway 1', role: 'gateway', events, log: listeningLog() }),
  ).toThrow(RangeError);
});
