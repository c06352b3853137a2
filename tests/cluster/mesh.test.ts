// The mesh of cores on real sockets: finding each other, one link each, the manifest everywhere, who is let in and who is thrown out.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readKeeper, readKeeperNow, successorOf } from '../../cluster/keeper.ts';
import { rotateDhtKey } from '../../cluster/manifest-change.ts';
import { until } from '../support/until.ts';
import { ManualClock } from './link-ends.ts';
import {
  admissionWith,
  admitting,
  ask,
  inviteOf,
  linkedTo,
  MeshNodes,
  type TestCore,
  type TestNode,
} from './mesh-nodes.ts';
import { visit } from './mesh-visitors.ts';
import { ByHand } from './wire-ends.ts';

let nodes: MeshNodes;
beforeEach(() => {
  nodes = new MeshNodes();
});
afterEach(() => nodes.close());

function others(core: TestCore, all: readonly TestNode[]): number[] {
  return all
    .map(({ identity }) => identity.number)
    .filter((node) => node !== core.mesh.node)
    .sort((one, other) => one - other);
}

async function allLinked(cores: TestCore[]): Promise<void> {
  for (const core of cores)
    await until(() => String(linkedTo(core)) === String(others(core, cores)), {
      what: `${core.name} linked to all others`,
    });
}

/** Cores of one cluster that all know the first one's address, and the first nobody's. */
async function three(): Promise<[TestCore, TestCore, TestCore]> {
  const made = [await nodes.node('a'), await nodes.node('b'), await nodes.node('c')] as const;
  await nodes.found(...made);
  const a = await nodes.core(made[0]);
  const b = await nodes.core(made[1], { doors: [a.place()] });
  const c = await nodes.core(made[2], { doors: [a.place()] });
  await allLinked([a, b, c]);
  return [a, b, c];
}

test('three cores find each other from the address of one', async () => {
  const [a, b, c] = await three();
  for (const core of [a, b, c]) {
    await until(() => core.mesh.status().nodes.every((node) => node.core !== null), { withinMs: 5000 });
    expect(
      core.mesh
        .status()
        .nodes.map(({ name }) => name)
        .sort(),
    ).toEqual(['a', 'b', 'c']);
    expect(core.mesh.status().replication).toEqual({ machines: 3, owners: 3, writes: 2 });
  }
  expect(b.linked[0]).toMatchObject({ node: a.mesh.node, boot: a.mesh.boot, incarnation: 77 });
});

test('messages about data pass through on both lanes, in order', async () => {
  const [a, b] = await three();
  for (let id = 1; id <= 3; id++) {
    a.mesh.send(b.mesh.node, { kind: 'given', id });
    a.mesh.send(b.mesh.node, { kind: 'release', terms: [{ partition: id, term: 1 }] });
  }
  await until(() => b.messages.length === 6);
  const from = b.messages.filter(({ message }) => message.kind === 'given');
  expect(from.map(({ message }) => message)).toEqual([1, 2, 3].map((id) => ({ kind: 'given', id })));
  expect(b.messages.every((one) => one.from === a.mesh.node)).toBe(true);
  expect(a.mesh.isWritable(b.mesh.node)).toBe(true);
  expect(a.mesh.isWritable(4)).toBe(false);
});

test('two cores that dial each other at once end up with one link, the same at both ends', async () => {
  const made = [await nodes.node('a'), await nodes.node('b')] as const;
  await nodes.found(...made);
  const first = [await nodes.core(made[0]), await nodes.core(made[1])] as const;
  const places = first.map((core) => ({ node: core.mesh.node, ...core.place() }));
  for (const core of first) await core.stop();
  for (const node of made) await nodes.remember(node, { cores: places });
  const [a, b] = await Promise.all(
    made.map((node, index) => nodes.core(node, { port: places[index]?.port ?? 0 })),
  );
  if (a === undefined || b === undefined) throw new Error('no cores');
  await allLinked([a, b]);
  for (const { witness } of [a, b])
    await until(() => witness.of('links-opened') - witness.of('links-closed') === 1);
  a.mesh.send(b.mesh.node, { kind: 'given', id: 1 });
  b.mesh.send(a.mesh.node, { kind: 'given', id: 2 });
  await until(() => a.messages.length > 0 && b.messages.length > 0);
});

