// Machines without a core as guests of the mesh: their operators look and leave, and what they say of themselves makes nobody the keeper.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keeperKeyFileName, saveKeeper } from '../../cluster/keeper.ts';
import { guestCommand } from '../../cluster/mesh-guest-command.ts';
import type { MeshControl } from '../../cluster/mesh-messages.ts';
import { until } from '../support/until.ts';
import { ask, linkedTo, MeshNodes, type TestCore, type TestNode } from './mesh-nodes.ts';
import { type Visitor, visit } from './mesh-visitors.ts';

let nodes: MeshNodes;
beforeEach(() => {
  nodes = new MeshNodes();
});
afterEach(() => nodes.close());

/** Two cores, the first of which keeps the key, and a machine of gateways alone. */
async function withGuest(): Promise<{ a: TestCore; b: TestCore; guest: TestNode }> {
  const made = [
    await nodes.node('a'),
    await nodes.node('b'),
    await nodes.node('guest', ['gateway']),
  ] as const;
  await nodes.found(...made);
  const a = await nodes.core(made[0]);
  const b = await nodes.core(made[1], { doors: [a.place()] });
  await until(() => linkedTo(a).length === 1 && linkedTo(b).length === 1);
  await until(() => b.mesh.status().keepers.length === 1);
  return { a, b, guest: made[2] };
}

const numbers = new WeakMap<Visitor, number>();

async function asked(visitor: Visitor, command: object): Promise<MeshControl & { kind: 'answer' }> {
  const id = (numbers.get(visitor) ?? 0) + 1;
  numbers.set(visitor, id);
  visitor.link?.control({ kind: 'call', id, ask: [JSON.stringify(command)] });
  return await until(() =>
    visitor.told.find(
      (one): one is MeshControl & { kind: 'answer' } => one.kind === 'answer' && one.id === id,
    ),
  );
}

test('operators of a machine without a core see the status and the ring, and are refused all that would change others', async () => {
  const { a, b, guest } = await withGuest();
  const visitor = await visit(nodes, b, { node: guest, role: 'operator', verified: nodes.manifest });
  expect(await asked(visitor, { do: 'status' })).toMatchObject({ rejection: null });
  expect(await asked(visitor, { do: 'ringShow' })).toMatchObject({ rejection: null });
  for (const command of [
    { do: 'invite', roles: ['core'], holdsForMs: 60_000 },
    { do: 'revoke', node: 'a' },
    { do: 'revoke', node: a.mesh.node },
    { do: 'ringAdd', node: 'guest' },
    { do: 'ringRemove', node: 'a' },
    { do: 'ringRemove', node: 'guest' },
    { do: 'ringAbort' },
    { do: 'rotateKey' },
    { do: 'retireKey' },
    { do: 'revokeInvite', id: '0'.repeat(32) },
    { do: 'admit', admission: '' },
  ])
    expect(await asked(visitor, command)).toMatchObject({
      rejection: { code: 'forbidden', message: expect.stringContaining('ask on a machine that has a core') },
    });
  expect(a.mesh.manifest.manifest.epoch).toBe(1);
  // The same operator on a machine with a core may.
  const known = await visit(nodes, b, { node: b, role: 'operator', verified: nodes.manifest });
  expect(await asked(known, { do: 'rotateKey' })).toMatchObject({ rejection: null });
});

test('operators of a machine without a core take it out of the cluster, and are told so', async () => {
  const { a, b, guest } = await withGuest();
  const visitor = await visit(nodes, b, { node: guest, role: 'operator', verified: nodes.manifest });
  expect(await asked(visitor, { do: 'revoke', node: 'guest' })).toMatchObject({ rejection: null });
  await until(() => visitor.endings[0]?.reason === 'revoked-key');
  expect(a.mesh.manifest.manifest.members.map(({ name }) => name).sort()).toEqual(['a', 'b']);
});

test('who says of itself that it has a core and the key is not taken for the keeper', async () => {
  const { a, b, guest } = await withGuest();
  const visitor = await visit(nodes, a, { node: guest, role: 'agent', verified: nodes.manifest });
  const boot = Buffer.from(visitor.boot).toString('hex');
  const core = {
    addresses: [{ host: '127.0.0.1', port: 9 }],
    keeper: true,
    serving: 0,
    held: 0,
    unheld: 0,
    clockOffsetMs: 0,
    health: null,
    rollout: null,
  };
  const itself = {
    node: guest.identity.number,
    name: 'guest',
    version: '',
    pid: 1,
    epoch: 1,
    boot,
    sinceMs: 0,
    agent: null,
  };
  visitor.link?.control({
    kind: 'members',
    entries: [
      { ...itself, role: 'core', core },
      { ...itself, role: 'agent', core },
    ],
  });
  visitor.link?.control({ kind: 'members', entries: [{ ...itself, role: 'agent', core: null }] });
  const shown = (of: TestCore) => of.mesh.status().nodes.find(({ name }) => name === 'guest');
  await until(() => shown(b)?.processes.length === 1);
  for (const mesh of [a, b]) {
    expect(shown(mesh)).toMatchObject({ core: null, processes: [{ role: 'agent' }] });
    expect(mesh.mesh.status().keepers).toEqual([a.mesh.node]);
  }
  await ask(b, { do: 'rotateKey' });
});

test('who has the key signs whoever else says that it has it, and who asks goes on to the next', async () => {
  const made = [await nodes.node('a'), await nodes.node('b'), await nodes.node('c')];
  // The first number is asked first.
  made.sort((one, other) => one.identity.number - other.identity.number);
  const [boaster, keeper, third] = made;
  if (boaster === undefined || keeper === undefined || third === undefined) throw new Error('no nodes');
  await nodes.found(keeper, boaster, third);
  await saveKeeper(boaster.data, nodes.keeper);
  const a = await nodes.core(keeper);
  const b = await nodes.core(boaster, { doors: [a.place()] });
  const c = await nodes.core(third, { doors: [a.place()] });
  for (const core of [a, b, c]) await until(() => linkedTo(core).length === 2);
  for (const core of [a, c]) await until(() => core.mesh.status().keepers.length === 2);
  // It says so still, for a few seconds, and has it no more.
  await rm(join(boaster.data, keeperKeyFileName));
  expect(await ask(c, { do: 'rotateKey' })).toEqual({ epoch: 2 });
  expect(await ask(a, { do: 'retireKey' })).toEqual({ epoch: 3 });
});

test('a guest’s command to leave names its machine by number, and what is no command is refused as one', async () => {
  const { guest } = await withGuest();
  const { manifest } = nodes.manifest;
  const node = guest.identity.number;
  const said = (command: unknown) => guestCommand(JSON.stringify(command), { node, manifest });
  expect(said({ do: 'revoke', node: 'guest' })).toEqual({
    ok: true,
    value: JSON.stringify({ do: 'revoke', node }),
  });
  expect(said({ do: 'revoke', node: String(node) })).toMatchObject({ ok: true });
  expect(said({ do: 'revoke', node: 'nobody' })).toMatchObject({ rejection: { code: 'invalid' } });
  expect(said({ do: 'fly' })).toMatchObject({ rejection: { code: 'invalid' } });
});
