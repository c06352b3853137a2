// Release pointers in the mesh: brought by an operator, passed on by cores and agents, refused when they are not the release key's.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newKeyPair } from '../../cluster/ed25519.ts';
import type { ReleaseNews } from '../../cluster/mesh-messages.ts';
import { releaseChannel } from '../../cluster/mesh-release.ts';
import type { DeployShown } from '../../cluster/mesh-releases.ts';
import { handoverToJson, signHandover } from '../../cluster/release-handover.ts';
import { encodeSignedPointer, type ReleasePointer, signPointer } from '../../cluster/release-pointer.ts';
import { readWaves } from '../../cluster/release-waves.ts';
import { until } from '../support/until.ts';
import { ask, hex, linkedTo, MeshNodes, type TestCore } from './mesh-nodes.ts';
import { visit } from './mesh-visitors.ts';

let nodes: MeshNodes;
beforeEach(() => {
  nodes = new MeshNodes();
});
afterEach(() => nodes.close());

const info = Buffer.from('d4:infoe');
const key = newKeyPair();
const expiryMs = Date.now() + 1_000_000;

function pointer(change: Partial<ReleasePointer> = {}): ReleasePointer {
  return {
    channel: releaseChannel,
    version: '1.2.3',
    infoHash: createHash('sha1').update(info).digest(),
    manifestHash: Buffer.alloc(32, 9),
    infoBytes: info.length,
    waves: [],
    holdS: 10,
    expiryMs,
    isOneWay: false,
    ...change,
  };
}

function command(seq: number, change: Partial<ReleasePointer> = {}, signer = key, handovers: object[] = []) {
  const signed = signPointer(pointer(change), seq, signer.privateKey);
  return { do: 'deploy', pointer: Buffer.from(encodeSignedPointer(signed)).toString('base64'), handovers };
}

function news(seq: number, withInfo: Uint8Array | null): ReleaseNews {
  const signed = signPointer(pointer(), seq, key.privateKey);
  return { pointer: encodeSignedPointer(signed), handovers: [], info: withInfo };
}

async function show(core: TestCore): Promise<DeployShown> {
  return (await ask(core, { do: 'deployShow' })) as unknown as DeployShown;
}

async function three(): Promise<[TestCore, TestCore, TestCore]> {
  const made = [await nodes.node('a'), await nodes.node('b'), await nodes.node('c')] as const;
  await nodes.found(...made);
  const a = await nodes.core(made[0]);
  const b = await nodes.core(made[1], { doors: [a.place()] });
  const c = await nodes.core(made[2], { doors: [a.place()] });
  await until(() => [a, b, c].every((core) => linkedTo(core).length === 2));
  return [a, b, c];
}

const trust = (of = key) => ({ do: 'trustRelease', key: hex(of.publicKey) });

