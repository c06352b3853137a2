// The agent's part in the cluster, with real DHTs and wires in this process: founding, joining, being found again.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AgentCluster, createAgentCluster } from '../../cluster/agent-cluster.ts';
import { ManifestItem } from '../../cluster/agent-cluster-item.ts';
import { clusterPort } from '../../cluster/agent-cluster-port.ts';
import { type Settled, settleCluster } from '../../cluster/agent-cluster-settling.ts';
import { type AgentDht, openDht } from '../../cluster/agent-dht.ts';
import { manifestIn, readClusterFile, writeClusterFile } from '../../cluster/cluster-file.ts';
import { readKeeper } from '../../cluster/keeper.ts';
import { readManifest } from '../../cluster/mesh-manifest-file.ts';
import { openReleaseHeld, type ReleaseHeld } from '../../cluster/mesh-release.ts';
import { until } from '../support/until.ts';
import { ask, hex, inviteOf, linkedTo, MeshNodes, type TestCore, type TestNode } from './mesh-nodes.ts';
import { Witness } from './wire-ends.ts';

let nodes: MeshNodes;
beforeEach(() => {
  nodes = new MeshNodes();
});
afterEach(() => nodes.close());

const host = '127.0.0.1';

interface TestAgent {
  cluster: AgentCluster;
  dht: AgentDht;
  witness: Witness;
  release: ReleaseHeld;
}

/** An agent on what this folder remembers. */
async function agent(
  node: Pick<TestNode, 'name' | 'data' | 'identity'>,
  core: TestCore | null,
): Promise<TestAgent> {
  const { name, data, identity } = node;
  const file = await readClusterFile(data);
  if (file === null) throw new Error('no cluster.json');
  const witness = new Witness();
  const keys = manifestIn(file)?.manifest.dhtKeys ?? [Buffer.from(file.dhtKey ?? '', 'hex')];
  const clusterId = Buffer.from(file.cluster, 'hex');
  const dht = await openDht({ host, keys, clusterId, contacts: file.contacts, log: witness.log });
  const known: { cluster: AgentCluster | null } = { cluster: null };
  const release = await openReleaseHeld({
    path: join(data, 'agent-release.json'),
    releaseKey: () => known.cluster?.manifest?.manifest.releaseKey ?? null,
    log: witness.log,
  });
  const cluster = createAgentCluster({
    data,
    identity,
    file,
    name,
    version: '0.1.0',
    dht,
    core: core === null ? null : core.place(),
    release,
    log: witness.log,
  });
  known.cluster = cluster;
  nodes.onClose(() => cluster.close());
  return { cluster, dht, witness, release };
}

async function settle(
  data: string,
  change: Partial<Parameters<typeof settleCluster>[0]> = {},
): Promise<Settled> {
  return await settleCluster({
    data,
    name: 'here',
    machine: 'rack 1',
    join: null,
    roles: null,
    weight: null,
    nowMs: Date.now(),
    ...change,
  });
}

test('an empty folder founds a cluster once, and is in it again at the next start', async () => {
  const data = await nodes.folder();
  const first = await settle(data, { weight: 250 });
  const again = await settle(data, { name: 'another' });
  expect(again.file).toEqual(first.file);
  expect(again.identity.number).toBe(first.identity.number);
  const { verified } = await readManifest(data);
  expect(verified.manifest).toMatchObject({
    epoch: 1,
    members: [{ node: first.identity.number, name: 'here', machine: 'rack-1', weight: 250 }],
    ring: { cores: [first.identity.number], next: null },
  });
  expect((await readKeeper(data))?.publicKey).toEqual(Buffer.from(first.file.keeper, 'hex'));
  expect((await readdir(data)).sort()).toEqual(['cluster.json', 'keeper.key', 'node.key']);
});

test('a cluster is not founded by a machine without a core, nor twice with one key', async () => {
  const data = await nodes.folder();
  await expect(settle(data, { roles: ['gateway'] })).rejects.toThrow('needs a core');
  await settle(data);
  await mkdir(join(data, 'store'));
  await rm(join(data, 'cluster.json'));
  await expect(settle(data)).rejects.toThrow('a second history of the cluster would begin');
});

