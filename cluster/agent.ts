// The children of a machine's agent: a core, or none, and gateways, started, kept running, adopted and stopped. It carries no user traffic.
import { createHash } from 'node:crypto';
import { type Child, ChildEnded, type ChildLog, superviseChild } from './agent-child.ts';
import { probePort } from './agent-port.ts';
import { isAlive, ownIdentity } from './agent-process.ts';
import { adoptProgram, endProgram, startProgram } from './agent-program.ts';
import {
  type ChildRole,
  type RecordedChild,
  readAgentRecord,
  removeAgentRecord,
  writeAgentRecord,
} from './agent-record.ts';
import { CommandFault } from './command-fault.ts';
import type { CoreSettings, GatewaySettings } from './settings.ts';

export interface AgentSettings {
  /** What the agent runs for: `start`, or the command that needs a core for a while. */
  command: string;
  data: string;
  release: string;
  /** Null: this machine runs gateways only, for the cores of others. */
  core: CoreSettings | null;
  /** One that all gateways get, each with its index. `port: 0` means any that is free. */
  gateway: Omit<GatewaySettings, 'index'>;
  /** 0: a core alone. */
  gateways: number;
  /** Where this machine's core takes links of others: remembered, so that a later agent finds the core there. */
  clusterPort: number | null;
}

export interface AgentLog extends ChildLog {
  error(bindings: object, message: string): void;
}

