// One machine of a chaos run: its data folder and its processes, started by the real command line, killed, stopped and waited for.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { murmuration, packageRoot } from '../support/server.ts';
import { until } from '../support/until.ts';
import { processesOn, type Role, signal } from './machine-processes.ts';

export interface MachineOptions {
  name: string;
  address: string;
  /** Its own, made here. */
  data: string;
  /** Where its log goes. */
  logs: string;
  release: string;
  /** What goes before a command so that it runs on this machine. */
  inside: readonly string[];
}

export const httpPort = 8080;
const clusterPort = 8081;
/** A start may have to wait for a processor that many share. */
const startWithinMs = 90_000;

export class Machine {
  readonly name: string;
  readonly url: string;
  readonly data: string;
  readonly logFile: string;
  readonly #options: MachineOptions;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.name = options.name;
    this.data = options.data;
    this.url = `http://${options.address}:${httpPort}`;
    this.logFile = join(options.logs, `${options.name}.log`);
    mkdirSync(options.data, { recursive: true });
    mkdirSync(options.logs, { recursive: true });
  }

  /** Resolves when its gateway answers; takes over what an agent that was killed has left. */
  async start({ join: line }: { join?: string } = {}): Promise<void> {
    const { name, address, data, release } = this.#options;
    const host = ['--host', address, '--port', String(httpPort)];
    const cluster = ['--cluster-host', address, '--cluster-port', String(clusterPort)];
    const who = ['--name', name, '--machine', name, '--release', release];
    const limits = ['--rate-limit', '0', '--sign-ups', '0', '--log-level', 'info'];
    const joining = line === undefined ? [] : ['--join', line];
    const log = openSync(this.logFile, 'a');
    const agent = this.#spawn(
      ['start', '--data', data, ...host, ...cluster, ...who, ...limits, ...joining],
      ['ignore', log, log],
    );
    closeSync(log);
    let ended: string | null = null;
    agent.once('exit', (code, name) => {
      ended = name ?? `exit code ${code}`;
    });
    agent.once('error', (error) => {
      ended = error.message;
    });
    // A run that is over does not wait for its machines' agents.
    agent.unref();
    await until(async () => ended !== null || (await this.isUp()), {
      withinMs: startWithinMs,
      everyMs: 100,
      what: `${name} answering (its log: ${this.logFile})`,
    });
    if (ended !== null) throw new Error(`${name} did not start (${ended}):\n${this.lastLines(20)}`);
  }

  async isUp(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(2_000) });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  }

  /** What `murmuration ARGS --data …` prints here. Rejects with what it complains of. */
  async command(args: string[], withinMs = 120_000): Promise<string> {
    const child = this.#spawn([...args, '--data', this.data], ['ignore', 'pipe', 'pipe']);
    let printed = '';
    let complained = '';
    child.stdout?.on('data', (chunk) => {
      printed += String(chunk);
    });
    child.stderr?.on('data', (chunk) => {
      complained += String(chunk);
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timer);
        resolve(code);
      });
    });
    if (code !== 0)
      throw new Error(`${args.join(' ')} on ${this.name}: ${complained.trim() || `ended with ${code}`}`);
    return printed;
  }

  /** What runs of it now. */
  pids(role?: Role): number[] {
    return processesOn(this.data).flatMap((one) =>
      role === undefined || one.role === role ? [one.pid] : [],
    );
  }

  /** To all processes of a role, or of the machine. Resolves with how many there were. */
  signal(name: NodeJS.Signals, role?: Role): number {
    return this.pids(role).filter((pid) => signal(pid, name)).length;
  }

  /** Nothing of it is left. */
  async kill(): Promise<void> {
    // The agent first, or it starts again what is killed.
    this.signal('SIGKILL', 'agent');
    await until(
      () => {
        this.signal('SIGKILL');
        return this.pids().length === 0;
      },
      { withinMs: 30_000, everyMs: 20, what: `the processes of ${this.name} being gone` },
    );
  }

  lastLines(count: number): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  }

  #spawn(args: string[], stdio: ('ignore' | 'pipe' | number)[]): ChildProcess {
    const node = [process.execPath, ...murmuration()];
    const [program = process.execPath, ...rest] = [...this.#options.inside, ...node, ...args];
    // A session of its own: Ctrl-C ends the run, which then ends its machines.
    return spawn(program, rest, { cwd: packageRoot, stdio, detached: true });
  }
}
