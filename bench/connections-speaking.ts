// A stretch of time in which some post and everybody connected counts: what was to come, what came, and how late.
import type { Histogram } from 'hdr-histogram-js';
import type { Crowd, CrowdStatus } from './connections-crowd.ts';
import { publish } from './connections-posts.ts';
import { count } from './figures.ts';
import { differences, expectedPairs, type Post } from './posts.ts';
import { withClock } from './progress.ts';

export interface Speaking {
  name: string;
  crowd: Crowd;
  /** http://HOST:PORT */
  url: string;
  texts: readonly string[];
  /** They post in turns. */
  authors: readonly number[];
  tokenOf(author: number): string;
  /** The connections that are to hear an author; null: not known, and what is heard is counted, not judged. */
  hearersOf: ((author: number) => Iterable<number>) | null;
  /** The next number of each author. */
  seqs: Map<number, number>;
  ratePerSecond: number;
  /** It ends when both are reached. */
  posts: number;
  seconds: number;
  /** When so long none comes, what is still missing counts as lost. */
  quietMs?: number;
}

export interface Spoken {
  posts: number;
  seconds: number;
  status: CrowdStatus;
  latencies: Histogram;
  /** Connections that received at least one post. */
  heard: number;
  /** Deliveries that should have come; null: not known. */
  expected: number | null;
  /** Anything lost, doubled, misdirected or refused. */
  wrong: string[];
}

/** How long a delivery is waited for after the last one: when it is known what must come, and when it is not. */
const quietAtMost = { knownMs: 20_000, unknownMs: 3_000 };

export async function speak(speaking: Speaking): Promise<Spoken> {
  const { crowd, authors, seqs, posts: most, seconds } = speaking;
  const before = await crowd.report();
  const beganMs = performance.now();
  let nth = 0;
  const next = (): Post | null => {
    if (nth >= most && performance.now() - beganMs >= seconds * 1000) return null;
    const author = authors[nth++ % authors.length] ?? 0;
    const seq = seqs.get(author) ?? 0;
    seqs.set(author, seq + 1);
    return { author, seq };
  };
  const long = Math.max(seconds, most / speaking.ratePerSecond);
  const { posts, unknown } = await withClock(speaking.name, long, publish({ ...speaking, next }));
  const spokenSeconds = (performance.now() - beganMs) / 1000;
  const expected = speaking.hearersOf === null ? null : expectedPairs(crowd.size, posts, speaking.hearersOf);
  await crowd.untilQuiet({
    expected: expected?.deliveries ?? Number.POSITIVE_INFINITY,
    quietMs: speaking.quietMs ?? (expected === null ? quietAtMost.unknownMs : quietAtMost.knownMs),
  });
  const { status, pairs, latencies } = await crowd.report();
  const wrong = [
    ...lostConnections(status),
    ...(expected === null ? [] : judged(expected, pairs)),
    ...unknown
      .slice(0, 3)
      .map(({ post, why }) => `post ${post.seq} of u${post.author} was not acknowledged: ${why}`),
  ];
  if (unknown.length > 3) wrong.push(`and ${count(unknown.length - 3)} posts more`);
  if (before.status.broken + status.broken > 0) wrong.push(`${count(status.broken)} frames that are none`);
  return {
    posts: posts.length,
    seconds: spokenSeconds,
    status,
    latencies,
    heard: hearers(pairs),
    expected: expected?.deliveries ?? null,
    wrong: wrong.map((fault) => `${speaking.name}: ${fault}`),
  };
}

function lostConnections({ failed, dropped, reasons }: CrowdStatus): string[] {
  if (failed + dropped === 0) return [];
  const why = Object.entries(reasons).map(([reason, times]) => `${count(times)} x ${reason}`);
  return [`${count(failed)} connections not opened, ${count(dropped)} dropped (${why.join(', ')})`];
}

function judged(expected: { pairs: BigUint64Array; deliveries: number }, pairs: BigUint64Array): string[] {
  let missing = 0n;
  let surplus = 0n;
  for (let at = 0; at < pairs.length; at += 2) {
    const more = (pairs[at] ?? 0n) - (expected.pairs[at] ?? 0n);
    if (more > 0n) surplus += more;
    else missing -= more;
  }
  const told: string[] = [];
  if (missing > 0n)
    told.push(`${count(Number(missing))} of ${count(expected.deliveries)} deliveries were lost`);
  if (surplus > 0n) told.push(`${count(Number(surplus))} deliveries came twice or to the wrong connection`);
  return [...told, ...differences(expected.pairs, pairs)];
}

function hearers(pairs: BigUint64Array): number {
  let heard = 0;
  for (let at = 0; at < pairs.length; at += 2) if (pairs[at] !== 0n) heard++;
  return heard;
}
