// Releases that come to a machine by the swarm: from whom, how much of them moves, what is kept of half ones, and how they go on.
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keptPath } from '../../cluster/swarm-order.ts';
import { type SmallRelease, smallFiles, smallManifest } from '../support/small-release.ts';
import { until } from '../support/until.ts';
import { DhtNodes } from './dht-nodes.ts';
import { type ReleaseMachine, ReleaseMachines } from './release-machines.ts';
import { Ends, expectSame } from './swarm-ends.ts';

let ends: Ends;
let machines: ReleaseMachines;
let dhtNodes: DhtNodes;
beforeEach(() => {
  ends = new Ends();
  machines = new ReleaseMachines(ends);
  dhtNodes = new DhtNodes();
});
afterEach(async () => {
  await ends.close();
  await dhtNodes.close();
});

const pieceBytes = 16_384;
const large = Array.from({ length: 30_000 }, (_, at) => `// line ${at}\n`).join('');
const files = { ...smallFiles, 'code/large.mjs': large };

const told = (machine: ReleaseMachine, { pointer, info }: SmallRelease) =>
  machines.told(machine, { pointer, info: info.bytes });

async function expectWhole(machine: ReleaseMachine, made: SmallRelease): Promise<void> {
  const stored = await machine.store.find(made.id);
  expect(stored).toMatchObject({ id: made.id });
  await expectSame(stored?.folder ?? '', made);
  expect((await machine.store.check(made.id)).ok).toBe(true);
}

const sharedBy = ({ swarm }: ReleaseMachine) =>
  swarm.torrents.map(({ hash }) => Buffer.from(hash).toString('hex')).sort();
const hashesOf = (...all: SmallRelease[]) =>
  all.map(({ info }) => Buffer.from(info.hash).toString('hex')).sort();

describe('a release', () => {
  test.each([
    ['with the info dictionary sent along', true],
    ['without it, which peers give then', false],
  ])('comes from a peer, %s', async (_how, isSent) => {
    const made = await machines.release('one', files);
    const machine = await machines.machine('a', [await machines.seed(made)]);
    const known = await machines.told(machine, {
      pointer: made.pointer,
      info: isSent ? made.info.bytes : null,
    });
    const fetched = await machine.fetch(known);
    expect(fetched).toMatchObject({
      ok: true,
      value: { id: made.id, label: `1.2.3-${made.id.slice(0, 12)}` },
    });
    await expectWhole(machine, made);
    const { totalBytes, haveBytes, movedBytes } = machine.progress();
    expect(haveBytes).toBe(totalBytes);
    expect(movedBytes).toBeGreaterThanOrEqual(totalBytes);
    const names = await readdir(machine.store.folder);
    expect(names.sort()).toEqual([made.id, `${made.id}.torrent`, 'node_modules', 'pointer'].sort());
  });

  test('comes from a peer that the DHT alone knows', async () => {
    const [first, second] = [await dhtNodes.node(), await dhtNodes.node()];
    const third = await dhtNodes.node({ bootstrap: [first.dht.address, second.dht.address] });
    await third.dht.lookup();
    const made = await machines.release('one', files);
    const owner = await machines.machine('owner', [], { dht: first.dht });
    const stored = await owner.store.putRelease(made.folder);
    if (!stored.ok) throw new Error(stored.reason);
    await owner.fetching.share(stored.value);
    const machine = await machines.machine('a', [], { dht: third.dht });
    expect(await machine.fetch(await told(machine, made))).toMatchObject({ ok: true });
    await expectWhole(machine, made);
  });

  test('that is in the store is asked of nobody, and shared', async () => {
    const made = await machines.release('one', files);
    const machine = await machines.machine('a');
    await machine.store.putRelease(made.folder);
    expect(await machine.fetch(await told(machine, made))).toMatchObject({
      ok: true,
      value: { id: made.id },
    });
    expect(machine.progress().movedBytes).toBe(0);
    expect(sharedBy(machine)).toEqual(hashesOf(made));
  });

  test('comes when the dictionary that was kept with the pointer is another one', async () => {
    const [made, other] = [await machines.release('one', files), await machines.release('other')];
    const machine = await machines.machine('a', [await machines.seed(made)]);
    const known = await machines.told(machine, { pointer: made.pointer, info: null });
    expect(await machine.fetch({ ...known, info: other.info.bytes })).toMatchObject({ ok: true });
    await expectWhole(machine, made);
  });
});

