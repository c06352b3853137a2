// One side's rounds in `actors`: how many messages a second, how many requests with answers, how many bytes an actor. Which actors is
// the caller's matter.
import { z } from 'zod';
import { callers } from './callers.ts';
import { serveCommands } from './peers/commands.ts';
import { seeded } from './random.ts';

export interface Side {
  counting(
    actors: number,
  ): Promise<{ tell(actor: number): void; ask(actor: number): Promise<unknown>; readonly handled: number }>;
  /** Each fills memory with `users` of one shape; the result keeps them. */
  shapes: Readonly<Record<string, (users: number) => Promise<object>>>;
}

const command = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('rates'), actors: z.number(), seconds: z.number() }),
  z.object({ kind: z.literal('memory'), shape: z.string(), users: z.number() }),
]);

/** Messages waiting at most: enough to keep everybody busy, few enough to fit caches. */
const mostOutstanding = 20_000;

export async function serveRounds(side: Side): Promise<never> {
  let made: Awaited<ReturnType<Side['counting']>> | undefined;
  return serveCommands(command, async (asked) => {
    if (asked.kind === 'memory') return memory(side.shapes[asked.shape], asked.users);
    made ??= await side.counting(asked.actors);
    const actors = made;
    const messages = await messagesASecond(actors, asked.actors, asked.seconds);
    const random = seeded(3);
    const asks = await callers(1000, asked.seconds, async () => {
      await actors.ask(random.below(asked.actors));
      return true;
    });
    return { messagesPerSecond: messages, asksPerSecond: asks.answered / asks.seconds };
  });
}

async function messagesASecond(
  actors: { tell(actor: number): void; readonly handled: number },
  howMany: number,
  seconds: number,
): Promise<number> {
  const random = seeded(5);
  const before = actors.handled;
  const began = performance.now();
  let sent = 0;
  while (performance.now() - began < seconds * 1000) {
    while (sent - (actors.handled - before) < mostOutstanding) {
      for (let some = 0; some < 1000; some++) actors.tell(random.below(howMany));
      sent += 1000;
    }
    await new Promise(setImmediate);
  }
  const deadline = performance.now() + 30_000;
  while (actors.handled - before < sent && performance.now() < deadline) await new Promise(setImmediate);
  if (actors.handled - before !== sent)
    throw new Error(`${sent} messages sent, ${actors.handled - before} handled`);
  return sent / ((performance.now() - began) / 1000);
}

async function memory(
  fill: ((users: number) => Promise<object>) | undefined,
  users: number,
): Promise<{ bytesEach: number }> {
  if (!fill) throw new Error('an unknown shape');
  const before = await usedBytes();
  const kept = await fill(users);
  const after = await usedBytes();
  // The comparison keeps it alive until here.
  if (kept === undefined) throw new Error('nothing was made');
  return { bytesEach: (after - before) / users };
}

async function usedBytes(): Promise<number> {
  if (!globalThis.gc) throw new Error('run with --expose-gc');
  for (let round = 0; round < 4; round++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
