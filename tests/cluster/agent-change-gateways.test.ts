// New gateways beside old ones, on real processes: streams move over the time given, resumed by cursor; nobody is refused, nothing is missed.
import { Agent, request } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openEvents, openStream, type StreamClient } from '../gateway/stream-client.ts';
import type { ChangingAgent } from '../support/changing-agent.ts';
import { heardBy, startPosts } from '../support/live-posts.ts';
import { postSafely } from '../support/people.ts';
import { processesOn } from '../support/processes-on.ts';
import { until } from '../support/until.ts';
import { releasesOfFile, startAgent } from './agent-changes.ts';

vi.setConfig({ testTimeout: 240_000 });

const release = releasesOfFile();
const now = release('1.0.0');
const next = release('1.0.1');

const start = (gateways: number) => startAgent({ release: now, gateways });

/** A client as it should be: comes back when it is told to, with the cursor of what it had last. */
interface Follower {
  heard: Set<string>;
  closings: { code: number; reason: string }[];
  latest(): StreamClient;
  stop(): void;
}

function followFrom(agent: ChangingAgent, token: string): Follower {
  const heard = new Set<string>();
  const closings: Follower['closings'] = [];
  const state = { isOver: false, stream: null as StreamClient | null, cursor: '' };
  void (async () => {
    while (!state.isOver) {
      const query = `?stream=user&access_token=${token}&since=${state.cursor}`;
      const stream = await openStream({ url: agent.url.replace('http', 'ws'), query }).catch(() => null);
      if (stream === null) continue;
      state.stream = stream;
      const closed = await until(() => stream.closed(), { withinMs: 200_000 });
      for (const id of heardBy(stream)) heard.add(id);
      state.cursor = stream.frames.findLast(({ cursor }) => cursor !== undefined)?.cursor ?? state.cursor;
      if (!state.isOver) closings.push(closed);
    }
  })();
  return {
    get heard() {
      return new Set([...heard, ...(state.stream === null ? [] : heardBy(state.stream))]);
    },
    closings,
    latest() {
      if (state.stream === null) throw new Error('it has not been open yet');
      return state.stream;
    },
    stop() {
      state.isOver = true;
      state.stream?.kill();
    },
  };
}

test('streams of old gateways move to new ones, each resumed by its cursor, and miss nothing; requests go on all the while', async () => {
  const agent = await start(2);
  const posts = await startPosts(agent.url, 'drain');
  const followers = Array.from({ length: 24 }, () => followFrom(agent, posts.follower.token));
  onTestFinished(() => {
    for (const follower of followers) follower.stop();
  });
  const headers = { authorization: `Bearer ${posts.follower.token}` };
  const events = await openEvents(`${agent.url}/api/v1/streaming/user?since=`, headers);
  await until(() => followers.every((follower) => follower.latest().frames.length > 0));
  await posts.another();
  const since = posts.acknowledged.length;
  const before = processesOn(agent.data).filter(({ program }) => program === 'gateway');
  // New connections, one after the other: none may be refused or cut, whichever gateway it comes to.
  const failures: unknown[] = [];
  const asking = { isOver: false, count: 0 };
  const asks = Array.from({ length: 4 }, async () => {
    while (!asking.isOver) {
      const answer = await fetch(`${agent.url}/api/v1/instance`, { headers: { connection: 'close' } }).catch(
        (error: unknown) => error,
      );
      if (answer instanceof Response && answer.status === 200) {
        asking.count++;
        await answer.text();
      } else failures.push(answer);
    }
  });
  const changing = agent.change({ release: next, gateways: 'replace', drainMs: 4000 });
  await until(() => changing.steps.some(({ step }) => step === 'gateways open'), { withinMs: 60_000 });
  expect(await agent.running()).toMatchObject([
    { role: 'core', release: now },
    { role: 'gateway', release: now, state: 'draining' },
    { role: 'gateway', release: now, state: 'draining' },
    { role: 'gateway', index: 2, release: next, state: 'serving' },
    { role: 'gateway', index: 3, release: next, state: 'serving' },
  ]);
  expect(await changing.outcome).toEqual({ ok: true });
  asking.isOver = true;
  await Promise.all(asks);
  expect({ failures, hasAsked: asking.count > 0 }).toEqual({ failures: [], hasAsked: true });
  const after = processesOn(agent.data).filter(({ program }) => program === 'gateway');
  expect(after.map(({ release }) => release)).toEqual([next, next]);
  expect(after.some(({ pid }) => before.some((each) => each.pid === pid))).toBe(false);
  // Told to come back, and not all at once.
  expect(events.ended()).toBe(true);
  for (const { closings } of followers) expect(closings).toEqual([{ code: 1012, reason: 'service-restart' }]);
  const last = await postSafely(agent.url, posts.author, 'after the drain');
  await until(() => followers.every(({ heard }) => heard.has(last)), { withinMs: 60_000 });
  const { lost } = await posts.finish(agent.url);
  expect(lost).toEqual([]);
  const owed = posts.acknowledged.slice(since);
  expect(owed.length).toBeGreaterThan(0);
  await until(() => followers.every(({ heard }) => owed.every((id) => heard.has(id))));
});

