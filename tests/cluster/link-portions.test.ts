// How far a gateway is with what it was pushed, as the core knows it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Pushed, Tick } from '../../actors/messages.ts';
import { Portions } from '../../cluster/link-portions.ts';
import { until } from '../support/until.ts';
import { Ends, ManualClock } from './link-ends.ts';

const portion = 64 * 1024;
const own = { isOwn: true, protocol: 3, nowMs: 0 };

function push(portions: Portions, count: number): (number | null)[] {
  return Array.from({ length: count }, () => portions.pushed(portion));
}

describe('portions', () => {
  test('are asked about one by one as they are full', () => {
    const portions = new Portions(own);
    expect(portions.pushed(portion - 1)).toBe(null);
    expect(portions.pushed(1)).toBe(1);
    expect(portions.pushed(portion - 1)).toBe(null);
    expect(portions.pushed(1)).toBe(2);
  });

  test('are sixteen before more would only wait', () => {
    const portions = new Portions(own);
    push(portions, 15);
    expect(portions.isBehind).toBe(false);
    push(portions, 1);
    expect(portions.isBehind).toBe(true);
    portions.written(1, 0);
    expect(portions.isBehind).toBe(false);
  });

  test('cannot be written before they are pushed', () => {
    const portions = new Portions(own);
    portions.written(1000, 0);
    push(portions, 16);
    expect(portions.isBehind).toBe(true);
  });

  test('are written up to the one that is named', () => {
    const portions = new Portions(own);
    push(portions, 30);
    portions.written(14, 0);
    expect(portions.isBehind).toBe(true);
    portions.written(15, 0);
    expect(portions.isBehind).toBe(false);
  });

  test('are more on the way to another machine', () => {
    const portions = new Portions({ ...own, isOwn: false });
    push(portions, 63);
    expect(portions.isBehind).toBe(false);
    push(portions, 1);
    expect(portions.isBehind).toBe(true);
  });

  test('that are all written tell for how long', () => {
    const portions = new Portions(own);
    expect(portions.idleMs(5)).toBe(5);
    push(portions, 2);
    portions.written(1, 10);
    expect(portions.idleMs(20)).toBe(0);
    portions.written(2, 30);
    expect(portions.idleMs(50)).toBe(20);
  });

  test('are nothing to a peer that does not know them', () => {
    const portions = new Portions({ ...own, protocol: 2 });
    expect(push(portions, 100)).toEqual(Array.from({ length: 100 }, () => null));
    expect(portions.isBehind).toBe(false);
  });
});

describe('a peer', () => {
  const ends = new Ends();
  beforeEach(() => ends.open());
  afterEach(() => ends.close());
  const item: Pushed = { kind: 'resync', sessions: new Uint8Array(portion) };
  function pushTo(peer: { pushTick(tick: Tick): void } | undefined, count: number): void {
    for (let one = 0; one < count; one++) peer?.pushTick({ items: [item], cursor: '0'.repeat(24) });
  }

  test('is behind until it has said what it has written', async () => {
    const core = await ends.core();
    const visitor = await ends.visitor(core);
    const [peer] = core.peers;
    pushTo(peer, 15);
    expect(peer?.isBehind).toBe(false);
    pushTo(peer, 1);
    expect(peer?.isBehind).toBe(true);
    const asked = await until(() => {
      const found = visitor.messages().filter((message) => (message as unknown[])[0] === 'portion');
      return found.length === 16 ? found : undefined;
    });
    visitor.send(['written', (asked[0] as [string, [number]])[1]]);
    await until(() => peer?.isBehind === false);
  });

  test('that is a gateway says so when it has written, and not before', async () => {
    const core = await ends.core();
    const waits: (() => void)[] = [];
    await ends.gateway({}, { portion: (written) => waits.push(written) }).isUp();
    pushTo(core.peers[0], 16);
    await until(() => waits.length === 16);
    expect(core.peers[0]?.isBehind).toBe(true);
    waits[0]?.();
    await until(() => core.peers[0]?.isBehind === false);
  });

  test('that says nothing holds up nobody for long', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const visitor = await ends.visitor(core);
    const [peer] = core.peers;
    pushTo(peer, 16);
    await clock.advance(1950);
    expect(peer?.isBehind).toBe(true);
    await clock.advance(50);
    expect(peer?.isBehind).toBe(false);
    visitor.send(['ping', [1, 0]]);
    await until(() => peer?.isBehind === true);
  });

  test('that writes nothing has written all', async () => {
    const core = await ends.core();
    const gateway = await ends.gateway().isUp();
    pushTo(core.peers[0], 20);
    await until(() => gateway.kinds().filter((kind) => kind === 'tick').length === 20);
    await until(() => core.peers[0]?.isBehind === false);
  });

  test('that is gone is not behind', async () => {
    const core = await ends.core();
    await ends.visitor(core);
    pushTo(core.peers[0], 16);
    core.peers[0]?.close('as planned');
    expect(core.peers[0]?.isBehind).toBe(false);
  });
});
