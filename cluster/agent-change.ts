// A change of what a machine runs, under live connections: a new core takes over from the old one, new gateways open beside old ones that
// drain, a page is shown by those that run. Which change is due, and when to go back, is the engine's to say.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, ChildEnded } from './agent-child.ts';
import {
  type AgentChildren,
  type AgentLog,
  coreGraceMs,
  coreLeaveMs,
  coreOf,
  type Standby,
} from './agent-children.ts';
import { pageTaken } from './agent-page.ts';
import { describeEnding, endProgram, type RunningProgram, startStandby } from './agent-program.ts';
import { inTime } from './in-time.ts';
import { heirSignal, type SelfTestReport } from './settings.ts';

export interface ChangeOrder {
  /** The folder of the release: it is whole, and stays. */
  release: string;
  /** `move`: its process goes on, and does what the release's would do by now; when it ends, it is started from there. */
  core: 'keep' | 'move' | 'replace';
  /** `page`: as `move`, and it shows the release's page. */
  gateways: 'keep' | 'move' | 'page' | 'replace';
  /** Over how long the streams of old gateways are ended. */
  drainMs: number;
}

export type ChangeStep =
  | { step: 'standby' }
  | { step: 'self-tested'; report: SelfTestReport }
  | { step: 'old core ending' }
  | { step: 'old core ended' }
  /** `awayMs`: from the order to end the old core until the new one served. Before it ends, others of a cluster take over from it. */
  | { step: 'taken over'; awayMs: number }
  | { step: 'page shown' }
  | { step: 'gateways open' }
  | { step: 'drained' };

export type ChangeOutcome =
  | { ok: true }
  | {
      ok: false;
      /** What could not be done. All steps before it stand, except that a core that could not take over was replaced by the old one. */
      at: ChangeStep['step'];
      reason: string;
      /** `untouched`: the old one never noticed. `back`: it was ended and started again. `changed`: the new one serves. */
      core: 'untouched' | 'back' | 'changed';
    };

export interface ChangeOptions {
  children: AgentChildren;
  log: AgentLog;
  isStopping(): boolean;
  /** A core that does not say in time that it has passed its test has not. */
  testWithinMs?: number;
  /** From the end of the old core. No bound while views are derived anew. */
  takeOverWithinMs?: number;
}

type Failed = Extract<ChangeOutcome, { ok: false }>;
type Tell = (step: ChangeStep) => void;

const defaultTestWithinMs = 120_000;
/** It only waits for this. */
const hearWithinMs = 5000;
const defaultTakeOverWithinMs = 30_000;
/** A page is some small files: who takes longer hangs. */
const pageWithinMs = 15_000;

export class AgentChange {
  readonly #options: ChangeOptions;

  constructor(options: ChangeOptions) {
    this.#options = options;
  }

  /** Resolves when all is done, the drain included; `opened` is called when only that is left to do. */
  async run(order: ChangeOrder, tell: Tell, opened: () => void): Promise<ChangeOutcome> {
    const coreNow = order.core === 'replace' ? 'changed' : 'untouched';
    if (order.core === 'replace') {
      const failed = await this.#core(order.release, tell);
      if (failed !== null) return failed;
    }
    if (order.gateways === 'page') {
      const failed = await this.#page(order.release, tell);
      if (failed !== null) return { ...failed, core: coreNow };
    }
    this.#move(order);
    if (order.gateways !== 'replace') return { ok: true };
    const old = this.#options.children.gateways.map(({ child }) => child);
    const failed = await this.#open(order.release);
    if (failed !== null) return { ...failed, core: coreNow };
    tell({ step: 'gateways open' });
    const { children } = this.#options;
    const untilMs = Date.now() + order.drainMs;
    const drains = old.map((child) => children.drain(child, untilMs));
    opened();
    await Promise.all(drains);
    tell({ step: 'drained' });
    return { ok: true };
  }

