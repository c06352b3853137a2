// A child process of a benchmark: started, asked line by line, ended by its own pid. What the lines mean is others' matter.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { atEnd } from './cleanup.ts';

export interface Child {
  readonly pid: number;
  /** The next line of its stdout. Rejects when the child ends first or `timeoutMs` passes. */
  line(timeoutMs: number): Promise<string>;
  write(line: string): void;
  /** Resolves with the exit code (null for a signal). */
  readonly ended: Promise<number | null>;
  /** SIGTERM, and SIGKILL after `patienceMs`. */
  stop(patienceMs?: number): Promise<void>;
}

export interface ChildOptions {
  name: string;
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
}

const mostErrorText = 4_000;
const mostLines = 10_000;

export function startChild(options: ChildOptions): Child {
  const child = spawn(options.command, options.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
  });
  let errorText = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errorText = (errorText + chunk.toString('utf8')).slice(-mostErrorText);
    if (process.env['BENCH_VERBOSE']) process.stderr.write(chunk);
  });
  // A command to a child that has just died is told by `line`, not by a broken pipe.
  child.stdin.on('error', () => {});

  const lines: string[] = [];
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  let broken: Error | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const first = waiting.shift();
    if (first) first.resolve(line);
    else if (lines.length < mostLines) lines.push(line);
  });
  const ended = endOf(child);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const breakAll = (why: string) => {
    broken = new Error(`${options.name} ${why}${errorText === '' ? '' : `:\n${errorText.trimEnd()}`}`);
    for (const one of waiting.splice(0)) one.reject(broken);
  };
  child.once('error', (error) => breakAll(`could not be started (${error.message})`));
  void ended.then((code) => breakAll(`ended with ${code === null ? 'a signal' : `code ${code}`}`));

  async function stop(patienceMs = 5_000): Promise<void> {
    takeBack();
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    // Not `ended`: a process that it leaves behind keeps its pipes open.
    await exited;
    clearTimeout(timer);
  }
  const takeBack = atEnd(() => stop(2_000));

  return {
    pid: child.pid ?? -1,
    ended,
    stop,
    write: (line) => void child.stdin.write(`${line}\n`),
    line(timeoutMs) {
      const ready = lines.shift();
      if (ready !== undefined) return Promise.resolve(ready);
      if (broken) return Promise.reject(broken);
      return new Promise((resolve, reject) => {
        const entry = {
          resolve: (line: string) => {
            clearTimeout(timer);
            resolve(line);
          },
          reject: (error: Error) => {
            clearTimeout(timer);
            reject(error);
          },
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(
            new Error(`${options.name} said nothing for ${timeoutMs} ms${errorText && `:\n${errorText}`}`),
          );
        }, timeoutMs);
        waiting.push(entry);
      });
    },
  };
}

/** Runs to its end and gives stdout. Rejects with its stderr when it fails or `timeoutMs` passes. */
export async function runChild(
  options: ChildOptions & { timeoutMs: number; input?: string },
): Promise<string> {
  const child = spawn(options.command, options.args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
  });
  const takeBack = atEnd(() => void child.kill('SIGKILL'));
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
  const out: Buffer[] = [];
  let errorText = '';
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    errorText = (errorText + chunk.toString('utf8')).slice(-mostErrorText);
  });
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const code = await Promise.race([endOf(child), failed]);
  clearTimeout(timer);
  takeBack();
  if (code === 0) return Buffer.concat(out).toString('utf8');
  throw new Error(
    `${options.name} failed (${code === null ? 'ended by a signal' : `code ${code}`}): ${errorText.trimEnd()}`,
  );
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(-1));
    child.once('close', (code) => resolve(code));
  });
}
