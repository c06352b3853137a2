// Changes of what a machine runs, on real processes: the agent, cores and gateways of built releases, with posts flowing and sockets open.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openStream } from '../gateway/stream-client.ts';
import type { ChangingAgent, releaseCopy } from '../support/changing-agent.ts';
import { startPosts } from '../support/live-posts.ts';
import { postSafely, signUp } from '../support/people.ts';
import { until } from '../support/until.ts';
import { releasesOfFile, startAgent } from './agent-changes.ts';

vi.setConfig({ testTimeout: 240_000 });

const release = releasesOfFile();
const now = release('1.0.0');
const next = release('1.0.1');
const variant = (edits: Parameters<typeof releaseCopy>[1]) => release('1.0.2', edits);

const start = (options: { gateways?: number } = {}) => startAgent({ release: now, ...options });

async function coreOf(agent: ChangingAgent) {
  return (await agent.running()).find(({ role, state }) => role === 'core' && state === 'serving');
}

test('a core takes over from another while posts flow: no socket closes, nothing acknowledged is lost, nothing comes twice', async () => {
  const agent = await start({ gateways: 2 });
  const posts = await startPosts(agent.url, 'flow');
  const others = await Promise.all(
    Array.from({ length: 30 }, () => {
      const query = `?stream=user&access_token=${posts.follower.token}`;
      return openStream({ url: agent.url.replace('http', 'ws'), query });
    }),
  );
  const before = await agent.running();
  for (const release of [next, now, next]) {
    const changing = agent.change({ release, core: 'replace' });
    expect(await changing.outcome).toEqual({ ok: true });
    expect(changing.steps.map(({ step }) => step)).toEqual([
      'standby',
      'self-tested',
      'old core ending',
      'old core ended',
      'taken over',
    ]);
    expect(changing.steps[1]).toMatchObject({ report: { rebuilds: false, schema: 1 } });
    await posts.another();
    expect((await coreOf(agent))?.release).toBe(release);
  }
  // Each old core was told that it has an heir: in a cluster others leave it what this one served.
  expect(agent.log().match(/the core stops as soon as it may, and another takes its place/g)).toHaveLength(3);
  expect(await posts.finish(agent.url)).toEqual({ lost: [], unheard: [], twice: [], isOpen: true });
  expect(others.filter((socket) => socket.closed() !== null)).toEqual([]);
  const gateways = (list: typeof before) =>
    list.filter(({ role }) => role === 'gateway').map(({ pid }) => pid);
  expect(gateways(await agent.running())).toEqual(gateways(before));
});

test('what is deleted right after a change is gone at once: no gateway is waited for that has said goodbye', async () => {
  const agent = await start();
  const ann = await signUp(agent.url, 'ann');
  const id = await postSafely(agent.url, ann, 'soon gone');
  expect(await agent.change({ release: next, core: 'replace' }).outcome).toEqual({ ok: true });
  const headers = { authorization: `Bearer ${ann.token}` };
  const other = await postSafely(agent.url, ann, 'also there');
  const order: string[] = [];
  const deleting = fetch(`${agent.url}/api/v1/statuses/${id}`, { method: 'DELETE', headers }).then(
    (answer) => {
      order.push(`deleted ${answer.status}`);
    },
  );
  // A gateway holds on to a lease for three seconds: a core that waited for one would answer these first.
  await Promise.all([deleting, until(() => order.length > 0, { withinMs: 2500, what: 'the delete' })]);
  const gone = await fetch(`${agent.url}/api/v1/statuses/${id}`, { headers });
  expect([order, gone.status, other === id]).toEqual([['deleted 200'], 404, false]);
});

