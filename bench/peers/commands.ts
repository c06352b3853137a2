// How a peer (a process beside ours in a benchmark) is told what to do: JSON lines in, a JSON line out for each.
import { createInterface } from 'node:readline';
import type { z } from 'zod';

/** The options a peer was started with: its first argument, JSON. */
export function peerOptions<T>(schema: z.ZodType<T>): T {
  return schema.parse(JSON.parse(process.argv[2] ?? '{}'));
}

/** Says that the peer is ready, then answers commands one after another until stdin ends; then the process ends. */
export async function serveCommands<T>(
  schema: z.ZodType<T>,
  handle: (command: T) => unknown,
): Promise<never> {
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    say((await handle(schema.parse(JSON.parse(line)))) ?? {});
  }
  process.exit(0);
}

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
