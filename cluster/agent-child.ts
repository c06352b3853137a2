// One child of the agent, kept running: started again with back-off when it ends, until it is told to stop.
import { backOff } from './agent-back-off.ts';
import type { ProcessIdentity } from './agent-process.ts';
import { describeEnding, type Ending, endProgram, type RunningProgram } from './agent-program.ts';
import type { ChildRole } from './agent-record.ts';

export interface ChildLog {
  info(bindings: object, message: string): void;
  warn(bindings: object, message: string): void;
}

export interface ChildOptions {
  role: ChildRole;
  index: number;
  /** How long it may take over its clean stop before it is killed. */
  graceMs: number;
  /** Begins as soon as this resolves, with what is called when it serves or has ended. Null: at once. */
  turn: (() => Promise<() => void>) | null;
  launch(): RunningProgram;
  log: ChildLog;
  /** Its process is another one now, or none. */
  changed(): void;
  /** Its process has ended, and nobody told it to. */
  crashed(): void;
}

export interface Child {
  readonly role: ChildRole;
  readonly index: number;
  /** Its process and when that began, or null while there is none. */
  running(): { identity: ProcessIdentity; startedMs: number } | null;
  /** Resolves when it serves. Rejects with a `ChildEnded` when it ends before: then it is not started again. */
  start(): Promise<void>;
  /** The same, but it is started again, however often it ends. Resolves true when it serves, false when it ended before. */
  keep(): Promise<boolean>;
  /** Takes over a process that already serves. */
  adopt(program: RunningProgram, startedMs: number): void;
  /** Resolves when its process is gone; false when it had to be killed: after `withinMs`, or else its grace. */
  stop(how?: { signal: NodeJS.Signals; withinMs: number }): Promise<boolean>;
  /** From now on it may end by itself: it is not started again. Resolves when its process is gone. */
  letGo(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Ends its process at once. */
  kill(): void;
}

/** A child ended before it served for the first time. */
export class ChildEnded extends Error {
  override name = 'ChildEnded';
  role: ChildRole;
  ending: Ending;
  /** What it said was wrong; null: nothing. */
  lastWords: string | null;
  constructor(role: ChildRole, ending: Ending, lastWords: string | null) {
    super(`the ${role} ended before it was ready (${describeEnding(ending)})`);
    this.role = role;
    this.ending = ending;
    this.lastWords = lastWords;
  }
}

export function superviseChild(options: ChildOptions): Child {
  const { role, index, graceMs, turn, launch, log, changed, crashed } = options;
  const wait = backOff();
  let current: { program: RunningProgram; startedMs: number } | null = null;
  let restart: NodeJS.Timeout | null = null;
  let stopping = false;

  function run(program: RunningProgram, startedMs: number): void {
    current = { program, startedMs };
    changed();
  }

  async function watch(program: RunningProgram): Promise<void> {
    const sinceMs = performance.now();
    const ending = await program.ended;
    current = null;
    changed();
    if (stopping) return;
    crashed();
    const restartInMs = wait.after(performance.now() - sinceMs);
    const { code, signal } = ending;
    log.warn(
      { role, index, pid: program.identity?.pid, code, signal, restartInMs },
      `the ${role} ended (${describeEnding(ending)}); it is started again`,
    );
    // Whoever was told may have stopped it.
    if (!stopping) restart = setTimeout(() => void startAgain(), restartInMs);
  }

  async function startAgain(): Promise<boolean> {
    restart = null;
    const end = turn === null ? () => {} : await turn();
    if (stopping) {
      end();
      return false;
    }
    const program = launch();
    run(program, Date.now());
    void watch(program);
    const serves = await program.ready;
    end();
    if (serves) log.info({ role, index, pid: program.identity?.pid }, `the ${role} serves again`);
    return serves;
  }

  return {
    role,
    index,
    running() {
      const identity = current?.program.identity ?? null;
      return identity === null || current === null ? null : { identity, startedMs: current.startedMs };
    },
    async start() {
      const end = turn === null ? () => {} : await turn();
      if (stopping) {
        end();
        throw new ChildEnded(role, { code: null, signal: null }, 'it was stopped before it was started');
      }
      const program = launch();
      run(program, Date.now());
      const serves = await program.ready;
      end();
      if (serves) {
        void watch(program);
        return;
      }
      const ending = await program.ended;
      current = null;
      changed();
      throw new ChildEnded(role, ending, program.lastWords());
    },
    keep: startAgain,
    adopt(program, startedMs) {
      run(program, startedMs);
      void watch(program);
    },
    async stop({ signal, withinMs } = { signal: 'SIGTERM', withinMs: graceMs }) {
      stopping = true;
      if (restart !== null) clearTimeout(restart);
      return current === null || (await endProgram(current.program, withinMs, signal));
    },
    async letGo() {
      stopping = true;
      if (restart !== null) clearTimeout(restart);
      await current?.program.ended;
    },
    signal(name) {
      current?.program.signal(name);
    },
    kill() {
      stopping = true;
      current?.program.signal('SIGKILL');
    },
  };
}
