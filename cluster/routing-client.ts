// All cores of a cluster behind one CoreClient: each request goes where its principal is served, and follows it when that changes.
// The links are link-client.ts's, who serves what is routing-claims.ts's, which request goes where routing-requests.ts's.
import type { Answer, Ask, Changed, RequestKind, Tick } from '../actors/messages.ts';
import { type AccountId, partitionOf } from '../runtime/account-id.ts';
import type { Rejection } from '../runtime/behaviours.ts';
import type { Answered, CoreClient, Counted } from './core-client.ts';
import { isOfSessions } from './link-client.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import type { LinkLog } from './link-log.ts';
import type { CoreList, LinkRole } from './link-messages.ts';
import type { LinkMeter } from './link-meter.ts';
import { rejected } from './rejection.ts';
import { Claims, nobody, type Shift } from './routing-claims.ts';
import { type LinkedCore, RoutingCores, type RoutingIdentity } from './routing-cores.ts';
import { payerOf, routings, type Target } from './routing-requests.ts';
import {
  type EveryKind,
  isOfEvery,
  isSplit,
  joinings,
  type Part,
  type SplitKind,
  splittings,
} from './routing-splitting.ts';
import { RoutingWaits } from './routing-waits.ts';

export interface RoutingEvents {
  /** One tick's pushes of one core, in order. */
  tick(tick: Tick, core: number): void;
  /** As of a CoreClient. */
  changed(changed: Changed): void;
  /**
   * Nobody serves these partitions any more as before. What is cached of their accounts is dropped before this returns; their sessions
   * are attached nowhere.
   */
  lost(partitions: ReadonlySet<number>): void;
  /** These are served: their sessions attach, each with its cursor. */
  served(partitions: ReadonlySet<number>): void;
  /** The first core can be reached (again). */
  up(): void;
  /** The last one cannot. */
  down(reason: string): void;
  /** As of a CoreClient. */
  portion?(written: () => void): void;
  metrics(): Promise<unknown>;
}

export interface RoutingOptions {
  /** The core of this machine, as long as the cluster's list names it or there is no list; null: this process has none to ask. */
  own: { linkFile: string; node: number } | null;
  /** For links to other machines; null: there are none. */
  identity: RoutingIdentity | null;
  name: string;
  /** As what it introduces itself to cores: a gateway unless told. */
  role?: LinkRole;
  events: RoutingEvents;
  log: LinkLog;
  meter?: LinkMeter;
  clock?: LinkClock;
}

export interface RoutingClient extends CoreClient {
  /** The cores there are. One of an older epoch than was known changes nothing; cores tell newer ones by themselves. */
  setCores(list: CoreList): void;
  /** The core that serves the account now, by its node; `nobody`'s when none does. */
  serverOf(account: AccountId): number;
}

/** What is not served is waited for so long, in all; and what has not been for longer is refused at once. */
const graceMs = 5000;
/** Between two questions where nothing seems to have changed. */
const againMs = 100;
const lookMs = 50;

/** Starts at once and goes on until `close`. */
export function connectCores(options: RoutingOptions): RoutingClient {
  return new Routing(options);
}

class Routing implements RoutingClient {
  readonly #events: RoutingEvents;
  readonly #clock: LinkClock;
  readonly #claims = new Claims();
  readonly #cores: RoutingCores;
  readonly #waits: RoutingWaits;
  /** Since when a partition is not served, and (`noneSinceMs`) since when no core is up. */
  readonly #lostAtMs = new Map<number, number>();
  #noneSinceMs: number;
  readonly #startedMs: number;
  readonly #stopLooking: () => void;

