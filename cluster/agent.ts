// The agent of a machine: its children, a core or none and gateways, started, kept running, adopted, changed and stopped. It carries no user
// traffic.
import { join } from 'node:path';
import { endLeftovers, type Left, lookForLeft, untilServing } from './agent-adoption.ts';
import { AgentChange, type ChangeOrder, type ChangeOutcome, type ChangeStep } from './agent-change.ts';
import { type Child, ChildEnded } from './agent-child.ts';
import { AgentChildren, type AgentLog, type AgentSettings, coreOf } from './agent-children.ts';
import { probePort } from './agent-port.ts';
import { adoptProgram } from './agent-program.ts';
import type { ChildRole } from './agent-record.ts';
import { CommandFault } from './command-fault.ts';
import { linkFileName } from './link-file.ts';

export type { AgentLog, AgentSettings } from './agent-children.ts';

export interface Agent {
  /** Resolves when all serve. Throws a `CommandFault` (all stopped again) when one cannot. */
  start(): Promise<StartedAgent>;
  /**
   * Brings what runs to another release, or back to one. One change after the other; only the drain of gateways goes on beside the next one.
   * Never rejects for what the release does. After `start` has resolved.
   */
  change(order: ChangeOrder, told?: (step: ChangeStep) => void): Promise<ChangeOutcome>;
  /** What runs now: the core, gateways by their index, those that drain among them, and last who stands by. */
  readonly running: readonly RunningChild[];
  /** Gateways first, so that nothing new is accepted; then the core. Resolves with the children that had to be killed. */
  stop(): Promise<string[]>;
  /** Kills all children at once. */
  kill(): void;
}

export interface RunningChild {
  role: ChildRole;
  index: number;
  /** Null: it has ended, and is about to be started again. */
  pid: number | null;
  /** The folder of the release whose program it is. */
  release: string;
  /** Of a gateway: the folder of the release whose page it shows. */
  page: string;
  /** Where its process may read as long as it runs. */
  startedFrom: string;
  state: 'serving' | 'draining' | 'standby';
}

export interface StartedAgent {
  url: string;
  port: number;
  /** Children taken over from an agent that died. */
  adopted: number;
  /** Null: there is none. */
  core: number | null;
  gateways: number[];
}

/** The caller holds the data folder's lock and has opened the folder. */
export function createAgent(settings: AgentSettings, log: AgentLog): Agent {
  const children = new AgentChildren(settings, log);
  let stopped: Promise<string[]> | null = null;
  const changing = new AgentChange({ children, log, isStopping: () => stopped !== null });
  /** The change that is under way, up to its drain. */
  let before: Promise<unknown> = Promise.resolve();

  async function startChildren(): Promise<StartedAgent> {
    const left = await lookForLeft(children);
    const { adopted, standby } = left;
    if (left.wanted !== null) children.wanted = left.wanted;
    await endLeftovers(left.leftovers, ({ role, pid }) =>
      log.info({ role, pid }, `the ${role} of an agent that died has other settings and is ended`),
    );
    const hasGateway = adopted.some(({ place }) => place.role === 'gateway');
    const { host } = settings.gateway;
    if (settings.gateways > 0 && !hasGateway) children.port = await probePort({ host, port: children.port });
    if (stopped !== null) throw new CommandFault('The server was stopped before it had started.');

    // Adopted ones are on record before anything else can go wrong.
    for (const each of adopted) adopt(each);
    if (standby !== null) await finishChange(standby);
    const starting: Child[] = [];
    const { wanted } = children;
    if (settings.core !== null && children.core === null) {
      const core = children.add(coreOf(wanted.core));
      await core.start();
    }
    while (children.gateways.length < settings.gateways)
      starting.push(
        children.add({
          role: 'gateway',
          index: children.freeIndex(),
          release: wanted.gateways,
          page: wanted.page,
        }),
      );
    let serving = settings.gateways - starting.length;
    await Promise.all(
      starting.map(async (child) => {
        await child.start();
        settings.opened?.(++serving, settings.gateways);
      }),
    );
    const { core, gateways } = children;
    return {
      url: children.url,
      port: children.port,
      adopted: adopted.length + (standby === null ? 0 : 1),
      core: core?.child.running()?.identity.pid ?? null,
      gateways: gateways.map(({ child }) => child.running()?.identity.pid ?? 0),
    };
  }

  function adopt({ place, recorded }: Left['adopted'][number]): void {
    const { role, index } = place;
    const { pid, startTime, startedMs, drainUntilMs } = recorded;
    const child = children.add(place);
    children.startedFrom(child, recorded.startedFrom ?? place.release);
    child.adopt(adoptProgram({ pid, startTime }), startedMs);
    log.info({ role, index, pid }, `the ${role} of an agent that died goes on`);
    if (drainUntilMs !== undefined) void children.drain(child, drainUntilMs);
  }

  /** An agent has died between its order to a new core and its end: one of the two is to serve. */
  async function finishChange(standby: NonNullable<Left['standby']>): Promise<void> {
    const { pid, startTime, release, startedMs, isOrdered, rebuilds } = standby;
    const identity = { pid, startTime };
    const serving = untilServing(join(settings.data, linkFileName), identity);
    const program = adoptProgram(identity, serving);
    children.standby = { program, identity, release, startedMs, isOrdered, rebuilds };
    log.info({ pid, release }, 'a core was about to take over when its agent died: it goes on');
    const failed = await changing.finish(() => {});
    if (failed !== null) log.warn({ release, reason: failed.reason }, 'it does not serve');
  }

  async function change(order: ChangeOrder, told: (step: ChangeStep) => void): Promise<ChangeOutcome> {
    const turn = before;
    let opened: () => void = () => {};
    before = new Promise<void>((resolve) => {
      opened = resolve;
    });
    try {
      await turn;
      if (stopped !== null) return { ok: false, at: 'standby', reason: 'the agent stops', core: 'untouched' };
      return await changing.run(order, told, opened);
    } finally {
      opened();
    }
  }

  function stop(): Promise<string[]> {
    stopped ??= children.stop();
    return stopped;
  }

  return {
    async start() {
      try {
        return await startChildren();
      } catch (error) {
        if (children.seats.length > 0) await stop();
        throw error instanceof ChildEnded ? startFault(error) : error;
      }
    },
    change: (order, told = () => {}) => change(order, told),
    get running() {
      return runningOf(children);
    },
    stop,
    kill() {
      children.kill();
    },
  };
}

function runningOf({ seats, standby }: AgentChildren): RunningChild[] {
  const running: RunningChild[] = seats.map(({ child, place, draining, startedFrom }) => ({
    ...place,
    startedFrom,
    pid: child.running()?.identity.pid ?? null,
    state: draining === null ? 'serving' : 'draining',
  }));
  const rank = ({ role, index }: RunningChild): number => (role === 'core' ? -1 : index);
  running.sort((one, other) => rank(one) - rank(other));
  if (standby !== null)
    running.push({
      ...coreOf(standby.release),
      startedFrom: standby.release,
      pid: standby.identity.pid,
      state: 'standby',
    });
  return running;
}

/** The program itself has said on standard error what is wrong when it exits with code 1. */
function startFault(ended: ChildEnded): CommandFault {
  const message = ended.ending.code === 1 ? '' : `The server does not start: ${ended.message}.`;
  return new CommandFault(message, { cause: ended });
}
