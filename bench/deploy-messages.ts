// What `bench deploy` and its node processes say to each other: a line of JSON each.
import { z } from 'zod';

const address = z.object({ host: z.string(), port: z.number() });
const file = z.object({ path: z.string(), sha256: z.string() });

export const nodeOrder = z.discriminatedUnion('kind', [
  /** Give the folder's files out by HTTP. Answered by `ready`. */
  z.object({ kind: z.literal('serve'), host: z.string(), port: z.number(), folder: z.string() }),
  /** Listen as a swarm does. Answered by `ready`. */
  z.object({ kind: z.literal('open'), host: z.string(), port: z.number() }),
  /** Fetch by the swarm, or give out what is there. `half`, `complete` and, of the first seeder, `spread` follow. */
  z.object({
    kind: z.literal('swarm'),
    info: z.string(),
    folder: z.string(),
    sources: z.array(z.string()),
    isFirst: z.boolean(),
    peers: z.array(address),
  }),
  /** Fetch each file from an HTTP server. `half` and `complete` follow. */
  z.object({ kind: z.literal('get'), from: address, folder: z.string(), files: z.array(file) }),
  /** Answered by `figures`. */
  z.object({ kind: z.literal('count') }),
  /** Answered by `digest`. */
  z.object({ kind: z.literal('read'), folder: z.string(), paths: z.array(z.string()) }),
]);

export const nodeAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('half') }),
  z.object({ kind: z.literal('spread'), sentBytes: z.number() }),
  /** By the clock that all processes of a machine share. */
  z.object({ kind: z.literal('complete'), atMs: z.number() }),
  z.object({ kind: z.literal('failed'), why: z.string() }),
  z.object({
    kind: z.literal('figures'),
    movedBytes: z.number(),
    reusedBytes: z.number(),
    wastedBytes: z.number(),
    sentBytes: z.number(),
    /** With everything around the content, both ways. */
    wireBytes: z.number(),
    peers: z.number(),
  }),
  z.object({ kind: z.literal('digest'), sha256: z.string() }),
]);

export type NodeOrder = z.infer<typeof nodeOrder>;
export type NodeAnswer = z.infer<typeof nodeAnswer>;
export type NodeFigures = Extract<NodeAnswer, { kind: 'figures' }>;

/** Milliseconds of a clock that is the same in all processes of this machine. */
export function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
