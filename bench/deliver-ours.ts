// Our side of `bench deliver`: posts through HTTP at their times, and sockets subscribed to the timelines of their users.
import path from 'node:path';
import { cpuBetween, type ProcessFigures } from './cpu.ts';
import { figuresOf, type Round, received, type Side, type Stage } from './deliver-stage.ts';
import { httpFaults } from './load/reports.ts';
import { prepareLoad } from './load/requests.ts';
import { openSockets } from './load/sockets.ts';
import { type Post, postRequest } from './posts.ts';
import { withClock } from './progress.ts';
import type { Server } from './server.ts';

export interface OurRound extends Round {
  perProcess: { command: string; cpuSeconds: number }[];
  postLatencyP99Us: number;
  /** How late posts left the load client. */
  lateP99Us: number;
  /** Of all our processes together, looked at every second. */
  mostResidentBytes: number;
}

export interface OurSide extends Side {
  round(posts: Post[], name: string): Promise<OurRound>;
  /** The first update that came, as it came. */
  readonly framePath: string;
}

export const streamPath = '/api/v1/streaming?stream=user';
/** And one for each post a second, when that is more: a connection sends its next post when it has the answer to the last. */
const fewestConnections = 64;
const lookEveryMs = 1_000;

export async function ourSide(stage: Stage, server: Server): Promise<OurSide> {
  const { options, folder, tokens, texts } = stage;
  const framePath = path.join(folder, 'frame');
  const sockets = await withClock(
    'opening our sockets',
    options.users / 2000,
    openSockets({
      name: 'ours',
      targets: [server.target],
      connections: tokens.map((token) => ({ path: streamPath, token })),
      texts,
      acctPrefix: 'u',
      recordPath: framePath,
      folder,
      ...(options.form === 'compact' ? { protocol: 'murmuration.compact.v1' } : {}),
    }),
  );

  async function round(posts: Post[], name: string): Promise<OurRound> {
    const seconds = posts.length / options.rate;
    const load = await prepareLoad({
      name: 'posts',
      target: server.target,
      connections: Math.max(fewestConnections, Math.ceil(options.rate)),
      requests: posts.map((post) => postRequest(stage, post)),
      pace: {
        mode: 'paced',
        ratePerSecond: options.rate,
        seconds: seconds + options.drain,
        count: posts.length,
      },
      keepAcks: true,
      timeoutMs: 10_000 + options.drain * 1000,
      // A server ends a connection that has nothing to say for a while.
      reconnect: true,
      folder,
    });
    await sockets.begin();
    const watch = watchMemory(server);
    const clientBefore = figuresOf(sockets.pid);
    const before = server.processes();
    const beganMs = performance.now();
    const posted = await withClock(name, seconds, load.run());
    const acks = await load.acks();
    const published = acks.flatMap((ack) => (ack.status === 200 ? (posts[ack.request] ?? []) : []));
    const report = await received(stage, sockets, published, name);
    const after = server.processes();
    stage.wrong.push(...httpFaults(posted).map((fault) => `${name}: ${fault}`));
    if (posted.sent !== posts.length)
      stage.wrong.push(`${name}: ${posted.sent} of ${posts.length} posts were sent`);
    const ids = new Set(acks.map((ack) => ack.id));
    if (ids.size !== acks.length) stage.wrong.push(`${name}: an id was given twice`);
    return {
      report,
      seconds: (performance.now() - beganMs) / 1000,
      cpuSeconds: cpuBetween(before, after),
      perProcess: after.map((one) => ({
        command: shortName(one),
        cpuSeconds: cpuBetween(
          before.filter(({ pid }) => pid === one.pid),
          [one],
        ),
      })),
      postLatencyP99Us: posted.latency.p99Us,
      lateP99Us: posted.lateness.p99Us,
      loadCpuSeconds: cpuBetween(clientBefore, figuresOf(sockets.pid)),
      mostResidentBytes: watch.stop(),
    };
  }

  return { name: 'ours', framePath, round, close: () => sockets.close() };
}

function watchMemory(server: Server): { stop(): number } {
  let most = 0;
  const look = (): void => {
    most = Math.max(
      most,
      server.processes().reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    );
  };
  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      look();
      return most;
    },
  };
}

export function shortName(one: ProcessFigures): string {
  return (
    one.command.match(/(agent|core|gateway)\.mjs/)?.[1] ??
    (one.command.includes('murmuration.ts') ? 'agent' : 'other')
  );
}