describe('a release pointer', () => {
  it('is refused before the cluster trusts a key', async () => {
    const [a] = await three();
    await expect(ask(a, command(1))).rejects.toThrow(/trusts no release key yet/);
    expect((await show(a)).pointer).toBeNull();
  });

  it('comes to every core, and to one that was away', async () => {
    const [a, b, c] = await three();
    await ask(b, trust());
    await until(() => c.mesh.manifest.manifest.releaseKey !== null);
    await ask(c, command(1));
    for (const core of [a, b, c]) await until(async () => (await show(core)).pointer?.seq === 1);
    await c.stop();
    await ask(a, command(2, { version: '1.2.4' }));
    const again = await nodes.core(c, { doors: [a.place()] });
    await until(async () => (await show(again)).pointer?.version === '1.2.4');
  });

  it('is on disk: a core that was started anew takes none that is older', async () => {
    const [a, b] = await three();
    await ask(a, trust());
    await ask(a, command(5));
    await until(async () => (await show(b)).pointer?.seq === 5);
    await b.stop();
    const again = await nodes.core(b);
    expect((await show(again)).pointer).toMatchObject({ seq: 5, version: '1.2.3' });
    await expect(ask(again, command(4))).rejects.toThrow(/older than what is deployed \(seq 5\)/);
  });

  it.each([
    ['another key', () => command(2, {}, newKeyPair()), /a key that this cluster does not trust/],
    ['an old seq', () => command(1), /older than what is deployed/],
    ['two under one seq', () => command(2, { version: '6.6.6' }), /two different pointers/],
    ['one that has expired', () => command(3, { expiryMs: 1000 }), /expired/],
  ])('is refused: %s', async (_what, made, reason) => {
    const [a] = await three();
    await ask(a, trust());
    await ask(a, command(2));
    await expect(ask(a, made())).rejects.toThrow(reason);
    expect((await show(a)).pointer).toMatchObject({ seq: 2, version: '1.2.3' });
  });

  it('is believed of a key that the former has handed over to, and of the former no more', async () => {
    const [a, b] = await three();
    await ask(a, trust());
    const next = newKeyPair();
    const handover = handoverToJson(signHandover(next.publicKey, key.privateKey));
    await ask(a, command(1, {}, next, [handover]));
    await until(async () => (await show(b)).pointer?.seq === 1);
    await expect(ask(b, command(2))).rejects.toThrow(/does not trust/);
    await ask(b, command(2, {}, next));
  });

  it('comes with the handovers to a newcomer’s first link, though the manifest names the first key', async () => {
    const made = [await nodes.node('a'), await nodes.node('b'), await nodes.node('c')] as const;
    await nodes.found(...made);
    const a = await nodes.core(made[0]);
    await ask(a, trust());
    const keys = [key, newKeyPair(), newKeyPair()] as const;
    const handovers = [keys[0], keys[1]].map((former, at) =>
      signHandover((keys[at + 1] ?? former).publicKey, former.privateKey),
    );
    await ask(a, command(1, {}, keys[2], handovers.map(handoverToJson)));
    // Neither was there when the keys were handed over.
    const core = await nodes.core(made[1], { doors: [a.place()] });
    const agent = await visit(nodes, a, { node: made[2], role: 'agent', verified: a.mesh.manifest });
    await until(async () => (await show(core)).pointer?.seq === 1);
    expect((await show(core)).releaseKey).toBe(hex(key.publicKey));
    await until(() => agent.told.some(({ kind }) => kind === 'pointer'));
    const told = agent.told.find((message) => message.kind === 'pointer');
    expect(told).toMatchObject({ handovers });
    // It believes the last key now, and no former one.
    await expect(ask(core, command(2))).rejects.toThrow(/does not trust/);
    await ask(core, command(2, { version: '1.2.4' }, keys[2]));
  });

  it('is passed on to agents with the info dictionary that another agent has', async () => {
    const [a, b] = await three();
    await ask(a, trust());
    const verified = a.mesh.manifest;
    await until(() => b.mesh.manifest.manifest.epoch === verified.manifest.epoch);
    const giver = await visit(nodes, a, { node: a, role: 'agent', verified });
    const taker = await visit(nodes, b, { node: b, role: 'agent', verified });
    await ask(a, command(1));
    const told = () => taker.told.flatMap((message) => (message.kind === 'pointer' ? [message] : []));
    await until(() => told().length === 1);
    expect(told()[0]).toMatchObject({ info: null });
    giver.link?.control({ kind: 'pointer', ...news(1, Buffer.from('another torrent’s')) });
    giver.link?.control({ kind: 'pointer', ...news(1, info) });
    await until(() => told().length === 2);
    expect(Buffer.from(told()[1]?.info ?? [])).toEqual(info);
  });

  it('is coordinated by the core with the smallest number', async () => {
    const cores = await three();
    const [a] = cores;
    await ask(a, trust());
    await ask(a, command(1, { waves: readWaves('1,100%') }));
    for (const core of cores) await until(async () => (await show(core)).rollout?.seq === 1);
    const shown = await show(a);
    // No agent is heard: nobody may change over.
    expect(shown.rollout).toEqual({ seq: 1, wave: 1, open: 0, stopped: '' });
    expect(shown.machines.map(({ wave }) => wave)).toEqual([1, 2, 2]);
    const first = Math.min(...cores.map(({ mesh }) => mesh.node));
    const saying = cores.flatMap(({ mesh }) => (mesh.releases.rollout() === null ? [] : [mesh.node]));
    expect(saying).toEqual([first]);
  });
});

it('behaviours are swapped for the machine’s own agent only', async () => {
  const swaps: string[] = [];
  const made = [await nodes.node('a'), await nodes.node('b')] as const;
  await nodes.found(...made);
  const a = await nodes.core(made[0], {
    swap: async ({ release }) => {
      swaps.push(release);
      return { ok: true, value: '{}' };
    },
  });
  const verified = a.mesh.manifest;
  const swap = JSON.stringify({ do: 'swap', release: '/releases/b', isOneWay: false });
  await expect(ask(a, JSON.parse(swap))).rejects.toThrow(/own agent/);
  for (const [node, role, isDone] of [
    [made[1], 'agent', false],
    [made[0], 'operator', false],
    [made[0], 'agent', true],
  ] as const) {
    const visitor = await visit(nodes, a, { node, role, verified });
    visitor.link?.control({ kind: 'call', id: 1, ask: [swap] });
    await until(() => visitor.told.some((message) => message.kind === 'answer'));
    const answer = visitor.told.find((message) => message.kind === 'answer');
    expect(answer?.rejection === null).toBe(isDone);
  }
  expect(swaps).toEqual(['/releases/b']);
});