test('a connection that is kept is answered once more by the old gateway, as its last answer', async () => {
  const agent = await start(1);
  const keep = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = () =>
    new Promise<{ status: number; connection: string | undefined; reused: boolean }>((resolve, reject) => {
      const asked = request(`${agent.url}/health`, { agent: keep }, (answer) => {
        answer.resume();
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            connection: answer.headers.connection,
            reused: asked.reusedSocket,
          }),
        );
      });
      asked.on('error', reject);
      asked.end();
    });
  expect(await ask()).toMatchObject({ status: 200, connection: undefined });
  const changing = agent.change({ release: next, gateways: 'replace', drainMs: 4000 });
  await until(() => agent.log().includes('the gateway makes room for others'), { withinMs: 60_000 });
  expect(await ask()).toEqual({ status: 200, connection: 'close', reused: true });
  expect(await ask()).toMatchObject({ status: 200, reused: false });
  expect(await changing.outcome).toEqual({ ok: true });
  keep.destroy();
});

test('gateways that do not open leave the old ones as they were', async () => {
  const agent = await start(2);
  const posts = await startPosts(agent.url, 'unopened');
  const broken = release('1.0.2', { 'gateway.mjs': () => "console.error('no'); process.exit(4);" });
  const before = await agent.running();
  expect(await agent.change({ release: broken, gateways: 'replace' }).outcome).toEqual({
    ok: false,
    at: 'gateways open',
    core: 'untouched',
    reason: 'the gateway ended before it was ready (exit code 4)',
  });
  expect(await agent.running()).toEqual(before);
  expect(await posts.finish(agent.url)).toEqual({ lost: [], unheard: [], twice: [], isOpen: true });
});

test('an agent that dies while gateways drain: the next one lets them end, and keeps the new ones', async () => {
  const agent = await start(1);
  const posts = await startPosts(agent.url, 'orphans');
  const changing = agent.change({ release: next, gateways: 'replace', drainMs: 3000 });
  await until(() => changing.steps.some(({ step }) => step === 'gateways open'), { withinMs: 60_000 });
  await until(() => agent.log().includes('the gateway makes room for others'), { withinMs: 60_000 });
  await agent.kill();
  const { data } = agent;
  const second = await startAgent({ data, release: now, gateways: 1, port: agent.started.port });
  await until(() => processesOn(data).filter(({ program }) => program === 'gateway').length === 1, {
    withinMs: 30_000,
    what: 'the old gateway to end',
  });
  await until(async () => (await second.running()).length === 2);
  expect(await second.running()).toMatchObject([
    { role: 'core', release: now },
    { role: 'gateway', index: 1, release: next, state: 'serving' },
  ]);
  const { lost } = await posts.finish(agent.url);
  expect(lost).toEqual([]);
});
