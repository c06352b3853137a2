// A core to talk to, for commands: that of the running server, or one of the command's own for as long as it needs it. All cores of the
// cluster at once are command-cores.ts's.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Agent, createAgent } from './agent.ts';
import { settleCluster } from './agent-cluster-settling.ts';
import { lockDataFolder } from './agent-lock.ts';
import { isAlive } from './agent-process.ts';
import { readAgentRecord } from './agent-record.ts';
import { CommandFault, Unanswered } from './command-fault.ts';
import { agentLog, releaseOf } from './command-start.ts';
import type { CoreClient } from './core-client.ts';
import { inTime } from './in-time.ts';
import { connectCore } from './link-client.ts';
import { linkFileName } from './link-file.ts';
import { noWireLog } from './wire-meter.ts';

export interface CoreWanted {
  /** A folder that is there. */
  data: string;
  /** The command's name: shown to others who want the data folder meanwhile. */
  command: string;
  /** The release of a core of its own; undefined: build this checkout. */
  release: string | undefined;
}

/** Is there a core, or an agent that will start one? */
export function isServed(data: string): boolean {
  const record = readAgentRecord(data);
  if (record === null) return false;
  return (record.command === 'start' && isAlive(record)) || record.children.some(isAlive);
}

/** This machine's core. Throws a `CommandFault` when the running server does not answer, or no core can be started. */
export async function withCore<T>(wanted: CoreWanted, work: (core: CoreClient) => Promise<T>): Promise<T> {
  return await withServer(wanted, () => withRunningCore(wanted, work));
}

/** Like `withCore`, but never with a core of the command's own. */
export async function withRunningCore<T>(
  { data, command }: CoreWanted,
  work: (core: CoreClient) => Promise<T>,
): Promise<T> {
  return await connected(
    data,
    ({ up, failed }) =>
      connectCore({
        linkFile: join(data, linkFileName),
        name: command,
        role: 'operator',
        callTimeoutMs,
        log: noWireLog,
        events: {
          tick() {},
          changed() {},
          up,
          down: failed,
          metrics: async () => [],
        },
      }),
    work,
  );
}

/** Sees to it that a core runs on this folder while `work` does. Throws a `CommandFault` when none can be started. */
export async function withServer<T>(wanted: CoreWanted, work: () => Promise<T>): Promise<T> {
  return isServed(wanted.data) ? await work() : await withOwnCore(wanted, work);
}

async function withOwnCore<T>(wanted: CoreWanted, work: () => Promise<T>): Promise<T> {
  const { data, command } = wanted;
  const lock = await lockDataFolder(data);
  const release = await releaseOf(wanted.release, () => {});
  const { roles } = await settleCluster({
    data,
    name: hostname(),
    machine: hostname(),
    join: null,
    roles: null,
    weight: null,
    nowMs: Date.now(),
  });
  if (!roles.includes('core')) {
    throw new CommandFault(`${data} belongs to a machine without a core: run this on one that has one.`);
  }
  const shared = {
    data,
    release,
    logLevel: 'warn',
    rateLimit: { requests: 0, windowS: 300 },
  } as const;
  const agent = createAgent(
    {
      command,
      data,
      release,
      core: {
        ...shared,
        mode: 'serve',
        name: hostname(),
        signUpsAnHour: 0,
        idleActorS: 60,
        minFreePercent: 5,
        cluster: { host: '127.0.0.1', port: 0, advertise: null },
      },
      gateway: { ...shared, host: '127.0.0.1', port: 0, publicUrl: null, trustedProxy: false },
      gateways: 0,
      clusterPort: null,
    },
    agentLog('warn'),
  );
  const letGo = stopOnSignal(agent);
  try {
    await agent.start();
    return await work();
  } finally {
    letGo();
    await agent.stop();
    lock.release();
  }
}

/** Ctrl-C ends the core cleanly, too: it is not in the terminal's process group. */
function stopOnSignal(agent: Agent): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    console.error(`Stopping (${signal}) ...`);
    void agent.stop().then(() => process.exit(1));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

const answerWithinMs = 15_000;
/** A large store is copied at the speed of the disk; a core that has died is noticed by the link, not by this. */
const callTimeoutMs = 3_600_000;

/** What becomes of an attempt to reach a core. */
export interface Attempt {
  up(): void;
  /** Why it did not work; it is tried again. */
  failed(reason: string): void;
}

/** Closes what was connected when `work` is done. Throws a `CommandFault` when nobody answers in time. */
export async function connected<T>(
  data: string,
  connect: (attempt: Attempt) => CoreClient,
  work: (core: CoreClient) => Promise<T>,
): Promise<T> {
  let up: () => void = () => {};
  const isUp = new Promise<true>((resolve) => {
    up = () => resolve(true);
  });
  let reason = 'no answer';
  const core = connect({
    up: () => up(),
    failed(why) {
      reason = why;
    },
  });
  try {
    if (!(await inTime(isUp, answerWithinMs, false))) {
      throw new Unanswered(
        `The server on ${data} does not answer (${reason}): look at its log, or start it again.`,
      );
    }
    return await work(core);
  } finally {
    await core.close();
  }
}
