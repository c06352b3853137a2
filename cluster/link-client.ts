// A gateway's (or an operator's) end of its link to the core: comes back by itself and keeps the promises of core-client.ts.
import type { Ask, RequestKind } from '../actors/messages.ts';
import type { Answered, CoreClient, CoreEvents, Counted } from './core-client.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import { LinkConnection } from './link-connection.ts';
import { type Door, fileDoor, type Knocked } from './link-door.ts';
import type { LinkLog } from './link-log.ts';
import { type LinkRole, topicMost, topicsMost } from './link-messages.ts';
import { type LinkMeter, noMeter } from './link-meter.ts';
import { pauseMs } from './link-pause.ts';
import { PendingCall, type SomePendingCall } from './link-pending.ts';
import { isLinkName } from './link-proof.ts';

export interface LinkOptions {
  door: Door;
  /** Shown in the core's log and metrics, like `gateway-1`: 1 to 40 of a-z, 0-9 and `-`. */
  name: string;
  role: LinkRole;
  events: CoreEvents;
  log: LinkLog;
  meter?: LinkMeter;
  clock?: LinkClock;
  /** After this long without an answer a call is `unavailable`. 30 s unless told. */
  callTimeoutMs?: number;
  /** `wait`: for 5 s without a core, and then fail as `unavailable`. `move`: fail at once, as `moved`: somebody else may be asked. */
  unsent?: 'wait' | 'move';
}

export interface CoreLinkOptions extends Omit<LinkOptions, 'door' | 'unsent'> {
  /** Path of DATA/core.link: read again at each attempt. */
  linkFile: string;
}

/** A call is held this long for a core that is about to come back, and at most so many are. */
const graceMs = 5000;
const heldMost = 1000;
/** A link that lasted this long was a good one: after it the pauses start short again. */
const goodLinkMs = 5000;
/** A look is one question to the file system, and whoever asks for something waits for this. */
const lookMs = 20;

/** Of this machine's core. Starts at once and goes on until `close`. Throws for a name that is none. */
export function connectCore({ linkFile, ...options }: CoreLinkOptions): CoreClient {
  return new CoreLink({ ...options, door: fileDoor(linkFile) });
}

/** Whom they are for is known as long as the link is; they use no cache. */
export function isOfSessions(kind: RequestKind): boolean {
  return kind === 'attach' || kind === 'detach';
}

export class CoreLink implements CoreClient {
  readonly #options: LinkOptions;
  readonly #clock: LinkClock;
  readonly #meter: LinkMeter;
  readonly #callTimeoutMs: number;
  #connection: LinkConnection | null = null;
  #isOpen = false;
  #isClosed = false;
  #downSinceMs: number;
  #openedAtMs = 0;
  /** Until then a core that was here may be back at any moment. */
  #freshUntilMs = 0;
  #held: { call: SomePendingCall; untilMs: number }[] = [];
  #topics: ReadonlySet<string> = new Set();
  #failures = 0;
  #lastReason = '';
  #doorVersion = '';
  #stopPause: () => void = () => {};
  readonly #stopTending: () => void;

  constructor(options: LinkOptions) {
    if (!isLinkName(options.name)) throw new RangeError(`not a name for a link: ${options.name}`);
    this.#options = options;
    this.#clock = options.clock ?? machineClock;
    this.#meter = options.meter ?? noMeter;
    this.#callTimeoutMs = options.callTimeoutMs ?? 30_000;
    this.#downSinceMs = this.#clock.nowMs();
    this.#stopTending = this.#clock.every(250, () => this.#tend());
    void this.#attempt();
  }

  get isUp(): boolean {
    return this.#connection?.isUpAt(this.#clock.nowMs()) ?? false;
  }

  covered(): () => boolean {
    const { isUp } = this;
    return () => isUp;
  }

