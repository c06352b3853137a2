// A core that is about to end: gateways have the answers of what they asked, drop their caches and say so, and nobody waits for their leases.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Handled } from '../../cluster/link-handling.ts';
import { noteLeft, takeLeftNote } from '../../cluster/link-left.ts';
import { until } from '../support/until.ts';
import { Ends, ManualClock, messagesTravel } from './link-ends.ts';

const ends = new Ends();
beforeEach(() => ends.open());
afterEach(() => ends.close());

const done = { ok: true, value: {} } as const;

test('a gateway that is told has the answers of what it asked, then says goodbye; nobody can hold a lease', async () => {
  let answer: (handled: Handled) => void = () => {};
  const core = await ends.core({
    clock: new ManualClock(),
    handle: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  const gateway = await ends.gateway().isUp();
  const asked = gateway.client.call('admit', {});
  await messagesTravel();
  const left = core.server.leave(60_000);
  await messagesTravel();
  expect(core.gone).toEqual([]);
  answer({ outcome: done });
  expect(await asked).toEqual(done);
  expect(await left).toBe(true);
  expect(core.gone.map(({ reason }) => reason)).toEqual(['it said goodbye']);
  expect(gateway.kinds()).toEqual(['up', 'down']);
});

test('what is asked after that is not sent: it waits for the next core', async () => {
  const kinds: string[] = [];
  const core = await ends.core({
    handle: (kind) => {
      kinds.push(kind);
      return kind === 'admit' ? new Promise(() => {}) : { outcome: done };
    },
  });
  const gateway = await ends.gateway().isUp();
  void gateway.client.call('admit', {});
  await messagesTravel();
  const left = core.server.leave(300);
  await messagesTravel();
  const late = gateway.client.call('instance', {});
  await messagesTravel();
  expect(kinds).toEqual(['admit']);
  expect(await left).toBe(false);
  await core.server.close();
  await gateway.client.close();
  expect(await late).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
});

test('a gateway that does not hear is waited for no longer than told, and may hold a lease', async () => {
  const clock = new ManualClock();
  const core = await ends.core({ clock });
  await ends.visitor(core);
  const left = core.server.leave(1000);
  await clock.advance(1000);
  expect(await left).toBe(false);
});

test('a gateway that went without a word shortly before may hold a lease', async () => {
  const clock = new ManualClock();
  const core = await ends.core({ clock });
  const visitor = await ends.visitor(core);
  await visitor.leave();
  await until(() => core.gone.length === 1);
  expect(await core.server.leave(1000)).toBe(false);
  clock.jump(10_000);
  expect(await core.server.leave(1000)).toBe(true);
});

test('nobody new is let in', async () => {
  const core = await ends.core();
  expect(await core.server.leave(1000)).toBe(true);
  const gateway = ends.gateway();
  await messagesTravel();
  await until(() => core.meter.of('strangers-refused') > 0);
  expect(gateway.kinds()).toEqual([]);
});

test('the note of a core that left no lease behind is found once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'murmuration-left-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(takeLeftNote(folder)).toBe(false);
  noteLeft(folder);
  expect([takeLeftNote(folder), takeLeftNote(folder)]).toEqual([true, false]);
});
