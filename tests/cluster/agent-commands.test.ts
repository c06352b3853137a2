// The operator's commands as a user types them, on the real programs: with a running server, and without one.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { samplePeople } from '../../cluster/sample-people.ts';
import { builtRelease, readRecord, runCommand, type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';

// Each test starts several programs, and others may be at work on the machine.
vi.setConfig({ testTimeout: 120_000 });

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-commands-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

/** Its standard output; throws what it complains of when it fails. */
async function murmuration(args: string[], input?: string): Promise<string> {
  const run = runCommand(args, input === undefined ? {} : { input });
  const exit = await run.ended;
  if (exit !== 'code 0') throw new Error(`${exit}: ${run.stderr()}`);
  return run.stdout();
}

/** What a folder that was used once has beside its store: its node, and the cluster it founded. */
const ofTheCluster = ['cluster.json', 'keeper.key', 'node.key'];

/** For commands that start a core of their own: not to be built again for each. */
const own = (): string[] => ['--release', builtRelease() ?? ''];

async function start(dataDir: string): Promise<Server> {
  const server = await startServer({ dataDir });
  onTestFinished(() => server.stop());
  return server;
}

async function get(server: Server, path: string, token: string) {
  const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

/** The numbers of a line of the report: in all, new, were there, refused. */
function counts(report: string, name: string): number[] {
  const line = new RegExp(`^  ${name} (.*)$`, 'm').exec(report)?.[1] ?? '';
  return line
    .trim()
    .split(/ +/)
    .map((cell) => Number(cell.replaceAll(',', '')));
}

test('an import into a running server is seen by its people, and a second one changes nothing', async () => {
  const data = join(folder, 'data');
  const server = await start(data);
  const follows = join(folder, 'follows');
  const texts = join(folder, 'texts');
  await writeFile(follows, gzipSync('follower,followee\nann,bob\ncyd,bob\nbob,ann\nalone\n'));
  await writeFile(texts, 'one\n%\ntwo\nlines\n%\nthree\n');
  const args = ['import', '--data', data, '--follows', follows, '--texts', texts];

  const first = await murmuration(args);
  expect(first).toContain(
    'the first name follows the second, because the header says so (follower,followee)',
  );
  expect(first).toContain('line 5 is no pair: "alone"');
  expect(counts(first, 'accounts')).toEqual([3, 3, 0, 0]);
  expect(counts(first, 'follows')).toEqual([3, 3, 0, 0]);
  const [posts = 0] = counts(first, 'posts');
  expect(counts(first, 'posts')).toEqual([posts, posts, 0, 0]);

  const second = await murmuration(args);
  expect(counts(second, 'accounts')).toEqual([3, 0, 3, 0]);
  expect(counts(second, 'follows')).toEqual([3, 0, 3, 0]);
  expect(counts(second, 'posts')).toEqual([posts, 0, posts, 0]);
  expect(second).toContain('0 new facts');

  const token = (await murmuration(['token', '--data', data, '--handle', 'cyd'])).trim();
  const { body: home } = await get(server, '/api/v1/timelines/home?limit=40', token);
  expect(home.length).toBeGreaterThan(0);
  expect(new Set(home.map((status: { account: { acct: string } }) => status.account.acct))).toEqual(
    new Set(['bob', 'cyd']),
  );
  const { body: bob } = await get(server, '/api/v1/accounts/lookup?acct=bob', token);
  expect(bob).toMatchObject({ followers_count: 2, following_count: 1 });
});

test('without a server a sample is imported by a core of its own; then tokens, a password, and a start', async () => {
  const data = join(folder, 'data');
  const people = samplePeople(40, '7').map(({ handle }) => handle);
  const report = await murmuration(['import', '--data', data, '--sample', '40', '--seed', '7', ...own()]);
  expect(counts(report, 'accounts')).toEqual([40, 40, 0, 0]);
  expect((await readdir(data)).sort()).toEqual([...ofTheCluster, 'store']);

  const server = await start(data);
  const handles = join(folder, 'handles');
  await writeFile(handles, `${people.join('\n')}\n`);
  const tokens = (await murmuration(['token', '--data', data, '--handles', handles])).trim().split('\n');
  expect(tokens.length).toBe(40);
  const { body } = await get(server, '/api/v1/accounts/verify_credentials', tokens[17] ?? '');
  expect(body.acct).toBe(people[17]);
  await expect(murmuration(['token', '--data', data, '--handle', 'nobody'])).rejects.toThrow(
    'code 1: error: There is no account nobody: sign up in the page, or bring accounts in with "murmuration import".\n',
  );

  await murmuration(['passwd', '--data', data, '--handle', people[0] ?? ''], 'correct horse battery\n');
  const app = await fetch(`${server.url}/api/v1/apps`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'test', redirect_uris: 'urn:ietf:wg:oauth:2.0:oob', scopes: 'read' }),
  });
  const { client_id, client_secret } = JSON.parse(await app.text());
  const logIn = (password: string) =>
    fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'password',
        client_id,
        client_secret,
        username: people[0],
        password,
        scope: 'read',
      }),
    });
  expect((await logIn('correct horse battery')).status).toBe(200);
  expect((await logIn('wrong horse battery')).status).not.toBe(200);
  await expect(
    murmuration(['passwd', '--data', data, '--handle', people[0] ?? ''], 'short\n'),
  ).rejects.toThrow('The password is not set: The password is too short');
});

