// What `bench storm` and its client processes say to each other.
import { z } from 'zod';

export const stormSettings = z.object({
  target: z.string(),
  tokensPath: z.string(),
  users: z.number(),
  followers: z.number(),
  seed: z.number(),
  /** Of all users these are here. */
  from: z.number(),
  to: z.number(),
});

export const stormOrder = z.discriminatedUnion('do', [
  z.object({ do: z.literal('open') }),
  z.object({ do: z.literal('expect'), author: z.number(), seq: z.number() }),
  /** Everything from now on belongs to the storm. */
  z.object({ do: z.literal('mark') }),
  z.object({ do: z.literal('status') }),
  z.object({ do: z.literal('settle') }),
]);

const spread = z.object({ p50: z.number(), p99: z.number(), max: z.number() });

export const stormStatus = z.object({
  open: z.number(),
  closed: z.number(),
  resumed: z.number(),
  /** From the mark until a client was connected again, ms. */
  resumedAfterMs: spread,
  deliveries: z.number(),
  latencyMs: spread,
  again: z.number(),
  wrong: z.array(z.string()),
});
export type StormStatus = z.infer<typeof stormStatus>;