test('a folder with accounts of its own, or of another cluster, refuses an invite', async () => {
  const a = await nodes.node('a');
  await nodes.found(a);
  const line = await inviteOf(await nodes.core(a), 60_000, ['core']);
  const own = await nodes.folder();
  await mkdir(join(own, 'store'));
  await expect(settle(own, { join: line })).rejects.toThrow('has accounts of its own');
  const other = await nodes.folder();
  await settle(other);
  await expect(settle(other, { join: line })).rejects.toThrow('is in another cluster');
  const empty = await nodes.folder();
  await expect(settle(empty, { join: line, roles: ['gateway'] })).rejects.toThrow('was invited as core only');
  await expect(settle(empty, { join: line, nowMs: Date.now() + 60_001 })).rejects.toThrow(
    'the invite expired',
  );
  expect(await readClusterFile(empty)).toBeNull();
});

test('a newcomer joins by the address in its invite, and needs the invite no more', async () => {
  const a = await nodes.node('a');
  await nodes.found(a);
  const core = await nodes.core(a);
  const line = await inviteOf(core, 60_000, ['gateway']);
  const data = await nodes.folder();
  const { identity, file } = await settle(data, { join: line, name: 'new' });
  expect(file).toMatchObject({ manifest: null, joined: 'invite', doors: [core.place()] });
  const newcomer = await agent({ name: 'new', data, identity }, null);
  await newcomer.cluster.join(10_000);
  newcomer.cluster.run();
  await until(() => String(newcomer.cluster.linked) === String([core.mesh.node]));
  await until(
    () => core.mesh.status().nodes.find(({ name }) => name === 'new')?.processes[0]?.role === 'agent',
  );
  await newcomer.cluster.close();
  // Long after the invite has expired it is let in as a member, with the same arguments.
  const again = await settle(data, { join: line, nowMs: Date.now() + 3_600_000 });
  expect(again.file).toMatchObject({ admission: null, dhtKey: null });
  expect(again.roles).toEqual(['gateway']);
});

test('a newcomer finds a core by the DHT when the core in its invite is gone', async () => {
  const [a, b] = [await nodes.node('a'), await nodes.node('b')];
  await nodes.found(a, b);
  const first = await nodes.core(a);
  const second = await nodes.core(b, { doors: [first.place()] });
  await until(() => linkedTo(second).length === 1);
  const agents = [await agent(a, first), await agent(b, second)] as const;
  const line = await inviteOf(first);
  const data = await nodes.folder();
  const { identity, file } = await settle(data, { join: line });
  const contacts = agents.map(({ dht }) => ({ host, port: dht.address.port }));
  await writeClusterFile(data, { ...file, doors: [{ host, port: 1 }], contacts });
  for (const { cluster } of agents) cluster.run();
  const newcomer = await agent({ name: 'new', data, identity }, null);
  await newcomer.cluster.join(20_000);
  expect(newcomer.cluster.manifest?.manifest.members.some(({ node }) => node === identity.number)).toBe(true);
});

test('a restarted node finds the cluster from saved contacts, with the node it first joined gone', async () => {
  const made = [await nodes.node('a'), await nodes.node('b'), await nodes.node('c')] as const;
  const [a, b, c] = made;
  await nodes.found(...made);
  const first = await nodes.core(a);
  const firstAgent = await agent(a, first);
  firstAgent.cluster.run();
  const contacts = [{ host, port: firstAgent.dht.address.port }];
  await nodes.remember(b, { doors: [first.place()], contacts });
  await nodes.remember(c, { doors: [first.place()], contacts });
  const second = await nodes.core(b);
  const secondAgent = await agent(b, second);
  secondAgent.cluster.run();

  const third = await agent(c, null);
  third.cluster.run();
  await until(() => third.dht.contacts().length === 2);
  await until(async () => (await third.dht.lookup()).some(({ port }) => port === second.mesh.port));
  await third.cluster.close();

  await firstAgent.cluster.close();
  await first.stop();
  const left = await readClusterFile(c.data);
  if (left === null) throw new Error('no cluster.json');
  expect(left.contacts).toHaveLength(2);
  // Only the contacts are left of what it knew.
  await writeClusterFile(c.data, { ...left, cores: [], doors: [] });
  const again = await agent(c, null);
  again.cluster.run();
  await until(() => again.cluster.linked.includes(second.mesh.node));
  await until(async () =>
    (await readClusterFile(c.data))?.cores.some(({ port }) => port === second.mesh.port),
  );
});