test.each([
  [
    'behaviours that fail on what is there',
    {
      'behaviours.js': (text: string) =>
        `${text}\nexports.behaviours.queries = { ...exports.behaviours.queries, followers() { throw new Error('no such view'); } };`,
    },
    'no such view',
  ],
  ['a program that ends', { 'core.mjs': () => 'process.exit(7);' }, 'it ended (exit code 7)'],
  [
    'a program that cannot read this state',
    {
      'code/cluster-release-manifest.mjs': (text: string) =>
        text.replace(
          /stateSchema: \{ reads: \{ min: 1, max: 1 \}/,
          'stateSchema: { reads: { min: 2, max: 3 }',
        ),
    },
    'its state has schema 1, and this release reads 2 to 3',
  ],
])(
  '%s never takes over: the old core was not touched, and the reason is told',
  async (_what, edits, reason) => {
    const agent = await start();
    const posts = await startPosts(agent.url, 'bad');
    const before = await coreOf(agent);
    const changing = agent.change({ release: variant(edits), core: 'replace', gateways: 'replace' });
    expect(await changing.outcome).toMatchObject({
      ok: false,
      at: 'standby',
      core: 'untouched',
      reason: expect.stringContaining(reason),
    });
    expect(changing.steps.map(({ step }) => step)).toEqual(['standby']);
    await posts.another();
    expect(await agent.running()).toEqual([
      before,
      expect.objectContaining({ role: 'gateway', release: now, state: 'serving' }),
    ]);
    expect(await posts.finish(agent.url)).toEqual({ lost: [], unheard: [], twice: [], isOpen: true });
  },
);

test('a core that passes its test and then does not serve is replaced by the old one', async () => {
  const agent = await start();
  const posts = await startPosts(agent.url, 'back');
  const dying = variant({
    // By then it has the store.
    'core.mjs': (text) => text.replace('await core.cluster?.ready()', 'process.exit(9)'),
  });
  const outcome = await agent.change({ release: dying, core: 'replace' }).outcome;
  expect(outcome).toMatchObject({
    ok: false,
    at: 'taken over',
    core: 'back',
    reason: 'it ended (exit code 9)',
  });
  await posts.another();
  expect((await coreOf(agent))?.release).toBe(now);
  expect(await posts.finish(agent.url)).toEqual({ lost: [], unheard: [], twice: [], isOpen: true });
});

test('a core that crashes after a change is counted, and a change leads back', async () => {
  const agent = await start();
  const posts = await startPosts(agent.url, 'crash');
  // It serves, for a moment.
  const crashing = variant({
    'core.mjs': (text) =>
      `${text}\nimport { existsSync as existsForTest } from 'node:fs';\nsetInterval(() => { if (existsForTest('${agent.pid}')) process.exit(1); }, 10);`.replace(
        `'${agent.pid}'`,
        JSON.stringify(join(tmpdir(), `murmuration-crash-${agent.pid}`)),
      ),
  });
  expect(await agent.change({ release: crashing, core: 'replace' }).outcome).toEqual({ ok: true });
  const mark = join(tmpdir(), `murmuration-crash-${agent.pid}`);
  writeFileSync(mark, '');
  onTestFinished(() => rmSync(mark, { force: true }));
  await until(() => agent.crashes.some(({ role, times }) => role === 'core' && times === 2), {
    withinMs: 60_000,
  });
  expect(await agent.change({ release: now, core: 'replace' }).outcome).toEqual({ ok: true });
  await posts.another();
  const { length } = agent.crashes;
  await posts.another();
  expect(agent.crashes.length).toBe(length);
  expect(await posts.finish(agent.url)).toEqual({ lost: [], unheard: [], twice: [], isOpen: true });
});

test('a page that alone has changed is shown by the gateway that runs', async () => {
  const agent = await start();
  const posts = await startPosts(agent.url, 'page');
  const [, gateway] = await agent.running();
  const page = variant({ 'page/index.html': (text) => text.replace('</head>', '<meta name="new"></head>') });
  const shows = async () => (await (await fetch(agent.url)).text()).includes('<meta name="new">');
  const changing = agent.change({ release: page, gateways: 'page' });
  expect(await changing.outcome).toEqual({ ok: true });
  expect(changing.steps).toEqual([{ step: 'page shown' }]);
  expect(await shows()).toBe(true);
  expect((await agent.running())[1]).toEqual({ ...gateway, release: page, page });
  expect(JSON.parse(readFileSync(join(page, 'manifest.json'), 'utf8')).version).toBe('1.0.2');
  // One that is started again shows it, too.
  if (gateway?.pid != null) process.kill(gateway.pid, 'SIGKILL');
  await until(async () => {
    const [, now] = await agent.running();
    return now?.pid != null && now.pid !== gateway?.pid;
  });
  await until(shows);
  const none = variant({});
  rmSync(join(none, 'page'), { recursive: true });
  expect(await agent.change({ release: none, gateways: 'page' }).outcome).toMatchObject({
    ok: false,
    at: 'page shown',
  });
  // There at the first look, and no file.
  const odd = variant({});
  rmSync(join(odd, 'page', 'index.html'));
  mkdirSync(join(odd, 'page', 'index.html'));
  const refused = await agent.change({ release: odd, gateways: 'page' }).outcome;
  expect(refused).toMatchObject({ ok: false, at: 'page shown', core: 'untouched' });
  expect(refused).toHaveProperty(
    'reason',
    expect.stringMatching(/^gateway 0 cannot show it: .*no index\.html/),
  );
  expect((await agent.running())[1]).toMatchObject({ release: page, page });
  expect(await shows()).toBe(true);
  // One that has just ended is waited for: it begins with the page it was told of.
  const [, running] = await agent.running();
  if (running?.pid != null) process.kill(running.pid, 'SIGKILL');
  expect(await agent.change({ release: now, gateways: 'page' }).outcome).toEqual({ ok: true });
  expect(await shows()).toBe(false);
  const { lost } = await posts.finish(agent.url);
  expect(lost).toEqual([]);
});
