// What the peers of `deliver` have in common: who follows whom, posts at their times, a frame around each text. A peer says how a frame
// gets to the followers of its author.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { postText } from '../posts.ts';
import { peerOptions, serveCommands } from './commands.ts';

const optionsSchema = z.object({
  port: z.number(),
  users: z.number(),
  degree: z.number(),
  /** 32-bit numbers: followers[user * degree + i]. */
  followersPath: z.string(),
  textsPath: z.string(),
  /** For the peer that has a Redis between who posts and who holds the sockets. */
  redisPort: z.number().optional(),
});

const command = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('joined') }),
  z.object({
    kind: z.literal('frame'),
    /** Base64. */
    prefix: z.string(),
    suffix: z.string(),
    isBinary: z.boolean(),
  }),
  z.object({
    kind: z.literal('run'),
    /** Pairs of 32-bit numbers: author, seq. */
    postsPath: z.string(),
    ratePerSecond: z.number(),
  }),
]);

export interface FanOutPeer {
  /** Users whose connections are there. */
  joined(): number;
  /** To all followers of the author, and to the author. Gives back how many frames were dropped for slow readers. */
  publish(author: number, frame: Buffer, isBinary: boolean): number;
}

export const options = peerOptions(optionsSchema);

const raw = readFileSync(options.followersPath);
const followers = new Uint32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4);
const texts = readFileSync(options.textsPath, 'utf8').trimEnd().split('\n');

/** Of an author, the author included. */
export function receiversOf(author: number): Uint32Array {
  const receivers = new Uint32Array(options.degree + 1);
  receivers.set(followers.subarray(author * options.degree, (author + 1) * options.degree));
  receivers[options.degree] = author;
  return receivers;
}

/** For peers that go by topics: the authors of each user, the user included. */
export function authorsOf(): number[][] {
  const authors: number[][] = Array.from({ length: options.users }, () => []);
  for (let author = 0; author < options.users; author++)
    for (const user of receiversOf(author)) authors[user]?.push(author);
  return authors;
}

/** The token of a connection is its user. */
export function userOf(authorization: string | undefined): number {
  return Number((authorization ?? '').replace('Bearer ', ''));
}

/** Ends when stdin does. */
export async function servePeer(peer: FanOutPeer): Promise<never> {
  let frame = { prefix: Buffer.alloc(0), suffix: Buffer.alloc(0), isBinary: false };
  return await serveCommands(command, (one) => {
    switch (one.kind) {
      case 'joined':
        return { users: peer.joined() };
      case 'frame':
        frame = {
          prefix: Buffer.from(one.prefix, 'base64'),
          suffix: Buffer.from(one.suffix, 'base64'),
          isBinary: one.isBinary,
        };
        return {};
      case 'run':
        return run(one, (author, text) =>
          peer.publish(
            author,
            Buffer.concat([frame.prefix, Buffer.from(text), frame.suffix]),
            frame.isBinary,
          ),
        );
    }
  });
}

function run(
  one: { postsPath: string; ratePerSecond: number },
  publish: (author: number, text: string) => number,
): Promise<{ missed: number; seconds: number }> {
  const bytes = readFileSync(one.postsPath);
  const posts = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const began = performance.now();
  const dueMs = (post: number): number => began + (post * 1000) / one.ratePerSecond;
  let missed = 0;
  let next = 0;
  return new Promise((resolve) => {
    const step = () => {
      const now = performance.now();
      while (next * 2 < posts.length && dueMs(next) <= now) {
        const author = posts[next * 2] ?? 0;
        const time = Math.round((performance.timeOrigin + performance.now()) * 1000);
        missed += publish(author, postText(texts, { author, seq: posts[next * 2 + 1] ?? 0 }, String(time)));
        next++;
        // A peer that cannot keep up must still come to its sockets.
        if (performance.now() - now > 50) break;
      }
      if (next * 2 < posts.length) setTimeout(step, dueMs(next) - performance.now());
      else resolve({ missed, seconds: (performance.now() - began) / 1000 });
    };
    step();
  });
}
