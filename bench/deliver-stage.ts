// What all sides of `bench deliver` share: the people, the posts drawn, what each connection must have received, and what was wrong.
import type { ProcessFigures } from './cpu.ts';
import { processFigures } from './cpu.ts';
import { count } from './figures.ts';
import { type Graph, neighbours } from './graph.ts';
import { type SocketReport, socketFaults } from './load/reports.ts';
import type { Sockets } from './load/sockets.ts';
import { differences, expectedPairs, nextPost, type Post } from './posts.ts';
import type { Random } from './random.ts';

export const peerNames = ['send', 'publish', 'ws', 'socket.io'] as const;
export type PeerName = (typeof peerNames)[number];

export interface DeliverOptions {
  /** A folder to keep the imported graph in, for later runs. */
  graph?: string | undefined;
  port: number;
  quick: boolean;
  users: number;
  followers: number;
  /** Posts per second. */
  rate: number;
  seconds: number;
  rounds: number;
  gateways: number;
  seed: number;
  form: 'json' | 'compact';
  peers: PeerName[];
  /** After a round's posts: so long for what is still on its way. */
  drain: number;
}

/** One round of one side. */
export interface Round {
  report: SocketReport;
  cpuSeconds: number;
  /** From the first post due to the last delivery. */
  seconds: number;
  loadCpuSeconds: number;
}

export interface Side {
  readonly name: string;
  /** Sends these posts at the rate, waits for their deliveries, and judges them. */
  round(posts: Post[], name: string): Promise<Round>;
  close(): Promise<void>;
}

export interface Stage {
  options: DeliverOptions;
  folder: string;
  graph: Graph;
  texts: string[];
  tokens: string[];
  random: Random;
  wrong: string[];
}

/** Each author's posts are numbered apart for each side. */
export function drawPosts(stage: Stage, seqs: Uint32Array, seconds: number): Post[] {
  return Array.from({ length: Math.round(stage.options.rate * seconds) }, () => {
    return nextPost(seqs, stage.random.below(stage.options.users));
  });
}

const quietMs = 5_000;

/** Waits for the deliveries of these posts and compares what each connection received with what it should have. */
export async function received(
  stage: Stage,
  sockets: Sockets,
  posts: readonly Post[],
  name: string,
): Promise<SocketReport> {
  const { graph, options } = stage;
  const receivers = (author: number) => [...neighbours(graph.followers, graph.degree, author), author];
  const expected = expectedPairs(options.users, posts, receivers);
  const wait = { expected: expected.deliveries, quietMs, limitMs: options.drain * 1000 };
  const { report, pairs } = await sockets.report(wait);
  const faults = [...socketFaults(report), ...differences(expected.pairs, pairs)];
  if (report.deliveries !== expected.deliveries)
    faults.unshift(`${count(report.deliveries)} deliveries of ${count(expected.deliveries)}`);
  stage.wrong.push(...faults.map((fault) => `${name}: ${fault}`));
  return report;
}

export function figuresOf(...pids: number[]): ProcessFigures[] {
  return pids.flatMap((pid) => processFigures(pid) ?? []);
}
