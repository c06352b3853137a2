// Machines of a cluster as people run them: started, invited, joined, shown, changed, with the real programs.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { samplePeople } from '../../cluster/sample-people.ts';
import { builtRelease, runCommand, type Server, startServer } from '../support/server.ts';
import { makeStandInRelease } from '../support/stand-in-release.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 180_000 });

/** A look is a command of its own. */
const commandEvery = { everyMs: 500 };

/** The only core of its cluster. The test of what it says when it is new comes first; others may join it, but not the ring. */
let a: Server;
beforeAll(async () => {
  a = await startServer({ args: named('a') });
});
afterAll(() => a?.stop());

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-cluster-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

async function murmuration(args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const run = runCommand(args, { env });
  const exit = await run.ended;
  if (exit !== 'code 0') throw new Error(`${exit}: ${run.stderr()}`);
  return run.stdout();
}

function named(name: string): string[] {
  return ['--name', name, '--machine', `machine-${name}`];
}

async function machine(name: string, args: string[] = []): Promise<Server> {
  const server = await startServer({ dataDir: join(folder, name), args: [...named(name), ...args] });
  onTestFinished(() => server.stop());
  return server;
}

async function status(data: string) {
  return JSON.parse(await murmuration(['status', '--data', data, '--json']));
}

const fileOf = async (data: string) => JSON.parse(await readFile(join(data, 'cluster.json'), 'utf8'));

test('a machine alone is a cluster of one, and says so', async () => {
  const { cluster } = await status(a.dataDir);
  expect(cluster).toMatchObject({ epoch: 1, replication: { machines: 1, owners: 1, writes: 1 } });
  expect(cluster.nodes).toHaveLength(1);
  expect(cluster.keepers).toEqual([cluster.node]);
  const text = await murmuration(['status', '--data', a.dataDir]);
  expect(text).toContain('one machine: what it has is there once');
  expect(text).toContain('kept by a');
  const shown = await murmuration(['ring', 'show', '--data', a.dataDir]);
  expect(shown).toContain('epoch 1, 1,024 partitions');
  expect(shown).toMatch(/^ {2}A {2}a +\d+ +1,024 +1,024 +0$/m);
});

test('a folder with accounts of its own, a mistyped invite, and one that is not let in are refused in one line', async () => {
  const line = (await murmuration(['invite', '--data', a.dataDir, '--expires', '1h'])).trim();
  const start = async (name: string, invite: string) => {
    const run = runCommand([
      ...['start', '--data', join(folder, name), '--port', '0', '--release', builtRelease() ?? ''],
      ...['--log-level', 'silent', '--join', invite],
    ]);
    const exit = await run.ended;
    return `${exit}: ${run.stderr()}`;
  };
  expect(await start('b', `${line.slice(0, -3)}abc`)).toMatch(
    /^code 1: error: --join: the invite is mistyped.*\n$/,
  );
  await murmuration([
    'import',
    '--data',
    join(folder, 'own'),
    '--sample',
    '5',
    '--release',
    builtRelease() ?? '',
  ]);
  expect(await start('own', line)).toMatch(/^code 1: error: .* is in another cluster .*\n$/);
  const id = /its id is ([0-9a-f]{32})/;
  const invited = runCommand(['invite', '--data', a.dataDir]);
  await invited.ended;
  await murmuration(['invite', '--data', a.dataDir, '--revoke', id.exec(invited.stderr())?.[1] ?? '']);
  expect(await start('c', invited.stdout().trim())).toBe(
    'code 1: error: The cluster does not let this machine in: the invite was revoked.\n',
  );
});

test('the keeper’s key is exported, and brought back with its passphrase', async () => {
  const out = join(folder, 'keeper.txt');
  const env = { MURMURATION_PASSPHRASE: 'correct horse battery' };
  await murmuration(['keeper', 'export', out, '--data', a.dataDir], env);
  await expect(murmuration(['keeper', 'export', out, '--data', a.dataDir], env)).rejects.toThrow(
    'is there already',
  );
  await expect(murmuration(['keeper', 'import', out, '--data', a.dataDir], env)).rejects.toThrow(
    'is there already',
  );
  await rm(join(a.dataDir, 'keeper.key'));
  await expect(murmuration(['key', 'rotate', '--data', a.dataDir])).rejects.toThrow('keeper’s key');
  await expect(
    murmuration(['keeper', 'import', out, '--data', a.dataDir], {
      MURMURATION_PASSPHRASE: 'wrong horse battery',
    }),
  ).rejects.toThrow('passphrase');
  await murmuration(['keeper', 'import', out, '--data', a.dataDir], env);
  expect(existsSync(join(a.dataDir, 'keeper.key'))).toBe(true);
  expect(await murmuration(['key', 'rotate', '--data', a.dataDir])).toContain('A new key is in use');
  expect(await murmuration(['key', 'retire', '--data', a.dataDir])).toContain('valid no more');
  // Somebody may have seen the file: another key takes the place of the one in it, on disk too.
  expect(await murmuration(['keeper', 'rotate', '--data', a.dataDir])).toContain('signs from now on');
  expect(await murmuration(['key', 'rotate', '--data', a.dataDir])).toContain('A new key is in use');
  expect(await murmuration(['key', 'retire', '--data', a.dataDir])).toContain('valid no more');
  const anew = join(folder, 'keeper-anew.txt');
  await murmuration(['keeper', 'export', anew, '--data', a.dataDir], env);
  await rm(join(a.dataDir, 'keeper.key'));
  await expect(murmuration(['keeper', 'import', out, '--data', a.dataDir], env)).rejects.toThrow(
    'signs no more',
  );
  await murmuration(['keeper', 'import', anew, '--data', a.dataDir], env);
  await writeFile(join(folder, 'no-key.txt'), 'nothing');
  await expect(
    murmuration(['keeper', 'import', join(folder, 'no-key.txt'), '--data', a.dataDir], env),
  ).rejects.toThrow('code 1');
});