test('the DHT’s key is changed while all run, and they go on finding each other', async () => {
  const [a, b] = [await nodes.node('a'), await nodes.node('b')];
  await nodes.found(a, b);
  const first = await nodes.core(a);
  const second = await nodes.core(b, { doors: [first.place()] });
  const one = await agent(a, first);
  await nodes.remember(b, { doors: [first.place()], contacts: [{ host, port: one.dht.address.port }] });
  const other = await agent(b, second);
  for (const { cluster } of [one, other]) cluster.run();
  await until(() => one.cluster.linked.length === 2 && other.cluster.linked.length === 2);
  const sees = async ({ dht }: TestAgent, core: TestCore) =>
    (await dht.lookup()).some(({ port }) => port === core.mesh.port);
  await until(() => sees(one, second));
  for (const step of ['rotateKey', 'retireKey']) {
    await ask(first, { do: step });
    const { epoch } = first.mesh.manifest.manifest;
    await until(() => [one, other].every(({ cluster }) => cluster.manifest?.manifest.epoch === epoch));
    await until(async () => (await sees(one, second)) && (await sees(other, first)));
  }
  // What cluster.json says is what the next start seals with.
  await one.cluster.close();
  const kept = await readClusterFile(a.data);
  const keys = kept === null ? [] : (manifestIn(kept)?.manifest.dhtKeys ?? []);
  expect(keys.map(hex)).toEqual(first.mesh.manifest.manifest.dhtKeys.map(hex));
});

test('the keeper’s agent puts the epoch into the DHT, and the others see when they are behind', async () => {
  const [a, b] = [await nodes.node('a'), await nodes.node('b')];
  await nodes.found(a, b);
  const core = await nodes.core(a);
  const one = await agent(a, core);
  await nodes.remember(b, { contacts: [{ host, port: one.dht.address.port }] });
  const other = await agent(b, null);
  await until(() => one.dht.contacts().length > 0 && other.dht.contacts().length > 0);
  const keeper = await readKeeper(a.data);
  const puts = new ManifestItem(one.dht);
  const looks = new ManifestItem(other.dht);
  const before = core.mesh.manifest;
  await until(async () => (await puts.look(before, keeper, 0)).kind === 'put');
  expect(await puts.look(before, keeper, 0)).toEqual({ kind: 'same' });
  expect(await looks.look(before, null, 0)).toEqual({ kind: 'same' });
  await ask(core, { do: 'rotateKey' });
  await until(async () => (await puts.look(core.mesh.manifest, keeper, 0)).kind === 'put');
  expect(await looks.look(before, null, 0)).toEqual({ kind: 'behind' });
  const { manifest, hash } = core.mesh.manifest;
  const forked = { ...core.mesh.manifest, manifest, hash: Buffer.from(hash).fill(0) };
  expect(await looks.look(forked, null, 0)).toMatchObject({ kind: 'conflict' });
});

test('the cluster port is what was asked for, or what it was last, or any that is free', async () => {
  const dht = await openDht({
    host,
    keys: [Buffer.alloc(32, 1)],
    clusterId: Buffer.alloc(32, 2),
    log: { info() {}, warn() {} },
  });
  nodes.onClose(() => dht.close());
  const taken = dht.address.port;
  const held = (port: number) => (one: number) => one === port;
  const any = await clusterPort({ host, asked: null, usual: [taken], isHeld: held(0) });
  expect(any).not.toBe(taken);
  expect(await clusterPort({ host, asked: null, usual: [taken, any], isHeld: held(0) })).toBe(any);
  expect(await clusterPort({ host, asked: null, usual: [taken], isHeld: held(taken) })).toBe(taken);
  await expect(clusterPort({ host, asked: taken, usual: [], isHeld: held(0) })).rejects.toThrow(
    `The cluster port ${taken} on ${host} is taken`,
  );
});
