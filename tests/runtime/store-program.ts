// Runs store-child.ts (bundled) as a process, and gives its lines as they come. Under strace when asked. Killed after the test at the latest.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach } from 'vitest';
import { storeChild } from '../support/bundled.ts';
import { until } from '../support/until.ts';

export interface StoreProgram {
  /** Of the process that has the store open. */
  readonly pid: number;
  /** Every line it has printed. */
  readonly lines: string[];
  readonly errors: string[];
  /** Resolves with the first line that starts so. */
  line(start: string): Promise<string>;
  /** Resolves when it has printed so many acknowledgements. */
  acknowledged(count: number): Promise<unknown>;
  /** kill -9, and waits for its end. */
  kill(): Promise<void>;
  /** Resolves with its exit code. */
  exited: Promise<number | null>;
}

export interface StoreProgramOptions {
  mode: 'hold' | 'one-by-one' | 'ten' | 'flood';
  /** Arguments for strace, which then runs the program. */
  strace?: string[];
}

const running = new Set<StoreProgram>();

afterEach(async () => {
  await Promise.all([...running].map((program) => program.kill()));
});

export async function startStoreProgram(
  folder: string,
  { mode, strace }: StoreProgramOptions,
): Promise<StoreProgram> {
  const node = [process.execPath, storeChild, folder, mode];
  const [command = '', ...args] = strace === undefined ? node : ['strace', '-f', ...strace, ...node];
  // One thread writes: strace counts the calls of each thread apart.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
  const started: ChildProcess = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    detached: true,
  });
  await once(started, 'spawn');
  const lines: string[] = [];
  const errors: string[] = [];
  if (started.stdout !== null) createInterface(started.stdout).on('line', (line) => lines.push(line));
  if (started.stderr !== null) createInterface(started.stderr).on('line', (line) => errors.push(line));
  const exited = once(started, 'close').then(() => started.exitCode);
  const line = (start: string) =>
    until(() => lines.find((found) => found.startsWith(start)), {
      what: `a line "${start}" among ${lines.length} (${errors.slice(-5).join(' | ')})`,
      withinMs: 20_000,
    });
  const pid = () =>
    Number(lines.find((found) => found.startsWith('open '))?.slice('open '.length) ?? started.pid);
  const kill = async () => {
    // The whole group: a program whose strace is killed goes on without it.
    if (started.exitCode === null && started.signalCode === null)
      process.kill(-Number(started.pid), 'SIGKILL');
    await exited;
  };
  const program: StoreProgram = {
    get pid() {
      return pid();
    },
    lines,
    errors,
    line,
    acknowledged: (count) =>
      until(() => lines.filter((found) => found.startsWith('ack ')).length >= count, {
        what: `${count} acknowledgements`,
        withinMs: 20_000,
      }),
    exited,
    kill,
  };
  running.add(program);
  void exited.then(() => running.delete(program));
  return program;
}
