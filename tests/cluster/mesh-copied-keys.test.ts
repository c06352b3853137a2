// A data folder that was copied: two living processes with one node key are noticed, and starts of one are not taken for them.
import { cp } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { type CopiedKey, CopiedKeys, takenByText } from '../../cluster/mesh-copied-keys.ts';
import { until } from '../support/until.ts';
import { MeshNodes } from './mesh-nodes.ts';

function copiedKeys() {
  const clock = { nowMs: 1_000_000 };
  const found: CopiedKey[] = [];
  const keys = new CopiedKeys({
    self: 1,
    monoMs: () => clock.nowMs,
    found: (copied) => found.push(copied),
  });
  const linked = (...boots: string[]): void => {
    for (const boot of boots) keys.linked(2, { boot, address: `at ${boot}` });
  };
  return { keys, clock, found, linked };
}

describe('processes of another node', () => {
  test('that take each other’s place again and again are two that live', () => {
    const { keys, found, linked } = copiedKeys();
    linked('one', 'other', 'one', 'other', 'one', 'other');
    expect(keys.list()).toEqual([{ node: 2, addresses: ['at one', 'at other'] }]);
    // Told once, and not each time.
    expect(found).toHaveLength(1);
  });

  test('are no copies when each is there once, nor when the link of a former one was late', () => {
    const { keys, linked } = copiedKeys();
    linked('one', 'one', 'two', 'two', 'three', 'four', 'five');
    // A process that was held up finds links of both waiting.
    linked('four', 'five');
    expect(keys.list()).toEqual([]);
  });

  test('are told of until nothing was seen of it for a minute, and then anew', () => {
    const { keys, clock, found, linked } = copiedKeys();
    linked('one', 'other', 'one', 'other', 'one');
    clock.nowMs += 59_000;
    expect(keys.list()).toHaveLength(1);
    clock.nowMs += 2_000;
    expect(keys.list()).toEqual([]);
    // What was before does not count any more.
    linked('other', 'one');
    expect(keys.list()).toEqual([]);
    linked('other');
    expect(found).toHaveLength(2);
  });
});

describe('of its own node', () => {
  const own = '10.0.0.1:8081';
  const taken = takenByText('10.0.0.9:8081');

  test('a core whose place another process takes again and again has a copy', () => {
    const { keys } = copiedKeys();
    for (const text of [taken, taken, taken]) keys.ended(text, own);
    expect(keys.list()).toEqual([{ node: 1, addresses: [own, '10.0.0.9:8081'] }]);
  });

  test('a core has none when links end for other reasons, or seldom', () => {
    const { keys, clock } = copiedKeys();
    for (let times = 0; times < 5; times++) {
      keys.ended('another link has taken its place', own);
      keys.ended(taken, own);
      clock.nowMs += 40_000;
    }
    expect(keys.list()).toEqual([]);
  });
});

describe('in a mesh', () => {
  const nodes = new MeshNodes();
  afterEach(() => nodes.close());

  test('a copied data folder is told of by every core, by log, metric and status, with both places', async () => {
    const made = [await nodes.node('a'), await nodes.node('b'), await nodes.node('c')] as const;
    await nodes.found(...made);
    const a = await nodes.core(made[0]);
    const c = await nodes.core(made[2], { doors: [a.place()] });
    const b = await nodes.core(made[1], { doors: [a.place()] });
    await until(() => a.linked.some(({ node }) => node === b.mesh.node));
    const data = await nodes.folder();
    await cp(b.data, data, { recursive: true });
    const copy = await nodes.core({ ...made[1], data });
    const places = [b, copy].map((core) => `127.0.0.1:${core.mesh.port}`).sort();
    for (const core of [a, b, c, copy]) {
      const [copied] = await until(() => {
        const { copiedKeys } = core.mesh.status();
        return copiedKeys.length > 0 && copiedKeys;
      });
      expect(copied?.node).toBe(b.mesh.node);
      expect(copied?.addresses.toSorted()).toEqual(places);
      expect(core.witness.of('copied-keys')).toBe(1);
      expect(
        core.witness.said.some(({ level, text }) => level === 'error' && text.includes('folder was copied')),
      ).toBe(true);
    }
  });
});
