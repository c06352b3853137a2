// The server under test, run as anybody would run it: by its command line, on a data folder of its own.

import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Child, runChild, startChild } from './child.ts';
import { atEnd } from './cleanup.ts';
import { type ProcessFigures, processTree } from './cpu.ts';

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
/** Between the port of a server and those that only other machines use. */
const portsApart = 50;
export const program = ['--import', 'tsx', 'cluster/murmuration.ts'];

/** Fifty gateways with a million sockets take their time. */
const stoppingMostMs = 60_000;

export interface ServerOptions {
  dataFolder: string;
  port: number;
  gateways: number;
  /** More arguments of `start`. */
  more?: readonly string[];
  /** A large store takes longer to be opened. */
  healthyWithinMs?: number;
}

export interface Server {
  /** IPv4:PORT */
  readonly target: string;
  readonly url: string;
  /** All its processes as they are now. */
  processes(): ProcessFigures[];
  /** The pid of the core, from the file in which it says where it can be reached. */
  corePid(): Promise<number>;
  /** `kill -9` of all its processes at once; resolves when the agent is gone. `stop` afterwards does no harm. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const coreLink = z.object({ pid: z.number() });

export async function startServer(options: ServerOptions): Promise<Server> {
  const args = ['start', '--data', options.dataFolder, '--port', String(options.port)];
  args.push('--gateways', String(options.gateways), '--rate-limit', '0', '--log-level', 'warn');
  // By default these are the ports after `port`, where what is measured beside it listens.
  const apart = options.port + portsApart;
  if (options.more?.includes('--cluster-port') !== true)
    args.push('--cluster-port', String(apart), '--swarm-port', String(apart + 1));
  args.push(...(options.more ?? []));
  const child = startChild({
    name: 'murmuration start',
    command: process.execPath,
    args: [...program, ...args],
    cwd: root,
  });
  // When the agent is gone without having stopped the others, they are ended by the pids seen while it lived.
  let seen = new Set<number>();
  const look = () => {
    const tree = processTree(child.pid);
    seen = new Set([...seen, ...tree.map((one) => one.pid)]);
    return tree;
  };
  const takeBack = atEnd(() => endAll(child, seen, look));
  const url = `http://127.0.0.1:${options.port}`;
  await untilHealthy(url, child, options.healthyWithinMs ?? 120_000);
  look();
  return {
    target: `127.0.0.1:${options.port}`,
    url,
    processes: look,
    async corePid() {
      return coreLink.parse(JSON.parse(await readFile(path.join(options.dataFolder, 'core.link'), 'utf8')))
        .pid;
    },
    async kill() {
      for (const { pid } of look()) process.kill(pid, 'SIGKILL');
      await child.ended;
    },
    async stop() {
      await endAll(child, seen, look);
      takeBack();
    },
  };
}

async function endAll(child: Child, seen: ReadonlySet<number>, look: () => void): Promise<void> {
  look();
  await child.stop(stoppingMostMs);
  for (const pid of seen) {
    if (pid === child.pid || processTree(pid).length === 0) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

async function untilHealthy(url: string, child: Child, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  let ended: number | null | undefined;
  void child.ended.then((code) => {
    ended = code;
  });
  while (performance.now() < deadline) {
    if (ended !== undefined) await child.line(1);
    const healthy = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1_000) }).then(
      (answer) => answer.ok,
      () => false,
    );
    if (healthy) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the server was not healthy within ${Math.round(withinMs / 1000)} s`);
}

/** Runs a command of `murmuration` to its end. */
export function murmuration(args: readonly string[], timeoutMs: number): Promise<string> {
  return runChild({
    name: `murmuration ${args[0]}`,
    command: process.execPath,
    args: [...program, ...args],
    cwd: root,
    timeoutMs,
  });
}

/** Accounts `u<number>` and their follows from a file of pairs. */
export async function importFollows(
  dataFolder: string,
  followsPath: string,
  accounts?: number,
): Promise<void> {
  const most = accounts === undefined ? [] : ['--accounts', String(accounts)];
  await murmuration(
    ['import', '--data', dataFolder, '--follows', followsPath, '--posts', '0', ...most],
    600_000,
  );
}

/**
 * As `importFollows`. With a folder named, what was imported is kept there and copied by later runs: they must ask for the same graph,
 * and the folder's name is where to say which (`graph-10000x120-1`).
 */
export async function importOnce(
  dataFolder: string,
  followsPath: string,
  kept: string | undefined,
): Promise<void> {
  if (kept === undefined || !existsSync(kept)) await importFollows(dataFolder, followsPath);
  if (kept === undefined) return;
  if (existsSync(kept)) await cp(kept, dataFolder, { recursive: true });
  else await cp(dataFolder, kept, { recursive: true });
}

/** An access token for each handle, in order. The list is written to `folder` for the command. */
export async function tokensOf(
  dataFolder: string,
  handles: readonly string[],
  folder: string = path.join(dataFolder, '..'),
): Promise<string[]> {
  const file = path.join(folder, `handles-${process.pid}`);
  await writeFile(file, handles.map((handle) => `${handle}\n`).join(''));
  const printed = await murmuration(['token', '--data', dataFolder, '--handles', file], 600_000);
  const tokens = printed.trimEnd().split('\n');
  if (tokens.length !== handles.length)
    throw new Error(`${tokens.length} tokens for ${handles.length} handles`);
  return tokens;
}