test('status says how a server is, for people and as JSON, also when the agent is dead', async () => {
  const data = join(folder, 'data');
  const server = await start(data);
  const status = JSON.parse(await murmuration(['status', '--data', data, '--json']));
  expect(status).toMatchObject({
    url: `http://localhost:${server.port}`,
    agent: { pid: server.agentPid() },
    children: [
      { role: 'core', pid: server.corePid() },
      { role: 'gateway 0', pid: server.gatewayPids()[0] },
    ],
    core: { position: 0, sessions: 0, readOnly: false },
    metrics: { connections: 0, postsASecond: 0 },
  });
  expect(status.core.freePercent).toBeGreaterThan(0);
  expect(status.children[0].memoryBytes).toBeGreaterThan(2 ** 20);

  process.kill(server.agentPid(), 'SIGKILL');
  const text = await until(async () => {
    const shown = await murmuration(['status', '--data', data]);
    return shown.includes('The agent died') ? shown : null;
  });
  expect(text).toMatch(new RegExp(`^  core +${server.corePid()} .* MiB$`, 'm'));
  expect(text).toMatch(/^ {2}disk free +[\d.]+ %$/m);
});

test('a backup of a running server becomes a data folder again, with everything in it', async () => {
  const data = join(folder, 'data');
  const server = await start(data);
  await murmuration(['import', '--data', data, '--sample', '20']);
  const copy = join(folder, 'copy');
  expect(await murmuration(['backup', copy, '--data', data])).toContain(copy);
  await expect(murmuration(['backup', copy, '--data', data])).rejects.toThrow('is not empty');
  await server.stop();

  await expect(murmuration(['restore', copy, '--data', data])).rejects.toThrow(`${data} is not empty`);
  const restored = join(folder, 'restored');
  await murmuration(['restore', copy, '--data', restored]);
  await expect(murmuration(['restore', folder, '--data', join(folder, 'x')])).rejects.toThrow(
    'Nothing is restored',
  );
  const report = await murmuration(['import', '--data', restored, '--sample', '20', ...own()]);
  expect(counts(report, 'accounts')).toEqual([20, 0, 20, 0]);
  expect(report).toContain('0 new facts');
});

test('a rebuild needs a stopped server, and leaves everything as it was', async () => {
  const data = join(folder, 'data');
  await murmuration(['import', '--data', data, '--sample', '20', ...own()]);
  expect(await murmuration(['rebuild', '--data', data, ...own()])).toMatch(
    /^All views are derived anew from [\d,]+ facts in [\d.]+ s\.\n$/,
  );
  const server = await start(data);
  const [person = ''] = samplePeople(20, '1').map(({ handle }) => handle);
  const token = (await murmuration(['token', '--data', data, '--handle', person])).trim();
  const { body } = await get(server, `/api/v1/accounts/lookup?acct=${person}`, token);
  expect(body.followers_count).toBeGreaterThan(0);
  await expect(murmuration(['rebuild', '--data', data, ...own()])).rejects.toThrow(
    `error: A server already runs on ${data}`,
  );
});

test('Ctrl-C in the middle of an import ends its own core, too, and what was imported stays', async () => {
  const data = join(folder, 'data');
  const run = runCommand(['import', '--data', data, '--sample', '5000', ...own()]);
  await until(() => existsSync(join(data, 'core.link')));
  const core = readRecord(data).children[0]?.pid ?? 0;
  run.process.kill('SIGINT');
  expect(await run.ended).toBe('code 1');
  expect(() => process.kill(core, 0)).toThrow();
  expect((await readdir(data)).sort()).toEqual([...ofTheCluster, 'store']);
  const again = await murmuration(['import', '--data', data, '--sample', '30', ...own()]);
  expect(counts(again, 'accounts')[0]).toBe(30);
});
