// All children of a machine's agent, and the core that stands by: made, found, and written down in DATA/agent.json whenever one is another.
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { type Child, type ChildLog, superviseChild } from './agent-child.ts';
import { countCrashes } from './agent-crashes.ts';
import { ownIdentity, type ProcessIdentity } from './agent-process.ts';
import { endProgram, type RunningProgram, startProgram } from './agent-program.ts';
import {
  type ChildRole,
  type RecordedChild,
  type RecordedStandby,
  removeAgentRecord,
  type WantedReleases,
  writeAgentRecord,
} from './agent-record.ts';
import { startTurns } from './agent-turns.ts';
import type { CoreSettings, GatewaySettings } from './settings.ts';

export interface AgentSettings {
  /** What the agent runs for: `start`, or the command that needs a core for a while. */
  command: string;
  data: string;
  /** What is started where nothing runs yet. */
  release: string;
  /**
   * Children that an agent before this one has left, of other releases than `release`. `adopted`: they go on as they are. `ended`, the default:
   * so they do if that agent was given the same release (then a change has led there), and are replaced if not (the checkout is another).
   */
  otherReleases?: 'ended' | 'adopted';
  /** Null: this machine runs gateways only, for the cores of others. */
  core: CoreSettings | null;
  /** One that all gateways get, each with its index. `port: 0` means any that is free. */
  gateway: Omit<GatewaySettings, 'index' | 'page'>;
  /** 0: a core alone. */
  gateways: number;
  /** Where this machine's core takes links of others: remembered, so that a later agent finds the core there. */
  clusterPort: number | null;
  /** A child has ended, and nobody told it to. It is started again whatever this does, unless it is replaced. */
  crashed?: (role: ChildRole, timesInLastMinute: number) => void;
  /** While it starts: so many of the gateways serve. */
  opened?: (gateways: number, of: number) => void;
}

export interface AgentLog extends ChildLog {
  error(bindings: object, message: string): void;
}

/** Which child it is, and of which releases. */
export interface Place {
  role: ChildRole;
  index: number;
  release: string;
  /** Of a gateway: whose page it shows. */
  page: string;
}

/** The one core of a machine. */
export function coreOf(release: string): Place {
  return { role: 'core', index: 0, release, page: release };
}

export interface Standby {
  program: RunningProgram;
  identity: ProcessIdentity;
  release: string;
  startedMs: number;
  isOrdered: boolean;
  rebuilds: boolean;
}

/** A gateway that is being drained: not started again. */
export interface Draining {
  untilMs: number;
}

interface Seated {
  child: Child;
  place: Place;
  /** The release folder that its process was started from: it may read there as long as it runs. */
  startedFrom: string;
  draining: Draining | null;
}

/** Clean stops take less; what takes longer hangs. */
export const gatewayGraceMs = 10_000;
export const coreGraceMs = 15_000;
/** And of one that waits for its turn and gives what it serves to others, before another takes its place: more than replica-leaving.ts grants it. */
export const coreLeaveMs = 240_000;
/** A gateway's start takes one processor most of a second: more at once only take longer. */
const startsAtOnce = 2 * availableParallelism();

export class AgentChildren {
  readonly settings: AgentSettings;
  /** What is started again from now on when it ends, and what new ones are made of. */
  wanted: WantedReleases;
  port: number;
  readonly #log: AgentLog;
  readonly #startedMs = Date.now();
  readonly #crashes = countCrashes();
  readonly #turns = startTurns(startsAtOnce);
  #seats: Seated[] = [];
  #standby: Standby | null = null;
  #isClosed = false;

  constructor(settings: AgentSettings, log: AgentLog) {
    const { release, gateway } = settings;
    this.settings = settings;
    this.wanted = { core: release, gateways: release, page: release };
    this.port = gateway.port;
    this.#log = log;
  }

  get seats(): readonly Readonly<Seated>[] {
    return this.#seats;
  }

  get core(): Readonly<Seated> | null {
    return this.#seats.find(({ child }) => child.role === 'core') ?? null;
  }

  /** Those that are not being drained. */
  get gateways(): readonly Readonly<Seated>[] {
    return this.#seats.filter(({ child, draining }) => child.role === 'gateway' && draining === null);
  }

  get standby(): Standby | null {
    return this.#standby;
  }

  set standby(standby: Standby | null) {
    this.#standby = standby;
    this.record();
  }

  get url(): string {
    return urlOf({ ...this.settings.gateway, port: this.port });
  }

  /** A child that is not started yet. */
  add(place: Place): Child {
    const { release } = place;
    const seat: Seated = {
      child: this.#supervise(place),
      place: { ...place },
      startedFrom: release,
      draining: null,
    };
    this.#seats.push(seat);
    return seat.child;
  }

  /** It has ended, and is nobody's any more. */
  remove(child: Child): void {
    this.#seats = this.#seats.filter((seat) => seat.child !== child);
    this.record();
  }

  /** Of a child that is about to be adopted. */
  startedFrom(child: Child, folder: string): void {
    const seat = this.#seats.find((each) => each.child === child);
    if (seat !== undefined) seat.startedFrom = folder;
  }

  /** Its process goes on: it does what this release's would do by now. When it ends, it is started from there. */
  move(child: Child, release: string): void {
    const seat = this.#seats.find((each) => each.child === child);
    if (seat === undefined) return;
    seat.place.release = release;
    seat.place.page = release;
    this.record();
  }

