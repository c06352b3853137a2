// An agent for tests of changes: in a process of its own, so that it can be killed, with the releases it changes between.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningChild, StartedAgent } from '../../cluster/agent.ts';
import type { ChangeOrder, ChangeOutcome, ChangeStep } from '../../cluster/agent-change.ts';
import { agentProgram } from './bundled.ts';
import { packageRoot } from './server.ts';
import { until } from './until.ts';

export type KillAt = { whom: 'agent' | 'core' | 'standby'; at: ChangeStep['step'] };

export interface ChangingAgent {
  pid: number;
  started: StartedAgent;
  /** `http://127.0.0.1:PORT` */
  url: string;
  log(): string;
  crashes: { role: string; times: number }[];
  change(order: Partial<ChangeOrder> & { release: string }, kill?: KillAt): Changing;
  running(): Promise<RunningChild[]>;
  exit(): string | null;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface Changing {
  steps: ChangeStep[];
  outcome: Promise<ChangeOutcome>;
}

export interface AgentStart {
  data: string;
  release: string;
  gateways?: number;
  port?: number;
  publicUrl?: string;
  otherReleases?: 'ended' | 'adopted';
}

/** Rejects with its output when it does not start. */
export async function startChangingAgent(start: AgentStart): Promise<ChangingAgent> {
  const child = spawn(process.execPath, [agentProgram, JSON.stringify({ gateways: 1, port: 0, ...start })], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log = (log + String(chunk)).slice(-1_000_000);
  });
  let exit: string | null = null;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = signal ?? `code ${code}`;
      resolve();
    });
  });
  const changes = new Map<number, { changing: Changing; resolve: (outcome: ChangeOutcome) => void }>();
  const crashes: ChangingAgent['crashes'] = [];
  const running: ((list: RunningChild[]) => void)[] = [];
  const began: { started: StartedAgent | null; failed: string | null } = { started: null, failed: null };
  child.on('message', (said: Said) => {
    if (said.started !== undefined) began.started = said.started;
    if (said.failed !== undefined) began.failed = said.failed;
    if (said.crashed !== undefined) crashes.push(said.crashed);
    if (said.running !== undefined) running.shift()?.(said.running);
    const change = changes.get(said.id ?? 0);
    if (said.step !== undefined) change?.changing.steps.push(said.step);
    if (said.outcome !== undefined) change?.resolve(said.outcome);
  });
  register(child, start.data);
  await until(() => began.started !== null || began.failed !== null || exit !== null, {
    withinMs: 60_000,
    what: 'the agent starting',
  });
  const { started, failed } = began;
  if (started === null) throw new Error(`the agent did not start (${failed ?? exit}):\n${log}`);
  let last = 0;
  return {
    pid: child.pid ?? 0,
    started,
    url: `http://127.0.0.1:${started.port}`,
    log: () => log,
    crashes,
    change(order, kill) {
      const id = ++last;
      let resolve: (outcome: ChangeOutcome) => void = () => {};
      const outcome = new Promise<ChangeOutcome>((settle) => {
        resolve = settle;
      });
      const changing: Changing = { steps: [], outcome };
      changes.set(id, { changing, resolve });
      const whole: ChangeOrder = { core: 'keep', gateways: 'keep', drainMs: 500, ...order };
      child.send({ change: whole, kill: kill ?? null, id });
      return changing;
    },
    running: () =>
      new Promise((resolve) => {
        running.push(resolve);
        child.send({});
      }),
    exit: () => exit,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

interface Said {
  id?: number;
  started?: StartedAgent;
  failed?: string;
  crashed?: { role: string; times: number };
  running?: RunningChild[];
  step?: ChangeStep;
  outcome?: ChangeOutcome;
}

/** A copy of the built release, with another version, and whatever else is to be another. The caller removes it. */
export function releaseCopy(
  version: string,
  edits: Readonly<Record<string, (text: string) => string>> = {},
): string {
  const parent = join(packageRoot, 'build', 'test-releases');
  mkdirSync(parent, { recursive: true });
  // Below the checkout: its programs find native packages from where they are.
  const folder = mkdtempSync(join(parent, 'release-'));
  cpSync(join(packageRoot, 'release'), folder, { recursive: true });
  const changed = { 'manifest.json': (text: string) => withVersion(text, version), ...edits };
  for (const [path, edit] of Object.entries(changed)) {
    const place = join(folder, path);
    const before = readFileSync(place, 'utf8');
    const after = edit(before);
    if (after === before) throw new Error(`${path} of the release is not changed by this`);
    writeFileSync(place, after);
  }
  return folder;
}

function withVersion(text: string, version: string): string {
  return JSON.stringify({ ...JSON.parse(text), version });
}

const agents = new Map<ChildProcess, string>();

function register(child: ChildProcess, data: string): void {
  agents.set(child, data);
}

/** Ends, at once, whatever runs on this folder. */
export function killAllOn(data: string): void {
  for (const [child, folder] of agents) {
    if (folder !== data) continue;
    child.kill('SIGKILL');
    agents.delete(child);
  }
  for (const pid of recordedPids(data)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

export function recordedPids(data: string): number[] {
  try {
    const { children, standby } = JSON.parse(readFileSync(join(data, 'agent.json'), 'utf8'));
    return [...children, ...(standby === undefined ? [] : [standby])].map(({ pid }: { pid: number }) => pid);
  } catch {
    return [];
  }
}

process.once('exit', () => {
  for (const data of new Set(agents.values())) killAllOn(data);
});
