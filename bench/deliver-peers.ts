// The other sides of `bench deliver`: what others would take for it, and what is the least that can be paid, in processes of their own.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { cpuBetween } from './cpu.ts';
import { streamPath } from './deliver-ours.ts';
import { figuresOf, type PeerName, type Round, received, type Side, type Stage } from './deliver-stage.ts';
import { openSockets, type SocketsOptions } from './load/sockets.ts';
import { startBundled } from './peers/peer.ts';
import { startRedis } from './peers/redis.ts';
import type { Post } from './posts.ts';
import { withClock } from './progress.ts';

interface Kind {
  file: string;
  needsRedis: boolean;
  path: string;
  client: Pick<SocketsOptions, 'greeting' | 'updateMark'>;
}

const plain = { needsRedis: false, path: streamPath, client: {} };

const kinds: Record<PeerName, Kind> = {
  send: { ...plain, file: 'peers/bare-uws.ts' },
  publish: { ...plain, file: 'peers/uws-publish.ts' },
  ws: { ...plain, file: 'peers/ws-loop.ts' },
  'socket.io': {
    file: 'peers/socket-io.ts',
    needsRedis: true,
    path: '/socket.io/?EIO=4&transport=websocket',
    client: { greeting: '40', updateMark: '["update",' },
  },
};

const done = z.object({ missed: z.number(), seconds: z.number() });
const joined = z.object({ users: z.number() });
const joinWithinMs = 60_000;

/** Files that tell a peer who follows whom and what is posted. */
export async function writePeerFiles({ folder, graph, texts }: Stage): Promise<void> {
  await writeFile(path.join(folder, 'followers'), new Uint8Array(graph.followers.buffer));
  await writeFile(path.join(folder, 'texts'), texts.map((text) => `${text}\n`).join(''));
}

/** `frame`: what our server was seen to send. The peer sends the same bytes, with only the marker and the text changing. */
export async function peerSide(stage: Stage, name: PeerName, port: number, frame: Buffer): Promise<Side> {
  const { options, folder, graph, texts, tokens } = stage;
  const kind = kinds[name];
  const redis = kind.needsRedis ? await startRedis(port + 1, folder) : null;
  const peer = await startBundled(kind.file, {
    port,
    users: options.users,
    degree: graph.degree,
    followersPath: path.join(folder, 'followers'),
    textsPath: path.join(folder, 'texts'),
    ...(redis === null ? {} : { redisPort: port + 1 }),
  });
  const sockets = await withClock(
    `opening the same to ${name}`,
    options.users / 2000,
    openSockets({
      name,
      targets: [`127.0.0.1:${port}`],
      connections: tokens.map((_, user) => ({ path: kind.path, token: String(user) })),
      texts,
      folder,
      ...kind.client,
    }),
  );
  await untilJoined();
  await peer.ask(
    { kind: 'frame', ...partsOf(frame), isBinary: options.form === 'compact' },
    z.object({}),
    5_000,
  );

  async function untilJoined(): Promise<void> {
    const untilMs = performance.now() + joinWithinMs;
    for (;;) {
      const { users } = await peer.ask({ kind: 'joined' }, joined, 30_000);
      if (users === options.users) return;
      if (performance.now() > untilMs)
        throw new Error(`${name}: only ${users} of ${options.users} connections are there`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  const processes = () => figuresOf(peer.pid, ...(redis === null ? [] : [redis.pid]));

  async function round(posts: Post[], called: string): Promise<Round> {
    const postsPath = path.join(folder, 'peer-posts');
    const pairs = Uint32Array.from(posts.flatMap(({ author, seq }) => [author, seq]));
    await writeFile(postsPath, new Uint8Array(pairs.buffer));
    await sockets.begin();
    const clientBefore = figuresOf(sockets.pid);
    const before = processes();
    const beganMs = performance.now();
    const seconds = posts.length / options.rate;
    const run = { kind: 'run', postsPath, ratePerSecond: options.rate };
    const { missed } = await withClock(
      called,
      seconds,
      peer.ask(run, done, (seconds + options.drain) * 1000),
    );
    const report = await received(stage, sockets, posts, called);
    if (missed > 0) stage.wrong.push(`${called}: ${missed} frames dropped for slow readers`);
    return {
      report,
      seconds: (performance.now() - beganMs) / 1000,
      cpuSeconds: cpuBetween(before, processes()),
      loadCpuSeconds: cpuBetween(clientBefore, figuresOf(sockets.pid)),
    };
  }

  return {
    name,
    round,
    async close() {
      await sockets.close();
      await peer.stop();
      await redis?.stop();
    },
  };
}

/** What stands around the marker and the text. Base64: a compact frame is no text. */
function partsOf(frame: Buffer): { prefix: string; suffix: string } {
  const found = frame.toString('latin1').match(/qz\d+x\d+x\d+zq [a-z ]{100}/);
  if (found?.index === undefined) throw new Error('our own frame has no marker');
  return {
    prefix: frame.subarray(0, found.index).toString('base64'),
    suffix: frame.subarray(found.index + found[0].length).toString('base64'),
  };
}
