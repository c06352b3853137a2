// Commands about accounts in a cluster: each request of an operator goes to the core that serves whom it is about. Real links, to cores in the
// test's hands.
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Ask } from '../../actors/messages.ts';
import { ownIdentity } from '../../cluster/agent-process.ts';
import { writeAgentRecord } from '../../cluster/agent-record.ts';
import { withCore } from '../../cluster/command-core.ts';
import { withCores } from '../../cluster/command-cores.ts';
import { graphOfFollows } from '../../cluster/import-graph.ts';
import { runImport } from '../../cluster/import-run.ts';
import { linkFileName, writeLinkFile } from '../../cluster/link-file.ts';
import { linkKeyOf } from '../../cluster/link-proof.ts';
import { nodeNumberOf } from '../../cluster/node-number.ts';
import { sameBytes } from '../../cluster/packed.ts';
import { partitionOf } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { MeshNodes, type TestNode } from './mesh-nodes.ts';
import { RoutingEnds, type TestCore } from './routing-ends.ts';
import { nodeKey } from './wire-ends.ts';

let ends: RoutingEnds;
let nodes: MeshNodes;
beforeEach(() => {
  ends = new RoutingEnds();
  nodes = new MeshNodes();
});
afterEach(async () => {
  await ends.close();
  await nodes.close();
});

const ownNode = 1;
const otherNode = 2;
/** The own core serves the lower half of the partitions, the other core the upper one. */
const half = 512;
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, place) => from + place);
const isOwn = (handle: string): boolean => partitionOf(accountIdOf(handle)) < half;
const handles = range(0, 40).map((number) => `person${number}`);
const mine = handles.filter(isOwn);
const theirs = handles.filter((handle) => !isOwn(handle));

/** The data folder of a machine, and the two cores of its cluster. `knows`: where the other is, by cluster.json. */
async function cluster({ knows = true, roles = ['gateway', 'core'] as TestNode['member']['roles'] } = {}) {
  const here = await nodes.node('here', roles);
  const key = nodeKey(otherNode).publicKey;
  const there = await nodes.node('there');
  const other = { ...there, member: { ...there.member, key, node: nodeNumberOf(key) } };
  const { manifest } = await nodes.found(other, here);
  const admits = (shown: Uint8Array) =>
    sameBytes(shown, here.identity.publicKey)
      ? ({ ok: true, name: 'here', roles: ['gateway', 'core', 'operator'] } as const)
      : ({ ok: false, reason: 'no member' } as const);
  const remote = { key: linkKeyOf(manifest.cluster), admits };
  const [own, far] = [await ends.core(ownNode, { remote }), await ends.core(otherNode, { remote })];
  own.serve(1, range(0, half));
  far.serve(1, range(half, 2 * half));
  const place = { node: other.member.node, host: '127.0.0.1', port: far.port };
  await nodes.remember(here, knows ? { cores: [place] } : {});
  await writeLinkFile(join(here.data, linkFileName), {
    port: own.links?.port ?? 0,
    key: Buffer.alloc(32, ownNode),
    pid: process.pid,
    incarnation: 'test',
  });
  writeAgentRecord(here.data, {
    ...ownIdentity(),
    command: 'start',
    startedMs: 0,
    host: '127.0.0.1',
    port: 1,
    url: 'http://127.0.0.1:1',
    release: '',
    clusterPort: 1,
    children: [],
  });
  /** As the cores tell it, once they know each other. */
  const list = {
    epoch: manifest.epoch,
    cores: [
      { ...own.place, node: here.identity.number, publicKey: here.identity.publicKey },
      { ...far.place, node: other.member.node },
    ],
  };
  return { data: here.data, own, far, list };
}

const wanted = (data: string) => ({ data, command: 'token', release: undefined });

function handlesAsked({ asked }: TestCore): string[] {
  return asked
    .filter(({ kind }) => kind === 'issueToken')
    .map(({ ask }) => (ask as Ask<'issueToken'>).handle)
    .sort();
}

function givesTokens(...cores: TestCore[]): void {
  for (const core of cores)
    core.answers = ({ kind }) =>
      kind === 'issueToken' ? { outcome: { ok: true, value: { token: `by ${core.node}` } } } : null;
}

async function tokensOf(data: string): Promise<string[]> {
  return await withCores(wanted(data), async (cores) => {
    const answers = handles.map((handle) => cores.call('issueToken', { handle, scopes: 'read' }));
    return (await Promise.all(answers)).map((answer) =>
      answer.ok ? answer.value.token : answer.rejection.code,
    );
  });
}

test('a token is given by the core that serves its account, to an operator of another machine', async () => {
  const { data, own, far } = await cluster();
  givesTokens(own, far);
  expect([mine.length > 5, theirs.length > 5]).toEqual([true, true]);
  expect(await tokensOf(data)).toEqual(handles.map((handle) => (isOwn(handle) ? 'by 1' : 'by 2')));
  expect(handlesAsked(own)).toEqual([...mine].sort());
  expect(handlesAsked(far)).toEqual([...theirs].sort());
  expect(far.peers.map(({ name, role, machine }) => ({ name, role, machine }))).toEqual([
    { name: 'token@here', role: 'operator', machine: 'here' },
  ]);
});

test('where the other cores are, the own one tells when cluster.json does not know it yet', async () => {
  const { data, own, far, list } = await cluster({ knows: false });
  givesTokens(own, far);
  const { joined } = own;
  own.joined = (peer) => {
    joined.call(own, peer);
    peer.sendCores(list);
  };
  expect(await tokensOf(data)).toEqual(handles.map((handle) => (isOwn(handle) ? 'by 1' : 'by 2')));
});

test('an import makes each account, and what it follows, where it is served', async () => {
  const { data, own, far } = await cluster();
  for (const core of [own, far])
    core.answers = ({ kind, ask }) => {
      if (kind !== 'adopt') return null;
      const { follows, posts } = ask as Ask<'adopt'>;
      return { outcome: { ok: true, value: { follows: follows.length, posts: posts.length, refused: 0 } } };
    };
  const graph = graphOfFollows(
    handles,
    handles.map((_, place) => [place, (place + 1) % handles.length] as const),
  );
  const plan = { graph, meanPosts: 0, textsOf: null, displayNameOf: null };
  const report = await withCores({ ...wanted(data), command: 'import' }, (cores) =>
    runImport(cores, plan, { todayMs: Date.UTC(2026, 10, 21), onProgress() {} }),
  );
  expect(report).toMatchObject({
    accounts: { asked: 40, made: 40, refused: 0 },
    follows: { asked: 40, made: 40, refused: 0 },
  });
  const adopted = ({ asked }: TestCore): unknown[] =>
    asked.filter(({ kind }) => kind === 'adopt').map(({ ask }) => (ask as Ask<'adopt'>).account);
  expect(new Set(adopted(own))).toEqual(new Set(mine.map(accountIdOf)));
  expect(new Set(adopted(far))).toEqual(new Set(theirs.map(accountIdOf)));
});

test('what is about this machine is asked of its own core alone', async () => {
  const { data, own, far } = await cluster();
  await withCore({ ...wanted(data), command: 'status' }, (core) => core.call('status', {}));
  expect([own.kinds(), far.peers]).toEqual([['status'], []]);
});

test('a machine without a core says where to go instead, and asks nobody', async () => {
  const { data, own, far } = await cluster({ roles: ['gateway'] });
  await expect(tokensOf(data)).rejects.toThrow('belongs to a machine without a core: run this on one');
  expect([own.peers, far.peers]).toEqual([[], []]);
});
