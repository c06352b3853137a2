// A peer as a benchmark sees it: started, asked, stopped. What it does is in the peer's own file.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { type Child, startChild } from '../child.ts';

const folder = path.dirname(fileURLToPath(import.meta.url));

export interface Peer {
  readonly pid: number;
  ask<T>(command: object, answer: z.ZodType<T>, timeoutMs: number): Promise<T>;
  stop(): Promise<void>;
}

/** Starts `bench/<file>` in a process of its own, with `options` as JSON; resolves when it says that it is ready. */
export async function startPeer(
  file: string,
  options: object,
  nodeArgs: readonly string[] = [],
): Promise<Peer> {
  const child: Child = startChild({
    name: file,
    command: process.execPath,
    args: [...nodeArgs, '--import', 'tsx', path.join(folder, '..', file), JSON.stringify(options)],
    cwd: path.join(folder, '../..'),
  });
  await child.line(120_000);
  return {
    pid: child.pid,
    stop: () => child.stop(),
    async ask(command, answer, timeoutMs) {
      child.write(JSON.stringify(command));
      return answer.parse(JSON.parse(await child.line(timeoutMs)));
    },
  };
}