test('the link to a core that is back stays: nobody who only waited to dial it again puts another in its place', async () => {
  const made = [await nodes.node('a'), await nodes.node('b')];
  const [smaller, larger] = made.sort((one, other) => one.member.node - other.member.node);
  if (smaller === undefined || larger === undefined) throw new Error('no nodes');
  await nodes.found(smaller, larger);
  const before = await nodes.core(larger);
  const { port } = before.place();
  await before.stop();
  await nodes.remember(smaller, { cores: [{ node: larger.member.node, host: '127.0.0.1', port }] });
  const clock = new ManualClock();
  const waiting = await nodes.core(smaller, {}, clock);
  await until(() => waiting.witness.said.length === 1, { what: 'its attempt has failed' });

  await nodes.remember(larger, { cores: [{ node: smaller.member.node, ...waiting.place() }] });
  const back = await nodes.core(larger, { port });
  await allLinked([waiting, back]);
  // Longer than the pause before its next attempt, shorter than an attempt that is under way is waited for.
  await clock.advance(900);
  for (let id = 1; id <= 20; id++) {
    waiting.mesh.send(larger.member.node, { kind: 'given', id });
    await until(() => back.messages.length === id);
  }
  expect([waiting.linked.length, back.linked.length]).toEqual([1, 1]);
  expect(back.witness.of('links-opened')).toBe(1);
});

test('a core that is started anew is linked anew, under its new boot', async () => {
  const [a, b, c] = await three();
  const before = b.mesh.boot;
  const { port } = b.place();
  await b.stop();
  await until(() => linkedTo(a).length === 1);
  const again = await nodes.core(b, { port, doors: [c.place()] });
  await allLinked([a, again, c]);
  expect(again.mesh.boot).not.toBe(before);
  expect(a.linked.at(-1)).toMatchObject({ node: b.mesh.node, boot: again.mesh.boot });
});

test('a newer manifest reaches everybody, and is on disk before it is used', async () => {
  const [a, b, c] = await three();
  await ask(a, { do: 'rotateKey' });
  for (const core of [a, b, c])
    await until(() => core.mesh.manifest.manifest.epoch === 2, { withinMs: 5000 });
  expect(b.mesh.manifest.manifest.dhtKeys).toHaveLength(2);
  expect(b.manifests).toHaveLength(1);
  await b.stop();
  const again = await nodes.core({ ...b }, {});
  expect(again.mesh.manifest.manifest.epoch).toBe(2);
  await ask(c, { do: 'retireKey' });
  await until(() => a.mesh.manifest.manifest.dhtKeys.length === 1);
});

test('the keeper hands over to a key that it makes, and nothing is lost when it ends in the middle of that', async () => {
  const [a, b] = await three();
  const former = await readKeeper(a.data);
  await ask(a, { do: 'rotateKeeper' });
  const { keeper } = a.mesh.manifest.manifest;
  const named = async () => Buffer.from((await readKeeper(a.data))?.publicKey ?? []).toString('hex');
  expect(await named()).toBe(Buffer.from(keeper).toString('hex'));
  expect(await named()).not.toBe(Buffer.from(former?.publicKey ?? []).toString('hex'));
  await ask(a, { do: 'rotateKey' });
  await until(() => b.mesh.manifest.manifest.epoch === 3);

  // The manifest names the successor, and the file of the former key is still there.
  const present = await readKeeper(a.data);
  if (present === null) throw new Error('no keeper');
  const next = await successorOf(present, a.data);
  await readKeeperNow(a.data, keeper);
  expect(await named()).toBe(Buffer.from(keeper).toString('hex'));
  await readKeeperNow(a.data, next.publicKey);
  expect(await named()).toBe(Buffer.from(next.publicKey).toString('hex'));
});

test('what needs the keeper is done there, whoever is asked; without it the reason is said', async () => {
  const [a, b, c] = await three();
  await until(() => b.mesh.status().keepers.length === 1);
  const line = await inviteOf(b);
  expect(line).toMatch(/^mur1-[\w-]+$/);
  await expect(ask(b, { do: 'ringAdd', node: 'a' })).rejects.toThrow('is in the ring already');
  await expect(ask(b, { do: 'ringAdd', node: 'nobody' })).rejects.toThrow('no node is named nobody');
  await expect(ask(b, { do: 'fly' })).rejects.toThrow('not a command');
  await a.stop();
  await until(() => c.mesh.status().keepers.length === 0, { withinMs: 6000 });
  await expect(ask(c, { do: 'rotateKey' })).rejects.toThrow(
    'no core that can be reached has the keeper’s key',
  );
});

