// A real server for tests: the command line as a child process, on a free port and a data folder of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from './bundled.ts';
import { until } from './until.ts';

export const packageRoot = join(import.meta.dirname, '..', '..');

export interface ServerOptions {
  gateways?: number;
  /** More arguments of `murmuration start`. */
  args?: string[];
  /** Default: a new temporary folder, removed by `stop`. */
  dataDir?: string;
  /** Default: one that the operating system says is free. */
  port?: number;
  /** A built release folder. Default: under vitest the one its global setup built; else the command line builds. */
  release?: string;
  env?: NodeJS.ProcessEnv;
  /** Run the checkout as `npm start` does, not what was bundled from it. */
  fromSource?: boolean;
}

export interface Server {
  url: string;
  port: number;
  dataDir: string;
  agentPid(): number;
  corePid(): number;
  gatewayPids(): number[];
  /** Everything printed so far: the agent's own lines, and the logs of all processes. */
  stdout(): string;
  stderr(): string;
  /** SIGTERM to the agent; rejects unless it exits with code 0. Also stops what a killed agent left behind. */
  stop(): Promise<void>;
}

/** Resolves when the address is printed and /health answers. Rejects with the server's output when it does not start. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'murmuration-data-')));
  const args = ['start', '--data', dataDir, '--port', String(options.port ?? 0)];
  if (options.gateways !== undefined) args.push('--gateways', String(options.gateways));
  const release = options.release ?? builtRelease();
  if (release !== null) args.push('--release', release);
  const run = runCommand([...args, ...(options.args ?? [])], {
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.fromSource === undefined ? {} : { fromSource: options.fromSource }),
  });
  running.set(dataDir, run.process);

  const url = await until(
    () => {
      if (run.exit() !== null) return { failed: true as const };
      const address = /^ *(https?:\/\/\S+)$/m.exec(run.stdout())?.[1];
      return address === undefined ? null : { failed: false as const, address };
    },
    { withinMs: 60_000, what: 'the server printing its address' },
  );
  if (url.failed)
    throw new Error(`the server did not start (${run.exit()}):\n${run.stdout()}${run.stderr()}`);
  const recorded = readRecord(dataDir);
  const local = `http://127.0.0.1:${recorded.port}`;
  await until(async () => (await fetch(`${local}/health`)).ok, { withinMs: 30_000, what: `${local}/health` });

  return {
    url: local,
    port: recorded.port,
    dataDir,
    agentPid: () => readRecord(dataDir).pid,
    corePid: () => pidsOf(dataDir, 'core')[0] ?? fail(`no core in ${dataDir}/agent.json`),
    gatewayPids: () => pidsOf(dataDir, 'gateway'),
    stdout: run.stdout,
    stderr: run.stderr,
    async stop() {
      if (run.exit() === null) run.process.kill('SIGTERM');
      const exit = await run.ended;
      killLeftBehind(dataDir);
      running.delete(dataDir);
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
      if (exit !== 'code 0' && exit !== 'SIGKILL')
        throw new Error(`the server ended with ${exit}:\n${run.stderr()}`);
    },
  };
}

/** The release the test run was set up with, or null outside one. */
export function builtRelease(): string | null {
  const folder = join(packageRoot, 'release');
  return process.env['VITEST'] !== undefined && existsSync(join(folder, 'manifest.json')) ? folder : null;
}

export interface CommandRun {
  process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** `code 0`, `SIGKILL`; null while it runs. */
  exit(): string | null;
  ended: Promise<string>;
}

interface CommandOptions {
  env?: NodeJS.ProcessEnv;
  input?: string;
  cwd?: string;
  ownGroup?: boolean;
  /** As `npm run murmuration` does it. Always so outside vitest, where nothing was bundled. */
  fromSource?: boolean;
}

/** What Node is to run for `murmuration`. */
export function murmuration(fromSource = process.env['VITEST'] === undefined): string[] {
  // tsx is named by its place: the command may run in another folder.
  return fromSource
    ? ['--import', import.meta.resolve('tsx'), join(packageRoot, 'cluster', 'murmuration.ts')]
    : [commandLine];
}

/** Runs `murmuration ARGS`, without building a release first. */
export function runCommand(args: string[], options: CommandOptions = {}): CommandRun {
  const child = spawn(process.execPath, [...murmuration(options.fromSource), ...args], {
    cwd: options.cwd ?? packageRoot,
    env: { ...process.env, ...options.env },
    // A process group of its own, as a shell gives each command it runs in a terminal.
    detached: options.ownGroup ?? false,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  if (options.input !== undefined) child.stdin?.end(options.input);
  let stdout = '';
  let stderr = '';
  // The newest megabyte is enough to say what went wrong.
  child.stdout?.on('data', (chunk) => {
    stdout = (stdout + String(chunk)).slice(-1_000_000);
  });
  child.stderr?.on('data', (chunk) => {
    stderr = (stderr + String(chunk)).slice(-1_000_000);
  });
  let exit: string | null = null;
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    // `exit`, not `close`: children that outlive a killed agent keep its pipes open.
    child.once('exit', (code, signal) => {
      const how = signal ?? `code ${code}`;
      // What it wrote last is still in the pipe.
      setImmediate(() => {
        exit = how;
        resolve(how);
      });
    });
  });
  return { process: child, stdout: () => stdout, stderr: () => stderr, exit: () => exit, ended };
}

interface AgentRecord {
  pid: number;
  port: number;
  children: { role: string; index: number; pid: number }[];
}

/** DATA/agent.json: which processes there are. */
export function readRecord(dataDir: string): AgentRecord {
  return JSON.parse(readFileSync(join(dataDir, 'agent.json'), 'utf8'));
}

function pidsOf(dataDir: string, role: string): number[] {
  return readRecord(dataDir)
    .children.filter((child) => child.role === role)
    .sort((a, b) => a.index - b.index)
    .map((child) => child.pid);
}

const running = new Map<string, ChildProcess>();

// The server's processes outlive their starter by design: a test run that ends early must not leave any.
process.once('exit', killAll);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

function killAll(): void {
  for (const [dataDir, agent] of running) {
    agent.kill('SIGKILL');
    killLeftBehind(dataDir);
  }
}

function killLeftBehind(dataDir: string): void {
  let record: AgentRecord;
  try {
    record = readRecord(dataDir);
  } catch {
    return;
  }
  for (const { pid } of record.children) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }
}

function fail(message: string): never {
  throw new Error(message);
}
