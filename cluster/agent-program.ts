// Running a release's programs: spawned, or taken over from an agent that died. When to start one again is agent-child.ts's part.
import { type ChildProcess, spawn } from 'node:child_process';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity, sendSignal } from './agent-process.ts';
import type { ChildRole } from './agent-record.ts';
import { type AgentOrder, programMessage, type SelfTestReport, settingsVariable } from './settings.ts';

/** How a program ended. Both null: nobody knows, it was not our child. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Set when it could not even be started. */
  fault?: Error;
}

export interface RunningProgram {
  /** Null when it could not be started. */
  identity: ProcessIdentity | null;
  /** Resolves true when it serves, false when it ended before. */
  ready: Promise<boolean>;
  ended: Promise<Ending>;
  /** What it said was wrong, before it ended; null: nothing. */
  lastWords(): string | null;
  /** Does nothing when it is gone already. */
  signal(name: NodeJS.Signals): void;
}

export interface ProgramStart {
  role: ChildRole;
  release: string;
  /** CoreSettings or GatewaySettings. */
  settings: object;
  onProgress?: (progress: { done: number; total: number }) => void;
}

const mebibyte = 1024 * 1024;
/** What dead objects may take, in percent of the live ones, before they are collected: Node lets them grow to several times as much. */
const garbagePercent = 20;

/**
 * What a request makes lives until its fsync or its answer: longer than a small nursery is filled, and copying it there twice cost
 * the core a fifth of its time. What a gateway makes for an answer or a frame is gone in a moment: a larger nursery would save it nothing that can
 * be measured, and there may be more than fifty of them, each with twice this in megabytes.
 *
 * The core's heap may take half of the machine: Node's own limit of 4 GB would end it at somewhat more than a million live users.
 */
export function memoryFlags(role: ChildRole): string[] {
  const bytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const ofRole =
    role === 'core'
      ? ['--max-semi-space-size=64', `--max-old-space-size=${Math.floor(bytes / 2 / mebibyte)}`]
      : ['--max-semi-space-size=4'];
  return [...ofRole, `--heap-growing-percent=${garbagePercent}`];
}

/**
 * Of a request's first line and headers together. uWebSockets.js refuses more than 4096 unless it finds this in its environment as it
 * is loaded; 200 relationships asked for at once, or the cookies of everything else that runs on localhost, are more.
 */
const mostHeaderBytes = 16_384;

/**
 * Starts `core.mjs` or `gateway.mjs` with plain node, in a session of its own: it lives on when the agent or the terminal dies,
 * and Ctrl-C reaches it only through the agent. Its output goes to the agent's standard error, so that it still goes somewhere then.
 */
export function startProgram(start: ProgramStart): RunningProgram {
  return run(start).program;
}

/** A core that stands by. `ready` is for when it has taken over. */
export interface StandbyProgram extends RunningProgram {
  /** Resolves when its self-test is passed; null when it ended before. */
  tested: Promise<SelfTestReport | null>;
  /** Gives the order. Resolves when it was heard; false when the process ended before. Only then may the old core be ended. */
  takeOver(): Promise<boolean>;
}

export function startStandby(start: ProgramStart): StandbyProgram {
  const { child, program, tested, taking } = run(start);
  const order: AgentOrder = { order: 'take over' };
  return {
    ...program,
    tested,
    takeOver() {
      // One that has ended meanwhile is noticed by its end.
      if (child.connected) child.send(order, () => {});
      return taking;
    },
  };
}

function run({ role, release, settings, onProgress }: ProgramStart): {
  child: ChildProcess;
  program: RunningProgram;
  tested: Promise<SelfTestReport | null>;
  taking: Promise<boolean>;
} {
  const child = spawn(process.execPath, [...memoryFlags(role), join(release, `${role}.mjs`)], {
    env: {
      ...process.env,
      [settingsVariable]: JSON.stringify(settings),
      UWS_HTTP_MAX_HEADERS_SIZE: String(mostHeaderBytes),
    },
    stdio: ['ignore', 2, 2, 'ipc'],
    detached: true,
  });
  const ended = new Promise<Ending>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (fault) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, fault });
    });
  });
  // What it said last may come after its end.
  const heardAll = ended.then(async () => {
    if (child.connected) await new Promise((resolve) => child.once('disconnect', resolve));
  });
  let lastWords: string | null = null;
  let passed: (report: SelfTestReport | null) => void = () => {};
  const tested = new Promise<SelfTestReport | null>((resolve) => {
    passed = resolve;
  });
  let heard: (isHeard: boolean) => void = () => {};
  const taking = new Promise<boolean>((resolve) => {
    heard = resolve;
  });
  const ready = new Promise<boolean>((resolve) => {
    child.on('message', (wire) => {
      const message = programMessage.safeParse(wire).data;
      if (message === undefined) return;
      if ('progress' in message) onProgress?.(message.progress);
      else if ('tested' in message) passed(message.tested);
      else if ('taking' in message) heard(true);
      else if ('failed' in message) lastWords = message.failed;
      else resolve(true);
    });
    void heardAll.then(() => {
      resolve(false);
      passed(null);
      heard(false);
    });
  });
  // From here on a child that was spawned and one that was adopted are the same thing.
  void ready.then(() => {
    if (child.connected) child.disconnect();
  });
  const identity = child.pid === undefined ? null : (identify(child.pid) ?? { pid: child.pid, startTime: 0 });
  const program: RunningProgram = {
    identity,
    ready,
    ended,
    lastWords: () => lastWords,
    signal: (name) => {
      child.kill(name);
    },
  };
  return { child, program, tested, taking };
}

/** A child of an agent that died: it can be watched and ended, but nobody is told how it ends. It serves, unless told otherwise. */
export function adoptProgram(
  identity: ProcessIdentity,
  ready: Promise<boolean> = Promise.resolve(true),
): RunningProgram {
  return {
    identity,
    ready,
    ended: new Promise((resolve) => {
      const poll = setInterval(() => {
        if (isAlive(identity)) return;
        clearInterval(poll);
        resolve({ code: null, signal: null });
      }, adoptedPollMs);
    }),
    lastWords: () => null,
    signal: (name) => {
      sendSignal(identity, name);
    },
  };
}

const adoptedPollMs = 100;

export function describeEnding({ code, signal, fault }: Ending): string {
  if (fault !== undefined) return fault.message;
  if (signal !== null) return `signal ${signal}`;
  return code === null ? 'reason unknown' : `exit code ${code}`;
}

/** A signal, and SIGKILL when it is still there after `graceMs`. Resolves when it has ended; false when it had to be killed. */
export async function endProgram(
  program: RunningProgram,
  graceMs: number,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<boolean> {
  let killed = false;
  const timer = setTimeout(() => {
    killed = true;
    program.signal('SIGKILL');
  }, graceMs);
  program.signal(signal);
  await program.ended;
  clearTimeout(timer);
  return !killed;
}
