// Deploys on one machine: follows the pointer step by step, says how far it is, and goes back when what it took in does badly.
import type { Outcome } from '../runtime/behaviours.ts';
import { boundsOfWave, type CoreHealth, Probation } from './agent-deploy-probation.ts';
import type { DeployedRelease, DeployState } from './agent-deploy-state.ts';
import type { LinkClock } from './link-clock.ts';
import type { AgentEntry, ReleaseStage } from './mesh-messages.ts';
import type { ReleaseHeld, ReleaseKnown } from './mesh-release.ts';
import type { RolloutSaid } from './release-rollout.ts';
import type { WireLog } from './wire-meter.ts';

/** A release in the store of this machine, or the one that the checkout gave. */
export interface DeployRelease extends DeployedRelease {
  folder: string;
}

export interface FetchProgress {
  totalBytes: number;
  haveBytes: number;
  movedBytes: number;
  /** Peers refused for good, after a wrong piece or message. */
  banned: number;
}

export interface ChangeTerms {
  /** It may be one from which there is no way back. */
  isOneWay: boolean;
}

/** What this machine does with releases, each part in a module of its own. Reasons are for people. */
export interface DeployParts {
  /** Of releases that are here already, too. Whole and verified when it resolves; aborted, it rejects with anything. */
  fetch(
    known: ReleaseKnown,
    told: (progress: FetchProgress) => void,
    signal: AbortSignal,
  ): Promise<Outcome<DeployRelease>>;
  /** Whether this machine can run it in the place of what runs now. */
  fits(next: DeployRelease, known: ReleaseKnown): Promise<Outcome<void>>;
  /** Changes over, tried first. Not ok: all is as it was. `told`: what is being done. */
  change(next: DeployRelease, terms: ChangeTerms, told: (doing: string) => void): Promise<Outcome<void>>;
  /** What the programs of this machine run now. */
  running(): DeployRelease;
  /** What they run when nothing is deployed. */
  base(): DeployRelease;
  /** The release in the store with this id; null: it is not there. */
  stored(release: DeployedRelease): DeployRelease | null;
  keepState(state: DeployState): Promise<void>;
  /** Says of this machine's core how it does; null: it has none, or it says nothing. */
  health(): CoreHealth | null;
  /** How far the deploy with this seq is let go; null: nobody says. */
  rollout(known: ReleaseKnown): { said: RolloutSaid; isTurn: boolean } | null;
  say(entry: Omit<AgentEntry, 'swarm'>): void;
}

export interface DeployerOptions {
  held: Pick<ReleaseHeld, 'current' | 'onChanged'>;
  state: DeployState;
  parts: DeployParts;
  clock: LinkClock;
  wallMs(): number;
  log: WireLog;
}

const tickMs = 500;
/** After a fault that may pass: a full disk, nobody who has it. */
const againMs = 5000;
/** A release that took the machine down twice before it was permanent is not tried a third time. */
const attemptsMost = 2;
/** Whatever was asked for, a release is watched for so long before it is permanent: its core says how it does every second. */
const holdLeastMs = 2000;

export class Deployer {
  readonly #options: DeployerOptions;
  readonly #stopTicking: () => void;
  readonly #waiting = new Set<() => void>();
  #state: DeployState;
  #said: Omit<AgentEntry, 'swarm'>;
  #following: { known: ReleaseKnown; abort: AbortController } | null = null;
  #tail: Promise<void> = Promise.resolve();
  #crash: ((role: string, timesInMinute: number) => void) | null = null;
  #isClosed = false;