  constructor(options: RoutingOptions) {
    this.#events = options.events;
    this.#clock = options.clock ?? machineClock;
    this.#startedMs = this.#clock.nowMs();
    this.#noneSinceMs = this.#startedMs;
    this.#waits = new RoutingWaits(this.#clock);
    this.#stopLooking = this.#clock.every(lookMs, () => this.#waits.look());
    this.#cores = new RoutingCores({
      ...options,
      events: {
        tick: (tick, core) => this.#events.tick(tick, core),
        changed: (changed) => this.#events.changed(changed),
        linked: (core) => this.#linked(core),
        unlinked: (core, reason) => this.#unlinked(core, reason),
        told: (core, serving) => this.#shift(this.#claims.told(core, serving)),
        soleIs: (core) => this.#shift(this.#claims.soleIs(core)),
        portion: (written) =>
          this.#events.portion === undefined ? written() : this.#events.portion(written),
        metrics: () => this.#events.metrics(),
      },
    });
  }

  get isUp(): boolean {
    return this.#cores.any() !== null;
  }

  covered(): (account: AccountId) => boolean {
    let node = nobody;
    let isLive = false;
    return (account) => {
      const server = this.#claims.serverOf(partitionOf(account));
      if (server !== node) {
        node = server;
        isLive = this.#cores.live(server) !== null;
      }
      return isLive;
    };
  }

  linked(): (account: AccountId) => boolean {
    return (account) => this.#cores.at(this.#claims.serverOf(partitionOf(account))) !== null;
  }

  call<K extends RequestKind>(kind: K, ask: Ask<K>, counted?: Counted): Promise<Answered<K>> {
    const target = routings[kind].target(ask, counted);
    const payer = kind === 'admit' ? null : payerOf(counted);
    if (counted === undefined || payer === null) return this.#ask({ kind, ask, counted }, target);
    if (target.to === 'any') return this.#ask({ kind, ask, counted }, { to: 'account', account: payer });
    if (target.to === 'every') return this.#askCounted({ kind, ask, counted }, target);
    if (this.#isCountedAt(target, payer)) return this.#ask({ kind, ask, counted }, target);
    return this.#askCounted({ kind, ask, counted }, target);
  }

  listen(topics: string[]): void {
    this.#cores.listen(topics);
  }

  readonly serverOf = (account: AccountId): number => this.#claims.serverOf(partitionOf(account));

  setCores(list: CoreList): void {
    this.#cores.set(list);
  }

  async close(): Promise<void> {
    this.#stopLooking();
    this.#waits.close();
    await this.#cores.close();
  }

  /** The limit is kept where the token's account is served: other than where the answer is, that is a question of its own. */
  #isCountedAt(target: Target, payer: AccountId): boolean {
    if (target.to !== 'account') return target.to === 'own';
    const server = this.#claims.serverOf(partitionOf(payer));
    return server === this.#claims.serverOf(partitionOf(target.account));
  }

  async #askCounted<K extends RequestKind>(
    { kind, ask, counted }: Asking<K>,
    target: Target,
  ): Promise<Answered<K>> {
    const admitting = this.call('admit', {}, counted);
    // What only reads may be done already when it turns out to be too much.
    const reading = routings[kind].isRepeatable(ask)
      ? this.#ask({ kind, ask, counted: undefined }, target)
      : null;
    const admitted = await admitting;
    const { allowance } = admitted;
    const shown = allowance === undefined ? {} : { allowance };
    if (!admitted.ok) return { ok: false, rejection: admitted.rejection, ...shown };
    const answered = await (reading ?? this.#ask({ kind, ask, counted: undefined }, target));
    return { ...answered, ...shown };
  }

  #ask<K extends RequestKind>(asking: Asking<K>, target: Target): Promise<Answered<K>> {
    const untilMs = this.#clock.nowMs() + graceMs;
    if (target.to === 'every' && isOfEvery(asking.kind)) {
      const every = { ...asking, ask: asking.ask as Ask<EveryKind> } as Asking<EveryKind>;
      return this.#askEvery(every, untilMs) as Promise<Answered<K>>;
    }
    if (target.to !== 'accounts') return this.#askOne(asking, target, untilMs);
    const { kind, ask, counted } = asking;
    if (!isSplit(kind)) throw new Error(`${kind} is not one that several cores answer`);
    // The kind is one of the four whose request this is; the compiler cannot follow it through the guard.
    const whole = { kind, ask: ask as Ask<SplitKind>, counted } as Asking<SplitKind>;
    return this.#askSplit(whole, target.accounts, untilMs) as Promise<Answered<K>>;
  }

  /** Who does not answer is left out: what it has, others have, too. Without a single answer, as if one had been asked. */
  async #askEvery<K extends EveryKind>(
    { kind, ask, counted }: Asking<K>,
    untilMs: number,
  ): Promise<Answered<K>> {
    const answers: Answer<K>[] = [];
    const asked = this.#cores.all().map(({ link }) => link.call(kind, ask));
    let failed: Answered<K> | null = null;
    for (const answered of await Promise.all(asked)) {
      if (answered.ok) answers.push(answered.value);
      else failed = answered;
    }
    if (answers.length > 0) return { ok: true, value: joinings[kind](answers) };
    return failed ?? this.#askOne({ kind, ask, counted }, { to: 'any' }, untilMs);
  }

  /** Each core once, all at the same time; who has gone elsewhere meanwhile is asked there. */
  async #askSplit<K extends SplitKind>(
    { kind, ask, counted }: Asking<K>,
    accounts: readonly AccountId[],
    untilMs: number,
  ): Promise<Answered<K>> {
    const splitting = splittings[kind];
    const groups = this.#grouped(accounts);
    if (groups.length < 2) {
      const target: Target =
        accounts.length === 0 ? { to: 'any' } : { to: 'accounts', accounts: [...accounts] };
      const answered = await this.#askOne({ kind, ask, counted }, target, untilMs);
      // It is served in several places by now.
      return isElsewhere(answered) ? this.#askSplit({ kind, ask, counted }, accounts, untilMs) : answered;
    }
    const answers = await Promise.all(
      groups.map((places) => {
        const part = splitting.part(ask, places);
        const of = places.flatMap((place) => accounts[place] ?? []);
        return this.#askSplit<K>({ kind, ask: part, counted: undefined }, of, untilMs);
      }),
    );
    const parts: Part<Answer<K>>[] = [];
    for (const [at, answered] of answers.entries()) {
      if (!answered.ok) return answered;
      parts.push({ places: groups[at] ?? [], answer: answered.value });
    }
    return { ok: true, value: splitting.join(parts, accounts.length) };
  }

  /** Places in the request, by who serves them; those that nobody does by themselves. */
  #grouped(accounts: readonly AccountId[]): number[][] {
    const groups = new Map<number, number[]>();
    for (const [place, account] of accounts.entries()) {
      const server = this.#claims.serverOf(partitionOf(account));
      const group = groups.get(server);
      if (group === undefined) groups.set(server, [place]);
      else group.push(place);
    }
    return [...groups.values()];
  }

  async #askOne<K extends RequestKind>(
    { kind, ask, counted }: Asking<K>,
    target: Target,
    untilMs: number,
  ): Promise<Answered<K>> {
    const isForSessions = isOfSessions(kind);
    const isRepeatable = routings[kind].isRepeatable(ask);
    for (;;) {
      const core = isForSessions ? this.#linkedCoreOf(target) : this.#coreOf(target);
      if (core !== null) {
        const asked = this.#shiftsOf(target);
        const answered = await core.link.call(kind, ask, counted);
        answered.core = core.node;
        const isMoved = !answered.ok && answered.rejection.code === 'moved';
        if (!isMoved && !(isRepeatable && (answered.isLost === true || asked !== this.#shiftsOf(target))))
          return answered;
      }
      const nowMs = this.#clock.nowMs();
      const isOver = nowMs >= untilMs || (core === null && nowMs - this.#missingSinceMs(target) >= graceMs);
      // Sessions do not wait: `served` attaches them.
      if (isOver || isForSessions) return this.#refused(core);
      const isWaited = await this.#waits.until(Math.min(untilMs, nowMs + againMs));
      if (!isWaited) return this.#refused(core);
      if (target.to === 'accounts' && this.#grouped(target.accounts).length > 1) return elsewhere;
    }
  }

  #coreOf(target: Target): LinkedCore | null {
    switch (target.to) {
      case 'account':
        return this.#cores.live(this.#claims.serverOf(partitionOf(target.account)));
      case 'accounts':
        return this.#cores.live(this.#claims.serverOf(partitionOf(target.accounts[0] ?? firstOfAll)));
      case 'any':
      case 'every':
        return this.#cores.any();
      case 'own':
        return this.#cores.own();
    }
  }

  #linkedCoreOf(target: Target): LinkedCore | null {
    return target.to === 'account'
      ? this.#cores.at(this.#claims.serverOf(partitionOf(target.account)))
      : this.#coreOf(target);
  }

  /**
   * Tells whether an answer is of the term that holds now. A core tells what it serves in the same order as it answers, so no term need
   * travel with an answer: what it said last before the answer came is the term it answered under, and when that is not the highest
   * any more the partition has been lost since. (What it began under an earlier term it answers with `moved`.)
   */
  #shiftsOf(target: Target): number {
    switch (target.to) {
      case 'account':
        return this.#claims.shiftsOf(partitionOf(target.account));
      case 'accounts':
        return target.accounts.reduce((sum, account) => sum + this.#claims.shiftsOf(partitionOf(account)), 0);
      case 'any':
      case 'every':
      case 'own':
        return 0;
    }
  }

  #missingSinceMs(target: Target): number {
    if (target.to !== 'account' && target.to !== 'accounts') return this.#noneSinceMs;
    const account = target.to === 'account' ? target.account : (target.accounts[0] ?? firstOfAll);
    const partition = partitionOf(account);
    const server = this.#claims.serverOf(partition);
    // Its lease is over. That it is lost is about to be noticed, or it is about to come back.
    if (server !== nobody) return this.#clock.nowMs() - this.#cores.downForMs(server);
    return this.#lostAtMs.get(partition) ?? this.#startedMs;
  }

  #refused(core: LinkedCore | null): { ok: false; rejection: Rejection } {
    const message =
      core === null && !this.isUp
        ? 'The core cannot be reached. Try again in a moment.'
        : 'No core serves this at the moment. Try again soon.';
    return rejected('unavailable', message);
  }

  #linked(core: number): void {
    const isFirst = this.#cores.linked === 1;
    this.#shift(this.#claims.linked(core));
    if (isFirst) this.#events.up();
  }

  #unlinked(core: number, reason: string): void {
    const isLast = this.#cores.linked === 0;
    if (isLast) this.#noneSinceMs = this.#clock.nowMs();
    this.#shift(this.#claims.unlinked(core));
    if (isLast) this.#events.down(reason);
  }

  #shift({ lost, served }: Shift): void {
    const nowMs = this.#clock.nowMs();
    for (const partition of lost) this.#lostAtMs.set(partition, nowMs);
    if (lost.size > 0) this.#events.lost(lost);
    if (served.size > 0) this.#events.served(served);
    this.#waits.wake();
  }
}

interface Asking<K extends RequestKind> {
  kind: K;
  ask: Ask<K>;
  counted: Counted | undefined;
}

const firstOfAll = 0 as AccountId;

/** The accounts of one part are served by several cores by now. */
const elsewhere: { ok: false; rejection: Rejection } = {
  ok: false,
  rejection: { code: 'moved', message: 'served by several' },
};

function isElsewhere(answered: Answered<SplitKind>): boolean {
  return answered === elsewhere;
}