  /** From now on a gateway shows this release's page: it reads that in the record, when it is told to look. */
  setPage(child: Child, page: string): void {
    const seat = this.#seats.find((each) => each.child === child);
    if (seat === undefined) return;
    seat.place.page = page;
    this.record();
    child.signal('SIGHUP');
  }

  /** The gateway ends by itself until then. Resolves when it has, or had to be ended. */
  async drain(child: Child, untilMs: number): Promise<void> {
    const seat = this.#seats.find((each) => each.child === child);
    if (seat === undefined) return;
    seat.draining = { untilMs };
    const ended = child.letGo();
    this.record();
    child.signal('SIGHUP');
    const timer = setTimeout(() => void child.stop(), Math.max(0, untilMs - Date.now()) + gatewayGraceMs);
    await ended;
    clearTimeout(timer);
    this.remove(child);
  }

  /** The lowest index that no gateway has, drained ones included. */
  freeIndex(): number {
    const used = new Set(
      this.#seats.filter(({ child }) => child.role === 'gateway').map(({ place }) => place.index),
    );
    let index = 0;
    while (used.has(index)) index++;
    return index;
  }

  settingsOf(place: Place): CoreSettings | GatewaySettings {
    const { core, gateway } = this.settings;
    const { role, index, release, page } = place;
    if (role === 'gateway') {
      const shown = page === release ? {} : { page };
      return { ...gateway, release, port: this.port, index, ...shown };
    }
    if (core === null) throw new Error('there are no settings for a core');
    return { ...core, release };
  }

  fingerprintOf(place: Place): string {
    // The page changes while it runs.
    const { role, release } = place;
    return fingerprint(role, this.settingsOf({ ...place, page: release }));
  }

  record(): void {
    if (this.#isClosed) return;
    const { data, command, release, clusterPort, core, gateway } = this.settings;
    const children: RecordedChild[] = [];
    for (const { child, place, draining, startedFrom } of this.#seats) {
      const now = child.running();
      if (now === null) continue;
      const { role, index, release: of, page } = place;
      children.push({
        role,
        index,
        fingerprint: this.fingerprintOf(place),
        ...now.identity,
        startedMs: now.startedMs,
        release: of,
        ...(startedFrom === of ? {} : { startedFrom }),
        ...(role === 'gateway' ? { page } : {}),
        ...(draining === null ? {} : { drainUntilMs: draining.untilMs }),
      });
    }
    const standby = this.#recordedStandby();
    try {
      writeAgentRecord(data, {
        ...ownIdentity(),
        command,
        startedMs: this.#startedMs,
        host: gateway.host,
        port: this.port,
        url: this.url,
        release: core === null ? this.wanted.gateways : this.wanted.core,
        startedWith: release,
        wanted: this.wanted,
        ...(standby === null ? {} : { standby }),
        clusterPort,
        children,
      });
    } catch (fault) {
      // A full disk must not stop the server; only a later agent will not find these children.
      this.#log.error({ err: fault }, 'agent.json cannot be written');
    }
  }

  /** Gateways first, so that nothing new is accepted; then the core. Resolves with those that had to be killed. */
  async stop(): Promise<string[]> {
    const killed: string[] = [];
    const end = async ({ child }: Readonly<Seated>): Promise<void> => {
      const pid = child.running()?.identity.pid;
      if (!(await child.stop())) killed.push(`${child.role} ${pid}`);
    };
    const of = (role: ChildRole) => this.#seats.filter(({ child }) => child.role === role);
    await Promise.all(of('gateway').map(end));
    // Who stands by may have been told to serve: then it is a core.
    const standby = this.#standby;
    const standbyEnds = standby === null ? null : endProgram(standby.program, coreGraceMs);
    await Promise.all([...of('core').map(end), standbyEnds]);
    this.#isClosed = true;
    // Without children of its own it has recorded nothing: what is there was left by another agent.
    if (this.#seats.length > 0 || standby !== null) removeAgentRecord(this.settings.data);
    return killed;
  }

  kill(): void {
    for (const { child } of this.#seats) child.kill();
    this.#standby?.program.signal('SIGKILL');
  }

  #recordedStandby(): RecordedStandby | null {
    if (this.#standby === null) return null;
    const { identity, release, startedMs, isOrdered, rebuilds } = this.#standby;
    const fingerprint = this.fingerprintOf(coreOf(release));
    return { ...identity, release, startedMs, fingerprint, isOrdered, rebuilds };
  }

  #supervise(place: Place): Child {
    const { role, index } = place;
    const child = superviseChild({
      role,
      index,
      graceMs: role === 'core' ? coreGraceMs : gatewayGraceMs,
      turn: role === 'core' ? null : () => this.#turns.take(),
      launch: () => {
        // Its page may be another by now.
        const seat = this.#seats.find((each) => each.child === child);
        const now = seat?.place ?? place;
        if (seat !== undefined) seat.startedFrom = now.release;
        return startProgram({ role, release: now.release, settings: this.settingsOf(now) });
      },
      log: this.#log,
      changed: () => this.record(),
      crashed: () => this.settings.crashed?.(role, this.#crashes.count(role, performance.now())),
    });
    return child;
  }
}

function fingerprint(role: ChildRole, settings: object): string {
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