  constructor(options: DeployerOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#said = this.#saying(0, 'heard', '');
    this.#say(this.#said);
    options.held.onChanged((known) => this.#heard(known));
    this.#stopTicking = options.clock.every(tickMs, () => this.#tick());
    if (options.held.current !== null) this.#heard(options.held.current);
  }

  /** A program of this machine ended by itself: so often within the last minute. */
  crashed(role: string, timesInMinute: number): void {
    this.#crash?.(role, timesInMinute);
  }

  /** What is under way is finished or given up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTicking();
    this.#following?.abort.abort();
    this.#tick();
    await this.#tail;
  }

  #heard(known: ReleaseKnown): void {
    if (this.#isClosed) return;
    const { signed } = known;
    // The same pointer again, with its info dictionary now: whoever fetches looks for that itself.
    if (this.#following?.known.signed.seq === signed.seq) {
      this.#following.known.info ??= known.info;
      return;
    }
    this.#following?.abort.abort();
    const abort = new AbortController();
    this.#following = { known: { ...known }, abort };
    const following = this.#following;
    this.#tick();
    // One at a time: a change over is never left half-way.
    this.#tail = this.#tail.then(() => this.#follow(following.known, abort.signal));
  }

  async #follow(known: ReleaseKnown, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const { seq } = known.signed;
    while (!signal.aborted) {
      try {
        await this.#steps(known, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.error({ seq, err: error }, 'a deploy does not go on; it is tried again');
        this.#stage(seq, this.#said.stage, `tried again: ${messageOf(error)}`);
        await this.#wait(againMs, signal);
      }
    }
  }

  async #steps(known: ReleaseKnown, signal: AbortSignal): Promise<void> {
    const { parts } = this.#options;
    const { seq } = known.signed;
    const id = Buffer.from(known.pointer.manifestHash).toString('hex');
    const { ended, trial } = this.#state;
    if (ended?.seq === seq) return this.#stage(seq, ended.stage, ended.note);
    const isOnTrial = trial?.seq === seq && parts.running().id === id;
    // An agent that died in between: what it had begun is gone on with.
    if (isOnTrial) return await this.#prove(known, { ...trial, folder: parts.running().folder }, signal);
    if (trial !== null && trial.seq === seq && trial.attempts >= attemptsMost)
      return await this.#end(seq, 'refused', 'the machine went down twice before it was permanent');
    this.#stage(seq, 'heard', '');
    const fetched = await parts.fetch(known, (progress) => this.#fetching(seq, progress), signal);
    if (signal.aborted) return;
    if (!fetched.ok) return await this.#end(seq, 'refused', fetched.rejection.message);
    const release = fetched.value;
    const fits = await parts.fits(release, known);
    if (!fits.ok) return await this.#end(seq, 'refused', fits.rejection.message);
    this.#stage(seq, 'verified', '');
    if (!(await this.#turn(known, signal))) return;
    if (parts.running().id === release.id) return await this.#settle(seq, release);
    await this.#try(known, release, signal);
  }

  /** Waits for this machine's turn. False: another pointer has come. */
  async #turn(known: ReleaseKnown, signal: AbortSignal): Promise<boolean> {
    const { parts } = this.#options;
    const { seq } = known.signed;
    while (!signal.aborted) {
      const rollout = parts.rollout(known);
      if (rollout?.isTurn === true) return true;
      const stopped = rollout?.said.stopped ?? '';
      const note = stopped === '' ? 'waits for its wave' : `the deploy was stopped: ${stopped}`;
      if (this.#said.note !== note) this.#stage(seq, 'verified', note);
      await this.#wait(tickMs, signal);
    }
    return false;
  }

  async #try(known: ReleaseKnown, release: DeployRelease, signal: AbortSignal): Promise<void> {
    const { parts } = this.#options;
    const { seq } = known.signed;
    const attempts = this.#state.trial?.seq === seq ? this.#state.trial.attempts + 1 : 1;
    const { id, version } = release;
    await this.#keep({ trial: { seq, id, version, attempts } });
    this.#stage(seq, 'changing', 'self-test');
    const { isOneWay } = known.pointer;
    const changed = await parts.change(release, { isOneWay }, (doing) => this.#stage(seq, 'changing', doing));
    if (!changed.ok) return await this.#end(seq, 'refused', changed.rejection.message);
    await this.#prove(known, release, signal);
  }

  /** It runs, and has to do well for a while. Goes back when it does not. */
  async #prove(known: ReleaseKnown, release: DeployRelease, signal: AbortSignal): Promise<void> {
    const { parts, clock } = this.#options;
    const { seq } = known.signed;
    this.#stage(seq, 'probation', '');
    const probation = new Probation(boundsOfWave(parts.rollout(known)?.said.wave ?? 1));
    let trouble = probation.look(parts.health(), clock.nowMs());
    this.#crash = (role, times) => {
      trouble ??= probation.ended(role, times);
    };
    const untilMs = clock.nowMs() + Math.max(holdLeastMs, known.pointer.holdS * 1000);
    while (trouble === null && clock.nowMs() < untilMs && !signal.aborted) {
      await this.#wait(tickMs, signal);
      trouble ??= probation.look(parts.health(), clock.nowMs());
    }
    this.#crash = null;
    if (trouble !== null && !this.#isClosed) return await this.#goBack(seq, release, trouble);
    // Another pointer has come, and this one never was permanent; or the server stops, and its next start tries again.
    if (signal.aborted) return;
    await this.#settle(seq, release);
  }