describe('of a release that is changed in one line', () => {
  const changedFiles = { ...files, 'behaviours.js': 'exports.behaviours = { wings: 2 };\n' };
  const changedManifest = smallManifest(changedFiles, { version: '1.2.4' });

  test.each([
    ['the store', true],
    ['another folder of this machine', false],
  ])('little moves: the rest is taken from %s', async (_where, isStored) => {
    const made = await machines.release('one', files);
    const next = await machines.release('next', changedFiles, changedManifest);
    const peers = [await machines.seed(next)];
    const machine = isStored
      ? await machines.machine('a', peers)
      : await machines.machine('a', peers, { sources: () => [made.folder] });
    if (isStored) await machine.store.putRelease(made.folder);
    const pointer = { ...next.pointer, version: '1.2.4' };
    const known = await machines.told(machine, { pointer, info: next.info.bytes });
    expect(await machine.fetch(known)).toMatchObject({ ok: true, value: { id: next.id } });
    await expectWhole(machine, next);
    const { totalBytes, movedBytes } = machine.progress();
    expect(totalBytes).toBeGreaterThan(20 * pieceBytes);
    expect(movedBytes).toBeGreaterThan(0);
    // The script and the manifest.
    expect(movedBytes).toBeLessThanOrEqual(2 * pieceBytes);
    // What runs from there is not touched.
    if (isStored) await expectWhole(machine, made);
    else await expectSame(made.folder, made);
  });
});

describe('a fetch that is given up', () => {
  test('is gone on with later, by the next process too: nothing is fetched twice', async () => {
    const made = await machines.release('one', files);
    const half = 12;
    const visitor = await ends.visitor({
      bundle: made,
      has: (piece) => piece < half,
      answer: ({ right }) => right,
    });
    const before = await machines.machine('a', [visitor]);
    const abort = new AbortController();
    const fetched = before.fetch(await told(before, made), abort.signal);
    const given = expect(fetched).rejects.toMatchObject({ reason: 'removed' });
    const progressNow = () => before.swarm.torrents[0]?.progress;
    // The first file has a piece of its own.
    const halfBytes = Buffer.byteLength(smallFiles['behaviours.js'] ?? '') + (half - 1) * pieceBytes;
    await until(() => progressNow()?.haveBytes === halfBytes);
    expect(before.fetching.fetching.map((hash) => Buffer.from(hash))).toEqual([made.info.hash]);
    abort.abort();
    await given;
    expect(before.swarm.torrents).toEqual([]);
    expect(await before.store.find(made.id)).toBeNull();
    const staging = before.store.stagingOf(made.info.hash);
    const names = await readdir(before.store.folder);
    expect(names).toContain(basename(staging));
    expect(names).toContain(basename(keptPath(staging)));
    await before.swarm.close();
    const after = await machines.machine('a', [await machines.seed(made)]);
    const known = after.held.current;
    if (known === null) throw new Error('the pointer was not kept');
    expect(await after.fetch(known)).toMatchObject({ ok: true });
    await expectWhole(after, made);
    expect(after.progress().movedBytes).toBe(made.info.totalBytes - half * pieceBytes);
  });

  test('before it has begun ends, though nobody has the release', async () => {
    const made = await machines.release('one', files);
    const machine = await machines.machine('a');
    const abort = new AbortController();
    const fetched = machine.fetch(await told(machine, made), abort.signal);
    // The store is being looked at.
    abort.abort();
    await expect(fetched).rejects.toThrow();
    expect(machine.swarm.torrents).toEqual([]);
  });
});

describe('a machine', () => {
  test('gives on what it has, when the first that had it is gone', async () => {
    const made = await machines.release('one', files);
    const seed = await machines.seed(made);
    const second = await machines.machine('second', [seed]);
    await second.fetch(await told(second, made));
    await seed.swarm.close();
    const third = await machines.machine('third', [seed, second]);
    const known = await machines.told(third, { pointer: made.pointer, info: null });
    expect(await third.fetch(known)).toMatchObject({ ok: true });
    await expectWhole(third, made);
  });

  test('shares the last three, and one that is wanted again is the last', async () => {
    const made: SmallRelease[] = [];
    for (const name of ['one', 'two', 'three', 'four'])
      made.push(await machines.release(name, { ...smallFiles, 'core.mjs': `// ${name}\n` }));
    const [one, two, three, four] = made as [SmallRelease, SmallRelease, SmallRelease, SmallRelease];
    const machine = await machines.machine('a', await Promise.all(made.map((one) => machines.seed(one))));
    for (const release of [one, two, three]) await machine.fetch(await told(machine, release));
    expect(sharedBy(machine)).toEqual(hashesOf(one, two, three));
    await machine.fetch(await told(machine, one));
    await machine.fetch(await told(machine, four));
    expect(sharedBy(machine)).toEqual(hashesOf(three, one, four));
    // Who asks now gets it, not a connection that says nothing.
    const other = await machines.machine('b', [machine]);
    for (const release of [three, one, four])
      expect(await other.fetch(await told(other, release))).toMatchObject({ ok: true });
  });

  test('fetches one anew that it shared, and that is gone from its store', async () => {
    const made = await machines.release('one', files);
    const machine = await machines.machine('a', [await machines.seed(made)]);
    await machine.fetch(await told(machine, made));
    await rm(join(machine.store.folder, made.id), { recursive: true });
    expect(await machine.fetch(await told(machine, made))).toMatchObject({ ok: true });
    await expectWhole(machine, made);
    expect(sharedBy(machine)).toEqual(hashesOf(made));
    const other = await machines.machine('b', [machine]);
    expect(await other.fetch(await told(other, made))).toMatchObject({ ok: true });
  });
});