test('a newcomer with an invite is in everybody’s status soon, whichever core it knocks at', async () => {
  const [a, b, c] = await three();
  const line = await inviteOf(a);
  const newcomer = await nodes.node('new', ['core']);
  const shown = admissionWith(line, newcomer);
  const visitor = await visit(nodes, b, { node: newcomer, shown });
  expect(visitor.refused).toBeNull();
  await until(() => visitor.told.some(({ kind }) => kind === 'manifest'));
  for (const core of [a, b, c])
    await until(
      () => core.mesh.status().nodes.some(({ name, standing }) => name === 'new' && standing === 'member'),
      { withinMs: 5000 },
    );
  await nodes.remember(newcomer, { doors: [c.place()] }, b.mesh.manifest);
  const core = await nodes.core(newcomer);
  await allLinked([a, b, c, core]);
  for (const one of [a, b, c])
    await until(
      () => one.mesh.status().nodes.some(({ name, core: there }) => name === 'new' && there !== null),
      { withinMs: 5000 },
    );
  expect(a.mesh.status().nodes.find(({ name }) => name === 'new')).toMatchObject({ inRing: false, owned: 0 });
});

test('an expired invite, a revoked one, one for another key and none at all are refused with the reason', async () => {
  const [a, b] = await three();
  const newcomer = await nodes.node('new', ['core']);
  const stranger = await nodes.node('stranger', ['core']);

  const short = await inviteOf(a, 1);
  const expired = await visit(nodes, b, { node: newcomer, shown: admissionWith(short, newcomer) });
  expect(expired.refused).toMatchObject({ reason: 'bad-admission', by: 'there' });
  expect(expired.refused?.text).toContain('has expired');

  const { line, id } = await ask(a, { do: 'invite', roles: ['core'], holdsForMs: 60_000 });
  await ask(a, { do: 'revokeInvite', id });
  await until(() => b.mesh.manifest.manifest.epoch === 2);
  const revoked = await visit(nodes, b, { node: newcomer, shown: admissionWith(String(line), newcomer) });
  expect(revoked.refused).toMatchObject({ reason: 'bad-admission', text: 'the invite was revoked' });

  const good = admissionWith(await inviteOf(a), newcomer);
  const thief = await visit(nodes, b, { node: stranger, shown: good });
  expect(thief.refused).toMatchObject({ reason: 'bad-admission', text: 'the admission is for another key' });

  const nobody = await visit(nodes, b, { node: stranger });
  expect(nobody.refused).toMatchObject({ reason: 'unknown-key' });
  expect(a.mesh.manifest.manifest.members).toHaveLength(3);
});

test('a revoked node is dropped everywhere, and let in nowhere', async () => {
  const [a, b, c] = await three();
  const agent = await visit(nodes, b, { node: c, verified: c.mesh.manifest });
  expect(agent.link?.isOpen).toBe(true);
  await ask(b, { do: 'revoke', node: 'c' });
  await until(() => linkedTo(a).length === 1 && linkedTo(b).length === 1, { withinMs: 5000 });
  await until(() => agent.endings.length === 1);
  expect(agent.endings[0]?.reason).toBe('revoked-key');
  const again = await visit(nodes, a, { node: c });
  expect(again.refused).toMatchObject({ reason: 'revoked-key' });
  // It is in the ring still, as one that is away.
  expect(a.mesh.status().nodes.find(({ node }) => node === c.mesh.node)).toMatchObject({
    standing: 'departed',
    inRing: true,
  });
});

test('two manifests of one epoch are refused loudly: error, metric, status, and nothing more is signed', async () => {
  const [a, b] = await three();
  const [one, other] = [1, 2].map(() => nodes.next((manifest) => rotateDhtKey(manifest, randomBytes(32))));
  if (one === undefined || other === undefined) throw new Error('no manifests');
  const visitor = await visit(nodes, a, { node: b, verified: nodes.manifest });
  visitor.link?.control({ kind: 'manifest', signed: one.signed });
  await until(() => a.mesh.manifest.manifest.epoch === 2);
  visitor.link?.control({ kind: 'manifest', signed: other.signed });
  await until(() => visitor.endings.length === 1);
  expect(visitor.endings[0]?.reason).toBe('manifest-conflict');
  expect(a.mesh.status().conflict).toContain('two manifests of epoch 2');
  expect(a.mesh.manifest.hash).toEqual(one.hash);
  expect(a.witness.of('refused-manifest-conflict')).toBeGreaterThan(0);
  expect(a.witness.said.some(({ level, text }) => level === 'error' && text.includes('two manifests'))).toBe(
    true,
  );
  await expect(ask(a, { do: 'retireKey' })).rejects.toThrow('two manifests of one epoch');
});

