// What a core sends is processed in the order sent, whole, and in few frames.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pushed } from '../../actors/messages.ts';
import type { LinkPeer } from '../../cluster/link-peer.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { accountRowOf, statusRowOf } from '../support/records.ts';
import { until } from '../support/until.ts';
import { Ends, messagesTravel, statusId } from './link-ends.ts';

const ends = new Ends();
beforeEach(() => ends.open());
afterEach(() => ends.close());

const row = statusRowOf(statusId(1), 'good morning');
const author = accountRowOf(7 as AccountId, 'ada', { displayName: 'Ada' });

const cursorOf = (number: number): string => number.toString(16).padStart(24, '0');

function update(number: number, sessionBytes: number): Pushed {
  const sessions = new Uint8Array(sessionBytes).fill(number);
  return {
    kind: 'update',
    row: { ...row, id: statusId(number) },
    author,
    boosted: null,
    boostedAuthor: null,
    sessions,
    topics: [],
    cursor: cursorOf(number),
    version: null,
  };
}

test('whoever awaits an answer goes on before what the core sent after it is processed', async () => {
  let peer: LinkPeer | null = null;
  const core = await ends.core({
    handle: (kind, _ask, from) => {
      peer = from;
      if (kind !== 'statuses') return { outcome: { ok: true, value: {} } };
      // Sent right after the answer, in the same frame.
      queueMicrotask(() => from.sendChanged({ statuses: [row.id], accounts: [], tokens: [] }));
      return { outcome: { ok: true, value: { rows: [row] } } };
    },
  });
  const order: string[] = [];
  const gateway = ends.gateway({
    events: {
      up() {},
      down() {},
      tick() {},
      changed: () => order.push('changed'),
      metrics: () => Promise.resolve(null),
    },
  });
  await gateway.isUp();
  const framesBefore = core.meter.of('frames-out');

  const cached = (async () => {
    await gateway.client.call('statuses', { ids: [row.id] });
    // As deep as a gateway's own layers may be.
    for (let hop = 0; hop < 50; hop++) await null;
    order.push('cached');
  })();
  await cached;
  await until(() => order.length === 2);

  expect(order).toEqual(['cached', 'changed']);
  expect(core.meter.of('frames-out') - framesBefore, 'both came in one frame').toBe(1);
  expect(peer).not.toBeNull();
});

test('what waits for an answer goes on before the caches are dropped with the link', async () => {
  const core = await ends.coreByHand();
  const order: string[] = [];
  const gateway = ends.gateway({
    events: {
      up() {},
      tick() {},
      changed() {},
      down: () => order.push('down'),
      metrics: () => Promise.resolve(null),
    },
  });
  await gateway.isUp();
  const cached = (async () => {
    const { ok } = await gateway.client.call('statuses', { ids: [] });
    for (let hop = 0; hop < 50; hop++) await null;
    order.push(`cached ${ok}, link up: ${gateway.client.isUp}`);
  })();
  const link = core.links[0];
  await until(() => link?.messages().length === 1);
  // In one write: the answer, and bytes for which the gateway ends the link at once.
  link?.send([1, [[]], null, null]);
  link?.socket.send(Buffer.from([0xc1]));
  await cached;
  await until(() => order.includes('down'));
  expect(order).toEqual(['cached true, link up: false', 'down']);
});

test('pushes and answers arrive as they were sent', async () => {
  const core = await ends.core({
    handle: (kind, _ask, from) => {
      if (kind !== 'attach') return { outcome: { ok: true, value: {} } };
      from.pushTick({ items: [update(1, 4)], cursor: cursorOf(1) });
      from.sendChanged({ statuses: [statusId(1)], accounts: [], tokens: [] });
      from.pushTick({ items: [], cursor: cursorOf(2) });
      return { outcome: { ok: true, value: { cursor: cursorOf(3) } } };
    },
  });
  const gateway = await ends.gateway().isUp();
  const answered = await gateway.client.call('attach', { account: 7 as AccountId, session: 1, since: null });
  const before = gateway.kinds();
  core.peers[0]?.pushTick({ items: [], cursor: cursorOf(4) });
  await until(() => gateway.happened.length > before.length);

  expect(answered).toEqual({ ok: true, value: { cursor: cursorOf(3) } });
  expect(before).toEqual(['up', 'tick', 'changed', 'tick']);
  expect(gateway.happened.at(-1)).toEqual({ kind: 'tick', tick: { items: [], cursor: cursorOf(4) } });
});

test('all calls of one turn travel in one frame, and so do their answers', async () => {
  const core = await ends.core();
  const gateway = await ends.gateway().isUp();
  await messagesTravel();
  const sent = gateway.meter.of('frames-out');
  const answered = core.meter.of('frames-out');

  await Promise.all(Array.from({ length: 500 }, () => gateway.client.call('admit', {})));

  expect(gateway.meter.of('frames-out') - sent).toBe(1);
  expect(core.meter.of('frames-out') - answered).toBe(1);
  expect(core.meter.of('messages-out')).toBeGreaterThanOrEqual(500);
});