  /** The core knows of it and takes what is said of sessions; perhaps its lease is over, and comes back. */
  get isLinked(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  linked(): () => boolean {
    const { isLinked } = this;
    return () => isLinked;
  }

  /** For how long it has not been up. */
  get downForMs(): number {
    const connection = this.#connection;
    const sinceMs = this.#isOpen && connection !== null ? connection.leaseEndsAtMs : this.#downSinceMs;
    return Math.max(0, this.#clock.nowMs() - sinceMs);
  }

  call<K extends RequestKind>(kind: K, ask: Ask<K>, counted?: Counted): Promise<Answered<K>> {
    const nowMs = this.#clock.nowMs();
    const call = new PendingCall(kind, ask, counted, nowMs + this.#callTimeoutMs);
    const connection = this.#connection;
    const isTaken = isOfSessions(kind) ? connection?.isOpen : connection?.takesCallsAt(nowMs);
    if (isTaken) connection?.call(call);
    else this.#hold(call, nowMs);
    return call.answered;
  }

  listen(topics: string[]): void {
    const fitting = topics.filter((topic) => topic.length <= topicMost).slice(0, topicsMost);
    if (fitting.length < topics.length) {
      this.#options.log.warn(
        { topics: topics.length, kept: fitting.length },
        'topics beyond the bounds are left out',
      );
    }
    this.#topics = new Set(fitting);
    this.#connection?.listen(this.#topics);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopTending();
    this.#stopPause();
    this.#options.door.leave();
    for (const { call } of this.#held.splice(0)) call.reject(noCore, null);
    const connection = this.#connection;
    connection?.end('closed by this program');
    await connection?.gone;
  }

  /**
   * A core that restarts is back within a second or two: until then calls wait rather than fail. They were not sent, so sending
   * them later is safe. Sessions are not attached late: `up` attaches them all.
   */
  #hold(call: SomePendingCall, nowMs: number): void {
    if (this.#options.unsent === 'move') {
      call.reject({ code: 'moved', message: noCore.message }, null);
      return;
    }
    const downMs = this.#isOpen ? 0 : nowMs - this.#downSinceMs;
    if (this.#isClosed || isOfSessions(call.kind) || downMs >= graceMs || this.#held.length >= heldMost)
      call.reject(noCore, null);
    else this.#held.push({ call, untilMs: nowMs + graceMs });
  }

  #tend(): void {
    const nowMs = this.#clock.nowMs();
    this.#connection?.expire(nowMs);
    while (this.#held[0] !== undefined && this.#held[0].untilMs <= nowMs)
      this.#held.shift()?.call.reject(noCore, null);
  }

  async #attempt(): Promise<void> {
    const { door, name, role, events, log } = this.#options;
    // The version first: a core that comes in between is looked for again.
    this.#doorVersion = await door.version();
    const answered = await door.knock();
    const { knocked } = answered;
    if (this.#isClosed) {
      knocked?.socket.on('error', () => {});
      knocked?.socket.terminate();
      return;
    }
    if (knocked === null) {
      this.#pause(answered.reason);
      return;
    }
    const connection = new LinkConnection({
      knocked,
      name,
      role,
      clock: this.#clock,
      meter: this.#meter,
      opened: () => this.#opened(connection, knocked),
      tick: (tick) => events.tick(tick),
      changed: (changed) => events.changed(changed),
      serving: (serving) => events.serving?.(serving),
      cores: (list) => events.cores?.(list),
      portion: (written) => (events.portion === undefined ? written() : events.portion(written)),
      metrics: () => events.metrics(),
      malformedAnswer: (kind) => log.warn({ kind }, 'the core gave an answer that is not what was declared'),
      closed: (reason, wasOpen) => this.#closed(reason, wasOpen),
    });
    this.#connection = connection;
    connection.listen(this.#topics);
  }

  #opened(connection: LinkConnection, { about }: Knocked): void {
    this.#isOpen = true;
    this.#openedAtMs = this.#clock.nowMs();
    this.#lastReason = '';
    this.#options.log.info(about, 'linked to the core');
    for (const { call } of this.#held.splice(0)) connection.call(call);
    this.#options.events.up();
  }

  #closed(reason: string, wasOpen: boolean): void {
    this.#connection = null;
    this.#isOpen = false;
    if (wasOpen) {
      const nowMs = this.#clock.nowMs();
      this.#downSinceMs = nowMs;
      if (nowMs - this.#openedAtMs >= goodLinkMs) {
        this.#failures = 0;
        this.#freshUntilMs = nowMs + graceMs;
      }
      this.#meter.count('links-closed', 1);
      this.#options.events.down(reason);
    }
    this.#pause(reason);
  }

  /** Until the next attempt: longer after each failure, and over at once when another core has put its file there. */
  #pause(reason: string): void {
    if (this.#isClosed) return;
    if (reason !== this.#lastReason) this.#options.log.warn({ reason }, 'no link to the core');
    this.#lastReason = reason;
    const missed = { failures: this.#failures++, isFresh: this.#clock.nowMs() < this.#freshUntilMs };
    const stopWaiting = this.#clock.after(pauseMs(missed, Math.random()), () => this.#again());
    const stopLooking = this.#clock.every(lookMs, () => void this.#look());
    this.#stopPause = () => {
      this.#stopPause = () => {};
      stopWaiting();
      stopLooking();
    };
  }

  async #look(): Promise<void> {
    const stopPause = this.#stopPause;
    const version = await this.#options.door.version();
    // The pause it was asked in may be over meanwhile.
    if (stopPause !== this.#stopPause || version === this.#doorVersion || version === '') return;
    this.#failures = 0;
    this.#again();
  }

  #again(): void {
    this.#stopPause();
    if (!this.#isClosed) void this.#attempt();
  }
}

const noCore = {
  code: 'unavailable',
  message: 'The core cannot be reached. Try again in a moment.',
} as const;