test('a machine is thrown out by its name', async () => {
  const line = (await murmuration(['invite', '--data', a.dataDir])).trim();
  await machine('b', ['--join', line]);
  expect(await murmuration(['node', 'revoke', 'b', '--data', a.dataDir])).toContain(
    'b is no member any more',
  );
  const { cluster } = await status(a.dataDir);
  expect(cluster.nodes.map(({ name }: { name: string }) => name)).toEqual(['a']);
  await expect(murmuration(['node', 'revoke', 'b', '--data', a.dataDir])).rejects.toThrow(
    'No node is named b.',
  );
});

test('a machine of gateways alone has no core, and asks the others', async () => {
  const line = (await murmuration(['invite', '--roles', 'gateway', '--data', a.dataDir])).trim();
  const release = await makeStandInRelease();
  onTestFinished(() => rm(release, { recursive: true, force: true }));
  const b = await startServer({ dataDir: join(folder, 'b'), release, args: ['--name', 'b', '--join', line] });
  onTestFinished(() => b.stop());
  expect(b.stdout()).not.toContain(', core');
  await until(async () => (await fileOf(b.dataDir)).cores.length > 0);
  const shown = await status(b.dataDir);
  expect(shown.core).toBeNull();
  const names = shown.cluster.nodes.map(({ name }: { name: string }) => name);
  expect(names.sort()).toEqual(['a', 'b']);
  await expect(
    murmuration(['start', '--data', join(folder, 'c'), '--port', '0', '--join', line, '--roles', 'core']),
  ).rejects.toThrow('This machine was invited as gateway only');
});

test('a second machine joins by an invite, is added to the ring, and finds the cluster again', async () => {
  const founder = await machine('founder');
  const line = (await murmuration(['invite', '--data', founder.dataDir])).trim();
  expect(line).toMatch(/^mur1-[\w-]+$/);
  const b = await machine('b', ['--join', line, '--capacity', '250']);
  const seen = await until(async () => {
    const { cluster } = await status(founder.dataDir);
    const other = cluster.nodes.find(({ name }: { name: string }) => name === 'b');
    return other?.core === null || other === undefined ? null : other;
  }, commandEvery);
  expect(seen).toMatchObject({ weight: 250, inRing: false, owned: 0, machine: 'machine-b' });

  const added = await murmuration(['ring', 'add', 'b', '--data', b.dataDir]);
  expect(added).toMatch(/The ring is .*b.* now \(2 cores, epoch 4\)/);
  const text = await murmuration(['status', '--data', b.dataDir]);
  expect(text).toContain('2 machines: each account is on two, and both are needed to write');

  // About half of them are served by each.
  await murmuration(['import', '--sample', '20', '--data', b.dataDir]);
  const handles = join(folder, 'handles');
  const people = samplePeople(20, '1').map(({ handle }) => handle);
  await writeFile(handles, people.map((handle) => `${handle}\n`).join(''));
  const tokens = await murmuration(['token', '--handles', handles, '--data', founder.dataDir]);
  const whose = tokens.split('\n').map(async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${b.url}/api/v1/accounts/verify_credentials`, { headers });
    return JSON.parse(await answer.text()).acct;
  });
  expect(await Promise.all(whose.slice(0, people.length))).toEqual(people);

  await until(
    async () => (await fileOf(b.dataDir)).contacts.length > 0 || (await fileOf(b.dataDir)).cores.length > 1,
  );
  await b.stop();
  const again = await machine('b');
  const back = await until(async () => {
    const { cluster } = await status(again.dataDir);
    return cluster.nodes.every(({ core }: { core: unknown }) => core !== null) ? cluster : null;
  }, commandEvery);
  expect(back.epoch).toBe(4);
});