test('a tick for 10,000 sessions keeps every number', async () => {
  const core = await ends.core();
  const gateway = await ends.gateway().isUp();
  const sessions = new Uint8Array(40_000);
  const view = new DataView(sessions.buffer);
  for (let index = 0; index < 10_000; index++) view.setUint32(index * 4, index * 3);
  core.peers[0]?.pushTick({ items: [{ ...update(1, 0), sessions }], cursor: cursorOf(1) });
  await until(() => gateway.happened.length === 2);

  const happened = gateway.happened[1];
  const item = happened?.kind === 'tick' ? happened.tick.items[0] : undefined;
  expect(item?.sessions).toHaveLength(40_000);
  expect(Buffer.compare(item?.sessions ?? new Uint8Array(), sessions)).toBe(0);
});

test('a tick too long for a frame arrives as one tick, its cursor with the last item', async () => {
  const core = await ends.core();
  const gateway = await ends.gateway().isUp();
  const items = Array.from({ length: 300 }, (_, number) => update(number % 256, 40_000));
  core.peers[0]?.pushTick({ items, cursor: cursorOf(9) });
  await until(() => gateway.happened.length === 2);

  const happened = gateway.happened[1];
  expect(happened?.kind).toBe('tick');
  if (happened?.kind !== 'tick') return;
  expect(happened.tick.cursor).toBe(cursorOf(9));
  expect(happened.tick.items).toHaveLength(300);
  expect(happened.tick.items.map((item) => item.sessions[39_999])).toEqual(
    items.map((item) => item.sessions[39_999]),
  );
  expect(core.meter.of('bytes-out')).toBeGreaterThan(8 * 1024 * 1024);
});

test('a tick of many small items arrives as one tick', async () => {
  const core = await ends.core();
  const gateway = await ends.gateway().isUp();
  const items = Array.from({ length: 3000 }, (_, number): Pushed => {
    return {
      kind: 'deleted',
      id: statusId(number),
      sessions: new Uint8Array(4),
      topics: [],
      cursor: cursorOf(1),
      version: null,
    };
  });
  core.peers[0]?.pushTick({ items, cursor: cursorOf(2) });
  await until(() => gateway.happened.length === 2);
  const happened = gateway.happened[1];
  expect(
    happened?.kind === 'tick' && happened.tick.items.map((item) => item.kind === 'deleted' && item.id),
  ).toEqual(items.map((_, number) => statusId(number)));
});

test('the largest item there can be, for a million sessions, fits a frame', async () => {
  const core = await ends.core();
  const gateway = await ends.gateway().isUp();
  const text = 'ä'.repeat(20_000);
  const item: Pushed = {
    ...update(1, 4_000_000),
    row: { ...row, text },
    boosted: { ...row, text },
  } as Pushed;
  core.peers[0]?.pushTick({ items: [item, item], cursor: cursorOf(1) });
  await until(() => gateway.happened.length === 2);
  expect(gateway.happened[1]).toMatchObject({ kind: 'tick', tick: { items: [{}, {}] } });
});

test('changes by the ten thousand come through whole', async () => {
  const core = await ends.core();
  const gateway = await ends.gateway().isUp();
  const statuses = Array.from({ length: 25_000 }, (_, number) => statusId(number));
  const accounts = Array.from({ length: 12_000 }, (_, number) => number as AccountId);
  core.peers[0]?.sendChanged({ statuses, accounts, tokens: ['token-1'] });
  core.peers[0]?.sendChanged({ statuses: [], accounts: [], tokens: [] });
  await core.peers[0]?.fence();

  const parts = gateway.happened.flatMap((happened) =>
    happened.kind === 'changed' ? [happened.changed] : [],
  );
  expect(parts.flatMap((part) => part.statuses)).toEqual(statuses);
  expect(parts.flatMap((part) => part.accounts)).toEqual(accounts);
  expect(parts.flatMap((part) => part.tokens)).toEqual(['token-1']);
});

test('an answer that no frame can hold is refused, and the link stays', async () => {
  const core = await ends.core({
    handle: (kind) => ({
      outcome: { ok: true, value: kind === 'metrics' ? { text: 'ü'.repeat(4_500_000) } : { rows: [] } },
    }),
  });
  const gateway = await ends.gateway().isUp();
  const [large, small] = await Promise.all([
    gateway.client.call('metrics', {}),
    gateway.client.call('accounts', { ids: [] }),
  ]);
  expect(large).toMatchObject({ ok: false, rejection: { code: 'invalid' } });
  expect(small).toEqual({ ok: true, value: { rows: [] } });
  expect(core.gone).toEqual([]);
});