  #move({ release, core, gateways }: ChangeOrder): void {
    const { children } = this.#options;
    if (core === 'move') {
      children.wanted = { ...children.wanted, core: release };
      if (children.core !== null) children.move(children.core.child, release);
    }
    if (gateways === 'move' || gateways === 'page') {
      children.wanted = { ...children.wanted, gateways: release, page: release };
      for (const { child } of children.gateways) children.move(child, release);
    }
  }

  async #core(release: string, tell: Tell): Promise<Failed | null> {
    const { children, isStopping, testWithinMs = defaultTestWithinMs } = this.#options;
    const { core } = children.settings;
    if (core === null || children.core === null) return fault('standby', 'this machine has no core');
    const program = startStandby({ role: 'core', release, settings: { ...core, release, mode: 'standby' } });
    const { identity } = program;
    if (identity === null) return fault('standby', describeEnding(await program.ended));
    const standby: Standby = {
      program,
      identity,
      release,
      startedMs: Date.now(),
      isOrdered: false,
      rebuilds: false,
    };
    children.standby = standby;
    tell({ step: 'standby' });
    const report = await inTime(program.tested, testWithinMs, null);
    if (report === null || isStopping()) {
      const reason = isStopping()
        ? 'the agent stops'
        : await whyEnded(program, 'its self-test took too long');
      await endProgram(program, coreGraceMs);
      children.standby = null;
      return fault('standby', reason);
    }
    tell({ step: 'self-tested', report });
    // On record before it is given: whoever finds this agent dead sees to it that one of the two serves.
    children.standby = { ...standby, isOrdered: true, rebuilds: report.rebuilds };
    tell({ step: 'old core ending' });
    if (await inTime(program.takeOver(), hearWithinMs, false)) return await this.finish(tell);
    // The last moment in which nothing has happened to anybody.
    program.signal('SIGKILL');
    await program.ended;
    children.standby = null;
    return fault('standby', await whyEnded(program, 'it does not hear'));
  }

  /**
   * The standby has been told to take over. From here on there is no way but forward, or back by starting the old release again: in the end
   * there is a core, or one that is started again and again.
   */
  async finish(tell: Tell): Promise<Failed | null> {
    const { children, log, isStopping, takeOverWithinMs = defaultTakeOverWithinMs } = this.#options;
    const { standby, core: old } = children;
    if (standby === null) return fault('taken over', 'there is no standby');
    const { program, release, startedMs, rebuilds } = standby;
    const sinceMs = performance.now();
    if (old !== null) {
      // Who is to derive views anew takes longer than others may wait.
      await old.child.stop(rebuilds ? undefined : { signal: heirSignal, withinMs: coreLeaveMs });
      children.remove(old.child);
    }
    tell({ step: 'old core ended' });
    const serves = rebuilds ? await program.ready : await inTime(program.ready, takeOverWithinMs, false);
    if (serves && !isStopping()) {
      const next = children.add(coreOf(release));
      children.wanted = { ...children.wanted, core: release };
      next.adopt(program, startedMs);
      children.standby = null;
      tell({ step: 'taken over', awayMs: Math.round(performance.now() - sinceMs) });
      return null;
    }
    // Who stops the agent ends the standby, too.
    if (isStopping()) return { ...fault('taken over', 'the agent stops'), core: 'back' };
    const reason = await whyEnded(program, 'it did not serve in time');
    program.signal('SIGKILL');
    await program.ended;
    log.warn({ release, reason }, 'the new core does not serve: the old release is started again');
    const back = children.add(coreOf(children.wanted.core)).keep();
    children.standby = null;
    await back;
    return { ...fault('taken over', reason), core: 'back' };
  }

  async #page(release: string, tell: Tell): Promise<Failed | null> {
    const { children, isStopping } = this.#options;
    try {
      await access(join(release, 'page', 'index.html'));
    } catch {
      return fault('page shown', `there is no page in ${release}`);
    }
    const before = children.wanted.page;
    const shown = children.gateways.map(({ child, place }) => ({ child, page: place.page }));
    children.wanted = { ...children.wanted, page: release };
    for (const { child } of shown) children.setPage(child, release);
    const { data } = children.settings;
    const answers = await Promise.all(
      shown.map(({ child }) =>
        pageTaken({
          data,
          index: child.index,
          page: release,
          pid: () => child.running()?.identity.pid ?? null,
          withinMs: pageWithinMs,
          isStopping,
        }),
      ),
    );
    const reason = answers.find((answer) => answer !== null);
    if (reason === undefined) {
      tell({ step: 'page shown' });
      return null;
    }
    // No machine shows two pages.
    children.wanted = { ...children.wanted, page: before };
    for (const { child, page } of shown) children.setPage(child, page);
    return fault('page shown', reason);
  }

  /** New gateways beside the old ones. When one can't be had none is. */
  async #open(release: string): Promise<Failed | null> {
    const { children, isStopping } = this.#options;
    const opened: Child[] = [];
    for (let count = 0; count < children.settings.gateways; count++)
      opened.push(children.add({ role: 'gateway', index: children.freeIndex(), release, page: release }));
    const starts = await Promise.allSettled(opened.map((child) => child.start()));
    const failed = starts.find((start) => start.status === 'rejected');
    if (failed === undefined && !isStopping()) {
      children.wanted = { ...children.wanted, gateways: release, page: release };
      children.record();
      return null;
    }
    await Promise.all(opened.map((child) => child.stop()));
    for (const child of opened) children.remove(child);
    return fault('gateways open', isStopping() ? 'the agent stops' : reasonOf(failed?.reason));
  }
}

function fault(at: Failed['at'], reason: string): Failed {
  return { ok: false, at, reason, core: 'untouched' };
}

function reasonOf(error: unknown): string {
  if (error instanceof ChildEnded) return error.lastWords ?? error.message;
  return error instanceof Error ? error.message : String(error);
}

/** What it said, or how it ended; `otherwise` when it is still there. */
async function whyEnded(program: RunningProgram, otherwise: string): Promise<string> {
  const ending = await inTime(program.ended, 0, null);
  return program.lastWords() ?? (ending === null ? otherwise : `it ended (${describeEnding(ending)})`);
}