export interface Agent {
  /** Resolves when all serve. Throws a `CommandFault` (all stopped again) when one cannot. */
  start(): Promise<StartedAgent>;
  /** Gateways first, so that nothing new is accepted; then the core. Resolves with the children that had to be killed. */
  stop(): Promise<string[]>;
  /** Kills all children at once. */
  kill(): void;
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

/** Clean stops take less; what takes longer hangs. */
const gatewayGraceMs = 10_000;
const coreGraceMs = 15_000;

/** The caller holds the data folder's lock and has opened the folder. */
export function createAgent(settings: AgentSettings, log: AgentLog): Agent {
  const { core, gateway, data, release, clusterPort } = settings;
  const startedMs = Date.now();
  const children: Child[] = [];
  let port = gateway.port;
  let stopped: Promise<string[]> | null = null;

  function record(): void {
    const running: RecordedChild[] = [];
    for (const child of children) {
      const now = child.running();
      if (now === null) continue;
      const { role, index } = child;
      const fingerprint = fingerprintOf(role, settingsOf(child));
      running.push({ role, index, fingerprint, ...now.identity, startedMs: now.startedMs });
    }
    const { command } = settings;
    const url = urlOf({ ...gateway, port });
    const { host } = gateway;
    try {
      const record = {
        ...ownIdentity(),
        command,
        startedMs,
        host,
        port,
        url,
        release,
        clusterPort,
        children: running,
      };
      writeAgentRecord(data, record);
    } catch (fault) {
      // A full disk must not stop the server; only a later agent will not find these children.
      log.error({ err: fault }, 'agent.json cannot be written');
    }
  }

  function settingsOf({ role, index }: { role: ChildRole; index: number }): CoreSettings | GatewaySettings {
    if (role === 'gateway') return { ...gateway, port, index };
    if (core === null) throw new Error('there are no settings for a core');
    return core;
  }

  function addChild(role: ChildRole, index: number): Child {
    const child = superviseChild({
      role,
      index,
      graceMs: role === 'core' ? coreGraceMs : gatewayGraceMs,
      launch: () => startProgram({ role, release, settings: settingsOf({ role, index }) }),
      log,
      changed: record,
    });
    children.push(child);
    return child;
  }

  async function startChildren(): Promise<StartedAgent> {
    const before = readAgentRecord(data);
    const left = (before?.children ?? []).filter(isAlive);
    const keptGateways = left.some(({ role }) => role === 'gateway') && before !== null;
    if (port === 0 && keptGateways) port = before.port;
    const wanted: Pick<RecordedChild, 'role' | 'index'>[] = core === null ? [] : [{ role: 'core', index: 0 }];
    for (let index = 0; index < settings.gateways; index++) wanted.push({ role: 'gateway', index });

    const adopted = new Map<string, RecordedChild>();
    for (const one of wanted) {
      const same = left.find(
        (child) =>
          child.role === one.role &&
          child.index === one.index &&
          child.fingerprint === fingerprintOf(one.role, settingsOf(one)),
      );
      if (same !== undefined) adopted.set(`${one.role} ${one.index}`, same);
    }
    await endLeftovers(
      left.filter((child) => ![...adopted.values()].includes(child)),
      log,
    );
    const gatewaysAdopted = [...adopted.values()].some(({ role }) => role === 'gateway');
    if (settings.gateways > 0 && !gatewaysAdopted) port = await probePort({ host: gateway.host, port });
    if (stopped !== null) throw new CommandFault('The server was stopped before it had started.');

    const starting = wanted.map(({ role, index }) => ({ child: addChild(role, index), role, index }));
    // Adopted ones are on record before anything else can go wrong.
    for (const { child, role, index } of starting) {
      const same = adopted.get(`${role} ${index}`);
      if (same === undefined) continue;
      child.adopt(adoptProgram({ pid: same.pid, startTime: same.startTime }), same.startedMs);
      log.info({ role, index, pid: same.pid }, `the ${role} of an agent that died goes on`);
    }
    const isNew = (child: Child) => child.running() === null;
    for (const { child, role } of starting) if (role === 'core' && isNew(child)) await child.start();
    const gateways = starting.filter(({ role }) => role === 'gateway');
    await Promise.all(gateways.map(({ child }) => (isNew(child) ? child.start() : null)));
    const pids = (role: ChildRole) =>
      children.filter((child) => child.role === role).map((child) => child.running()?.identity.pid ?? 0);
    return {
      url: urlOf({ ...gateway, port }),
      port,
      adopted: adopted.size,
      core: pids('core')[0] ?? null,
      gateways: pids('gateway'),
    };
  }

  function stop(): Promise<string[]> {
    stopped ??= (async () => {
      const killed: string[] = [];
      for (const role of ['gateway', 'core'] as const) {
        const group = children.filter((child) => child.role === role);
        await Promise.all(
          group.map(async (child) => {
            const pid = child.running()?.identity.pid;
            if (!(await child.stop())) killed.push(`${role} ${pid}`);
          }),
        );
      }
      // Without children of its own it has recorded nothing: what is there was left by another agent.
      if (children.length > 0) removeAgentRecord(data);
      return killed;
    })();
    return stopped;
  }

  return {
    async start() {
      try {
        return await startChildren();
      } catch (error) {
        if (children.length > 0) await stop();
        throw error instanceof ChildEnded ? startFault(error) : error;
      }
    },
    stop,
    kill() {
      for (const child of children) child.kill();
    },
  };
}

/** The program itself has said on standard error what is wrong when it exits with code 1. */
function startFault(ended: ChildEnded): CommandFault {
  const message = ended.ending.code === 1 ? '' : `The server does not start: ${ended.message}.`;
  return new CommandFault(message, { cause: ended });
}

async function endLeftovers(left: RecordedChild[], log: AgentLog): Promise<void> {
  for (const role of ['gateway', 'core'] as const) {
    const group = left.filter((child) => child.role === role);
    await Promise.all(
      group.map((child) => {
        log.info(
          { role, pid: child.pid },
          `the ${role} of an agent that died has other settings and is ended`,
        );
        return endProgram(adoptProgram(child), role === 'core' ? coreGraceMs : gatewayGraceMs);
      }),
    );
  }
}

function fingerprintOf(role: ChildRole, settings: object): string {
  return createHash('sha256')
    .update(`${role} ${JSON.stringify(settings)}`)
    .digest('hex')
    .slice(0, 16);
}

/** Where people find it. */
export function urlOf({
  host,
  port,
  publicUrl,
}: Pick<GatewaySettings, 'host' | 'port' | 'publicUrl'>): string {
  if (publicUrl !== null) return publicUrl;
  const everywhere = ['0.0.0.0', '::', '127.0.0.1', '::1'].includes(host);
  const name = everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