  async #goBack(seq: number, release: DeployRelease, trouble: string): Promise<void> {
    const { parts, log } = this.#options;
    log.warn({ seq, version: release.version, trouble }, 'a release does badly and is taken back');
    this.#stage(seq, 'changing', `going back: ${trouble}`);
    const former = this.#former();
    for (;;) {
      const changed = await parts.change(former, { isOneWay: true }, (doing) =>
        this.#stage(seq, 'changing', `going back (${doing}): ${trouble}`),
      );
      if (changed.ok) break;
      const { message } = changed.rejection;
      log.error({ seq, reason: message }, 'the former release does not come up; it is tried again');
      if (this.#isClosed) return;
      await this.#wait(againMs, null);
    }
    await this.#end(seq, 'back', trouble);
  }

  #former(): DeployRelease {
    const { parts } = this.#options;
    const { runs } = this.#state;
    return (runs === null ? null : parts.stored(runs)) ?? parts.base();
  }

  async #settle(seq: number, { id, version }: DeployRelease): Promise<void> {
    const before = this.#former();
    const former = before.id === id ? this.#state.former : { id: before.id, version: before.version };
    await this.#keep({ runs: { id, version }, former, trial: null, ended: null });
    this.#stage(seq, 'healthy', '');
  }

  async #end(seq: number, stage: 'refused' | 'back', note: string): Promise<void> {
    const short = note.slice(0, 300);
    await this.#keep({ trial: null, ended: { seq, stage, note: short } });
    this.#stage(seq, stage, short);
  }

  async #keep(change: Partial<DeployState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    await this.#options.parts.keepState(this.#state);
  }

  #fetching(seq: number, { totalBytes, haveBytes, movedBytes, banned }: FetchProgress): void {
    const stage = this.#said.stage === 'fetching' ? this.#said : this.#saying(seq, 'fetching', '');
    const peers = banned === 1 ? 'a peer was' : `${banned} peers were`;
    const note = banned === 0 ? '' : `${peers} refused for wrong pieces or messages`;
    this.#say({ ...stage, note, total: totalBytes, have: haveBytes, moved: movedBytes });
  }

  #stage(seq: number, stage: ReleaseStage, note: string): void {
    const { total, have, moved } = this.#said.seq === seq ? this.#said : { total: 0, have: 0, moved: 0 };
    const { log } = this.#options;
    if (seq > 0 && (stage !== this.#said.stage || note !== this.#said.note))
      log.info({ seq, stage, ...(note === '' ? {} : { note }) }, 'a deploy goes on');
    this.#say({ ...this.#saying(seq, stage, note), total, have, moved });
  }

  #saying(seq: number, stage: ReleaseStage, note: string): Omit<AgentEntry, 'swarm'> {
    const { id, version } = this.#options.parts.running();
    return {
      runs: id,
      runsVersion: version,
      seq,
      stage,
      note: note.slice(0, 300),
      sinceMs: this.#options.wallMs(),
      total: 0,
      have: 0,
      moved: 0,
    };
  }

  #say(entry: Omit<AgentEntry, 'swarm'>): void {
    this.#said = entry;
    this.#options.parts.say(entry);
  }

  #tick(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** At most so long: until a tick after that, or until it is aborted. */
  #wait(ms: number, signal: AbortSignal | null): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + ms;
    return new Promise((resolve) => {
      const look = (): void => {
        if (clock.nowMs() < untilMs && signal?.aborted !== true && !this.#isClosed) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
