// Posts at a steady rate over HTTP, each safe once it is told: sent again with its key until the server acknowledges it.
import { randomUUID } from 'node:crypto';
import { type Post, postText } from './posts.ts';

export interface PostsOptions {
  /** http://HOST:PORT */
  url: string;
  texts: readonly string[];
  tokenOf(author: number): string;
  ratePerSecond: number;
  /** The next one; null: no more. Called when it is due. */
  next(): Post | null;
}

export interface Published {
  posts: Post[];
  /** Not acknowledged, however often it was asked: nobody knows whether these were published. */
  unknown: { post: Post; why: string }[];
}

const patienceMs = 60_000;
const pauseMs = 250;
const mostUnderWay = 200;

/** The time in a post is the time it was due: whoever falls behind makes latency worse, not better. */
export async function publish(options: PostsOptions): Promise<Published> {
  const told: Published = { posts: [], unknown: [] };
  const underWay = new Set<Promise<void>>();
  const beganMs = performance.now();
  for (let nth = 0; ; nth++) {
    const dueMs = beganMs + (nth * 1000) / options.ratePerSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (underWay.size >= mostUnderWay) await Promise.race(underWay);
    const post = options.next();
    if (post === null) break;
    const one = publishOne(options, post, dueMs).then((why) => {
      underWay.delete(one);
      if (why === null) told.posts.push(post);
      else told.unknown.push({ post, why });
    });
    underWay.add(one);
  }
  await Promise.all(underWay);
  return told;
}

/** Null when it is safe, else why not. */
async function publishOne(
  { url, texts, tokenOf }: PostsOptions,
  post: Post,
  dueMs: number,
): Promise<string | null> {
  const us = String(Math.round((performance.timeOrigin + dueMs) * 1000));
  const body = JSON.stringify({ status: postText(texts, post, us) });
  const headers = {
    authorization: `Bearer ${tokenOf(post.author)}`,
    'content-type': 'application/json',
    'idempotency-key': randomUUID(),
  };
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const why = await fetch(`${url}/api/v1/statuses`, { method: 'POST', headers, body }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.status === 200 ? null : `HTTP ${answer.status}`;
      },
      (error: Error) => error.message,
    );
    if (why === null || why === 'HTTP 401' || why === 'HTTP 422' || performance.now() > untilMs) return why;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
