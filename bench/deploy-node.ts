// The node process of `bench deploy`, one in each namespace: it gives out and fetches, by the swarm or by HTTP, as it is told on stdin.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { openSwarm, type Swarm } from '../cluster/swarm.ts';
import type { Torrent } from '../cluster/swarm-order.ts';
import { readInfo } from '../cluster/torrent-info.ts';
import { type NodeAnswer, type NodeOrder, nodeOrder, sharedMs } from './deploy-messages.ts';

const lookMs = 20;

let swarm: Swarm | null = null;
let torrent: Torrent | null = null;
let wireBytes = 0;
let getBytes = 0;
let peersMost = 0;

function answer(said: NodeAnswer): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

async function follow(order: NodeOrder): Promise<void> {
  switch (order.kind) {
    case 'serve':
      return await serve(order);
    case 'open': {
      const { host, port } = order;
      const meter = {
        count: (event: string, by: number) => {
          if (event === 'bytes-in' || event === 'bytes-out') wireBytes += by;
        },
      };
      const log = process.env['BENCH_VERBOSE'] ? console : { info() {}, warn() {} };
      swarm = await openSwarm({ host, port, log, meter });
      return answer({ kind: 'ready' });
    }
    case 'swarm':
      return await fetchBySwarm(order);
    case 'get':
      return await fetchByHttp(order);
    case 'count':
      return count();
    case 'read': {
      const hash = createHash('sha256');
      for (const one of order.paths) hash.update(await readFile(path.join(order.folder, one)));
      return answer({ kind: 'digest', sha256: hash.digest('hex') });
    }
  }
}

async function serve({ host, port, folder }: Extract<NodeOrder, { kind: 'serve' }>): Promise<void> {
  const server = createServer((request, response) => {
    const file = createReadStream(path.join(folder, path.normalize(request.url ?? '/')), {
      highWaterMark: 256 * 1024,
    });
    pipeline(file, response).catch(() => response.destroy());
  });
  server.listen({ host, port, backlog: 1024 });
  await once(server, 'listening');
  answer({ kind: 'ready' });
}

async function fetchBySwarm(order: Extract<NodeOrder, { kind: 'swarm' }>): Promise<void> {
  if (swarm === null) throw new Error('the swarm is not open');
  const info = readInfo(await readFile(order.info));
  const isWhole = order.isFirst;
  torrent = swarm.add({
    hash: info.hash,
    info,
    folder: order.folder,
    sources: order.sources,
    isFirst: order.isFirst,
    isWhole,
    find: async () => order.peers,
  });
  const { progress } = torrent;
  let isHalf = isWhole;
  const timer = setInterval(() => {
    peersMost = Math.max(peersMost, progress.peers);
    if (isHalf || progress.totalBytes === 0 || progress.haveBytes * 2 < progress.totalBytes) return;
    isHalf = true;
    answer({ kind: 'half' });
  }, lookMs);
  if (isWhole) {
    await torrent.whenSpread;
    answer({ kind: 'spread', sentBytes: progress.sentBytes });
  } else {
    await torrent.whenComplete;
    answer({ kind: 'complete', atMs: sharedMs() });
    clearInterval(timer);
  }
}

/** One file after the other, over one connection. Rejects when one is not what it should be. */
async function fetchByHttp({ from, folder, files }: Extract<NodeOrder, { kind: 'get' }>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let doneFiles = 0;
  for (const { path: name, sha256 } of files) {
    const target = path.join(folder, name);
    await mkdir(path.dirname(target), { recursive: true });
    const asked = get({ ...from, path: `/${name}`, agent });
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const hash = createHash('sha256');
    response.on('data', (bytes: Buffer) => {
      getBytes += bytes.length;
      hash.update(bytes);
    });
    await pipeline(response, createWriteStream(target));
    if (hash.digest('hex') !== sha256) throw new Error(`${name} is not what it should be`);
    if (++doneFiles === files.length >> 1) answer({ kind: 'half' });
  }
  answer({ kind: 'complete', atMs: sharedMs() });
  agent.destroy();
}

function count(): void {
  const { movedBytes = getBytes, reusedBytes = 0, wastedBytes = 0, sentBytes = 0 } = torrent?.progress ?? {};
  const bytes = { movedBytes, reusedBytes, wastedBytes, sentBytes };
  answer({ kind: 'figures', ...bytes, wireBytes: wireBytes || getBytes, peers: peersMost });
}

process.once('SIGTERM', () => process.exit());
const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit());
lines.on('line', (line) => {
  follow(nodeOrder.parse(JSON.parse(line))).catch((error: unknown) =>
    answer({ kind: 'failed', why: error instanceof Error ? error.message : String(error) }),
  );
});
