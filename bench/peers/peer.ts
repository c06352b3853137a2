// A peer as a benchmark sees it: started, asked, stopped. What it does is in the peer's own file.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { memoryFlags } from '../../cluster/agent-program.ts';
import { bundleProgram } from '../../tests/support/program-bundle.ts';
import { type Child, startChild } from '../child.ts';
import { atEnd } from '../cleanup.ts';

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
  const script = path.join(folder, '..', file);
  return await startScript(file, ['--import', 'tsx', script], options, nodeArgs);
}

/**
 * The same for what holds our own code, and what is compared with it: bundled first and run by plain node with the agent's flags, as the
 * product is. (tsx wraps every function it makes, which costs a hot path more than the path.)
 */
export async function startBundled(
  file: string,
  options: object,
  nodeArgs: readonly string[] = [],
): Promise<Peer> {
  const bundled = path.join(folder, '..', `.bundled-${path.basename(file, '.ts')}.mjs`);
  await bundleProgram({
    root: path.join(folder, '..'),
    entry: file,
    outfile: bundled,
    external: ['esbuild'],
  });
  atEnd(() => rm(bundled, { force: true }));
  return await startScript(file, [bundled], options, [...memoryFlags('core'), ...nodeArgs]);
}

async function startScript(
  file: string,
  script: readonly string[],
  options: object,
  nodeArgs: readonly string[],
): Promise<Peer> {
  const child: Child = startChild({
    name: file,
    command: process.execPath,
    args: [...nodeArgs, ...script, JSON.stringify(options)],
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
