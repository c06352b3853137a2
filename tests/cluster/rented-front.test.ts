// A machine that only holds connections: it serves clients soon after it starts, and leaves without one of them missing anything.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import WebSocket from 'ws';
import { runCommand, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 120_000 });

interface Frame {
  event: string;
  payload?: string;
  cursor: string;
}

/** A client of the `user` stream that goes on from its last cursor, as any may. */
class Client {
  readonly frames: Frame[] = [];
  readonly closes: number[] = [];
  #cursor = '';

  async open(url: string, token: string): Promise<void> {
    const asked = `access_token=${token}&stream=user&since=${this.#cursor}`;
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/streaming?${asked}`);
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Frame;
      this.#cursor = frame.cursor;
      this.frames.push(frame);
    });
    socket.on('close', (code) => this.closes.push(code));
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    onTestFinished(() => socket.terminate());
  }

  /** Texts of the posts it was told of. */
  get posts(): string[] {
    return this.frames.flatMap(({ event, payload }) =>
      event === 'update' ? [(JSON.parse(payload ?? '') as { content: string }).content] : [],
    );
  }
}

async function post(url: string, token: string, status: string): Promise<void> {
  const response = await fetch(`${url}/api/v1/statuses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ status }),
  });
  expect(response.status).toBe(200);
}

async function printed(args: string[]): Promise<string> {
  const run = runCommand(args);
  expect(await run.ended).toBe('code 0');
  return run.stdout().trim();
}

test('a rented front serves at once, and leaves with nothing but a resumed socket', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-front-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const home = await startServer({ dataDir: join(folder, 'home'), args: ['--name', 'home'] });
  onTestFinished(() => home.stop());
  await printed(['import', '--sample', '3', '--data', home.dataDir]);
  const line = await printed(['invite', '--roles', 'gateway', '--data', home.dataDir]);
  const front = await startServer({
    dataDir: join(folder, 'front'),
    args: ['--name', 'front', '--machine', 'rented', '--join', line],
  });
  let isGone = false;
  onTestFinished(() => (isGone ? undefined : front.stop()));
  const handles = await (await fetch(`${home.url}/api/v1/timelines/public?limit=1`)).json();
  const handle = (handles as { account: { acct: string } }[])[0]?.account.acct ?? '';
  const token = await printed(['token', '--handle', handle, '--data', home.dataDir]);

  const client = new Client();
  await client.open(front.url, token);
  await until(() => client.frames.length === 1);
  await post(front.url, token, 'through the front');
  await until(() => client.posts.length === 1);

  const stopped = front.stop();
  isGone = true;
  await until(() => client.closes.length === 1);
  await post(home.url, token, 'while it is away');
  await stopped;
  await client.open(home.url, token);
  await post(home.url, token, 'after it has gone');
  await until(() => client.posts.length === 3);
  expect(client.posts).toEqual([
    '<p>through the front</p>',
    '<p>while it is away</p>',
    '<p>after it has gone</p>',
  ]);
  expect(client.closes).toEqual([1012]);
});