test('two histories are noticed in the handshake, too', async () => {
  const [a, b] = await three();
  const other = nodes.next((manifest) => rotateDhtKey(manifest, randomBytes(32)));
  await ask(a, { do: 'rotateKey' });
  const visitor = await visit(nodes, a, { node: b, verified: other });
  expect(visitor.refused).toMatchObject({ reason: 'manifest-conflict' });
  await until(() => a.mesh.status().conflict?.includes('two manifests of epoch 2'));
});

test('a manifest that is forged is not taken, and one of long ago is answered with the present one', async () => {
  const [a, b] = await three();
  const second = nodes.next((manifest) => rotateDhtKey(manifest, randomBytes(32)));
  const visitor = await visit(nodes, a, { node: b, verified: nodes.manifest });
  const forged = { ...second.signed, signature: Buffer.alloc(64) };
  visitor.link?.control({ kind: 'manifest', signed: forged });
  visitor.link?.control({ kind: 'manifest', signed: second.signed });
  await until(() => a.mesh.manifest.manifest.epoch === 2);
  visitor.told.length = 0;
  visitor.link?.control({ kind: 'manifest', signed: nodes.manifest.signed });
  await until(() => visitor.told.some(({ kind }) => kind === 'manifest'));
  expect(a.witness.said.some(({ text }) => text === 'a manifest was refused')).toBe(true);
});

test('commands come from operators of members and from nobody else', async () => {
  const [a, b] = await three();
  const asked = async (role: 'agent' | 'operator') => {
    const visitor = await visit(nodes, b, { node: a, role, verified: nodes.manifest });
    const command = JSON.stringify({ do: 'status' });
    visitor.link?.control({ kind: 'call', id: 1, ask: [command] });
    return await until(() => visitor.told.find(({ kind }) => kind === 'answer'));
  };
  expect(await asked('agent')).toMatchObject({ rejection: { code: 'forbidden' } });
  expect(await asked('operator')).toMatchObject({ rejection: null });
});

test('an upgrade to another path of the cluster port is handed out with its key', async () => {
  const a = await nodes.node('a');
  await nodes.found(a);
  const taken: Uint8Array[] = [];
  const core = await nodes.core(a, {
    otherPaths: {
      '/link': (_request, socket, _head, publicKey) => {
        taken.push(publicKey);
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
      },
    },
  });
  const stranger = await nodes.node('gateway');
  const { key, cert } = stranger.identity.tls;
  const by = { node: 1, key, cert, publicKey: stranger.identity.publicKey };
  const hand = new ByHand(core.mesh.port, { key: by, path: '/link' });
  nodes.onClose(() => hand.leave());
  await until(() => taken.length === 1);
  expect(Buffer.compare(taken[0] ?? new Uint8Array(), stranger.identity.publicKey)).toBe(0);
  const other = new ByHand(core.mesh.port, { key: by, path: '/other' });
  nodes.onClose(() => other.leave());
  await until(() => other.status === 403);
});

test('who is asked for the cores tells where all of them are, and when that changes', async () => {
  const [a, b, c] = await three();
  await until(() => a.mesh.cores.every(({ addresses }) => addresses.length > 0));
  const ports = a.mesh.cores.map(({ addresses }) => addresses[0]?.port).sort();
  expect(ports).toEqual([a, b, c].map((core) => core.mesh.port).sort());
  let changes = 0;
  a.mesh.onCoresChanged(() => {
    changes++;
  });
  await ask(a, { do: 'revoke', node: 'c' });
  await until(() => changes > 0 && a.mesh.cores.length === 2);
});

test('a member that is not told to its core by name is found by its manifest alone', async () => {
  const made = [await nodes.node('a'), await nodes.node('b')] as const;
  await nodes.found(made[0]);
  const grown = nodes.next(admitting(made[1]));
  const a = await nodes.core(made[0]);
  await nodes.remember(made[1], { doors: [a.place()] }, grown);
  // `b` has the later manifest, and `a` has never heard of it.
  const b = await nodes.core(made[1]);
  await until(() => b.witness.said.length > 0 || linkedTo(b).length > 0);
  const visitor = await visit(nodes, a, { node: made[0], verified: grown });
  visitor.link?.control({ kind: 'manifest', signed: grown.signed });
  await allLinked([a, b]);
});
