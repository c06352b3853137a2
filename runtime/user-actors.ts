// User actors: started by their first message, stopped when idle, with bounded mailboxes; and the one interpreter of their effects.
import type { AccountId } from './account-id.ts';
import { type ActorRef, type ActorSystem, openActorSystem } from './actor-system.ts';
import type {
  Behaviours,
  Effect,
  Entry,
  Moment,
  Outcome,
  PointReader,
  Reader,
  Rejection,
  RuntimeMessage,
} from './behaviours.ts';
import type { FactWrite } from './fact.ts';
import { type Announcement, FanOut, type Receiver } from './fan-out.ts';
import type { Gathering, Wanted } from './gathering.ts';
import type { Version } from './version.ts';

/** What the actors need of a store. */
export interface Facts {
  readonly reader: Reader;
  /** Sees writes that are on their way. */
  readonly writing: PointReader;
  /** Null when such a write would be taken now. */
  refusal(intent: 'writes' | 'deletes'): Rejection | null;
  /** The versions get the time given, or a later one when such were given before. */
  submit(writes: FactWrite[], options: { deletes: boolean; live: boolean; nowMs: number }): Promise<void>;
  gather(wanted: Wanted): Gathering | Promise<Gathering>;
}

export interface UserActorsOptions<State, Message extends { kind: string }, Item> {
  behaviours: Behaviours<State, Message, Item>;
  facts: Facts;
  /** Milliseconds since 1970. Never goes back, and is never behind a version that was given. */
  now: () => number;
  chance: () => number;
  /** Pushes collected since the last flush, for sessions and topics. Called at most once a turn. */
  flush(pushes: Pushes<Item>, watermark: Version): void;
  /** Settles when every gateway has taken in what was sent before. */
  fence(): Promise<void>;
  /** Turns the rest of an account's facts into tombstones, in the background. */
  sweep(account: AccountId): void;
  /** The behaviour threw: the actor is started anew from facts at its next message. */
  crashed(account: AccountId, error: unknown): void;
  /** Everything is on this machine; absent: always. */
  hasAll?(): boolean;
  /** Somebody receives what the author announces, or nobody does any more. */
  interest?(author: AccountId, isWanted: boolean): void;
  start: Version;
  idleMs?: number;
  mailbox?: number;
  slice?: number;
}

/** Items and the sessions and topics they are for, in the order in which they were first pushed. */
export interface Pushes<Item> {
  sessions: Map<Item, number[]>;
  topics: Map<Item, string[]>;
}

type Letter<Message, Item> = {
  message: Message | RuntimeMessage<Item>;
  request: number;
  /** While it is handled; null: the one for all. */
  read?: PointReader | null;
  /** Only for this life of the cell. */
  life?: number;
};

/** An awake user. */
interface Cell<State, Message, Item> extends Receiver<Item> {
  account: AccountId;
  actor: ActorRef<Letter<Message, Item> | null>;
  state: State | null;
  /** Letters sent and not yet handled. */
  queued: number;
  lastMs: number;
  lostItems: boolean;
  /** Which of its lives this is: it begins another, from facts, with every crash. */
  life: number;
}

const defaultIdleMs = 600_000;
const defaultMailbox = 1000;

const movedAway: Rejection = {
  code: 'unavailable',
  message:
    'This account is served by another machine now. Whether the request was done is not known: ask again.',
};

function noPushes<Item>(): Pushes<Item> {
  return { sessions: new Map(), topics: new Map() };
}

export class UserActors<State, Message extends { kind: string }, Item> {
  readonly #options: UserActorsOptions<State, Message, Item>;
  readonly #system: ActorSystem<Letter<Message, Item> | null> = openActorSystem();
  readonly #cells = new Map<AccountId, Cell<State, Message, Item>>();
  readonly #waiting = new Map<number, { account: AccountId; resolve: (outcome: Outcome<unknown>) => void }>();
  readonly #fanOut: FanOut<Item, Cell<State, Message, Item>>;
  #behaviours: Behaviours<State, Message, Item>;
  #pushes: Pushes<Item> = noPushes();
  #woken: Cell<State, Message, Item>[] = [];
  /** The item pushed last since the last flush, and the sessions it goes to. */
  #pushed: { item: Item | null; sessions: number[] } = { item: null, sessions: [] };
  #flushIsDue = false;
  #lastRequest = 0;
  #lastSpawn = 0;
  #nowMs = 0;
  #reached: Version;

  constructor(options: UserActorsOptions<State, Message, Item>) {
    this.#options = options;
    this.#behaviours = options.behaviours;
    this.#reached = options.start;
    this.#fanOut = new FanOut({
      route: (entry, read) => this.#behaviours.route(entry, read),
      read: options.facts.writing,
      awake: (account) => this.#cells.get(account),
      wake: (cell) => this.#woken.push(cell),
      settle: () => this.#settle(),
      publish: (item, topics) => {
        this.#pushes.topics.set(item, topics);
        this.#flushSoon();
      },
      later: setImmediate,
      advanced: () => this.#flushSoon(),
      overflowed: (cell) => {
        cell.lostItems = true;
      },
      start: options.start,
      ...(options.interest === undefined ? {} : { interest: options.interest }),
      ...(options.slice === undefined ? {} : { slice: options.slice }),
    });
  }

  get awake(): number {
    return this.#cells.size;
  }

  get watermark(): Version {
    return this.#fanOut.watermark;
  }

  get deliveries(): number {
    return this.#fanOut.deliveries;
  }

  get subscriptions(): number {
    return this.#fanOut.subscriptions;
  }

  /** Everything that was committed has been handled. */
  get isIdle(): boolean {
    return this.#fanOut.isIdle;
  }

  /** All authors that somebody receives. */
  authors(): Iterable<AccountId> {
    return this.#fanOut.authors();
  }

  isAwake(account: AccountId): boolean {
    return this.#cells.has(account);
  }

  /** Entries that have reached the disk, in order. */
  committed(entries: readonly Entry[], announcement?: Announcement): void {
    this.#fanOut.committed(entries, announcement);
    // Most of what follows from a transaction is there now: it goes out with the answers to those who wrote it.
    if (this.#flushIsDue) this.#flush();
  }

  /** Everything with versions up to this one was committed before: the watermark may follow. */
  reached(upTo: Version): void {
    if (upTo <= this.#reached) return;
    this.#reached = upTo;
    this.#fanOut.reached(upTo);
  }

  /** Their accounts are served by somebody else now: what is in memory of them is worth nothing, and what is under way has an unknown end. */
  forget(isGone: (account: AccountId) => boolean): void {
    const gone = new Set<Cell<State, Message, Item>>();
    for (const cell of this.#cells.values()) {
      if (!isGone(cell.account)) continue;
      cell.isStopped = true;
      cell.state = null;
      gone.add(cell);
      this.#cells.delete(cell.account);
      this.#system.stop(cell.actor);
    }
    this.#fanOut.drop(gone);
    for (const [request, { account, resolve }] of [...this.#waiting]) {
      if (!isGone(account)) continue;
      this.#waiting.delete(request);
      resolve({ ok: false, rejection: movedAway });
    }
  }

  /** Starts the account's actor if need be. Never rejects: refusals and faults are outcomes. */
  ask(account: AccountId, message: Message): Promise<Outcome<unknown>> {
    return new Promise((resolve) => {
      const cell = this.#cellOf(account);
      if (cell.queued >= (this.#options.mailbox ?? defaultMailbox)) {
        resolve({
          ok: false,
          rejection: { code: 'busy', message: 'Too many requests of this account are waiting' },
        });
        return;
      }
      const request = ++this.#lastRequest;
      this.#waiting.set(request, { account, resolve });
      this.#send(cell, { message, request });
    });
  }

  /** Without an answer, and only to an actor that is awake. */
  tell(account: AccountId, message: Message): void {
    const cell = this.#cells.get(account);
    if (cell !== undefined) this.#send(cell, { message, request: 0 });
  }

  /** Asks actors to which nothing has come for the idle time whether they will stop. */
  stopIdle(): void {
    const before = this.#options.now() - (this.#options.idleMs ?? defaultIdleMs);
    for (const cell of this.#cells.values()) {
      if (cell.lastMs < before && cell.queued === 0)
        this.#send(cell, { message: { kind: 'idle' }, request: 0 });
    }
  }

  /** What was announced may lack something: each looks for itself, as after an overflow. */
  missed(): void {
    for (const cell of this.#cells.values()) {
      cell.lostItems = true;
      this.#system.send(cell.actor, null);
    }
  }

  close(): void {
    this.#system.close();
  }

  #cellOf(account: AccountId): Cell<State, Message, Item> {
    const found = this.#cells.get(account);
    if (found !== undefined) return found;
    const cell: Cell<State, Message, Item> = {
      account,
      actor: this.#system.spawn(`${account}-${++this.#lastSpawn}`, (letter) => this.#handle(cell, letter)),
      state: null,
      queued: 0,
      lastMs: this.#options.now(),
      isStopped: false,
      lostItems: false,
      life: 0,
      due: [],
      dueBatch: null,
    };
    this.#cells.set(account, cell);
    return cell;
  }

  #send(cell: Cell<State, Message, Item>, letter: Letter<Message, Item>): void {
    cell.queued++;
    this.#system.send(cell.actor, letter);
  }

  /**
   * Deliveries to an actor whose mailbox is empty are handled at once: nobody else is in it, and nothing is before them. A message
   * of nact's each would cost more than all the rest of a delivery. An actor with letters waiting takes them in its turn.
   */
  #settle(): void {
    const woken = this.#woken;
    this.#woken = [];
    const moment = this.#moment(0);
    for (const cell of woken) {
      if (cell.queued === 0) this.#deliver(cell, moment);
      else this.#system.send(cell.actor, null);
    }
  }

  /** A null letter: take what is due. */
  #handle(cell: Cell<State, Message, Item>, letter: Letter<Message, Item> | null): void {
    if (cell.isStopped) return;
    if (letter === null) {
      this.#deliver(cell, this.#moment(0));
      return;
    }
    cell.queued--;
    if (letter.life !== undefined && letter.life !== cell.life) return;
    if (letter.request !== 0 || letter.message.kind !== 'idle') cell.lastMs = this.#options.now();
    this.#receive(cell, letter.message, this.#moment(letter.request), letter.read ?? null);
  }

  #deliver(cell: Cell<State, Message, Item>, moment: Moment): void {
    const items = cell.due;
    const lost = cell.lostItems;
    cell.due = [];
    cell.lostItems = false;
    if (!cell.isStopped && (items.length > 0 || lost))
      this.#receive(cell, { kind: 'deliver', items, lost }, moment);
    this.#fanOut.handled(cell);
  }

  #moment(request: number): Moment {
    this.#nowMs = Math.max(this.#nowMs, this.#options.now());
    const { chance, hasAll } = this.#options;
    const { watermark } = this.#fanOut;
    return { request, nowMs: this.#nowMs, watermark, hasAll: hasAll?.() ?? true, chance: chance() };
  }

  #receive(
    cell: Cell<State, Message, Item>,
    message: Message | RuntimeMessage<Item>,
    moment: Moment,
    read: PointReader | null = null,
  ): void {
    const { request } = moment;
    const { user } = this.#behaviours;
    try {
      const intent = user.intent(message);
      const refusal = intent === 'reads' ? null : this.#options.facts.refusal(intent);
      if (refusal !== null) {
        this.#reply(request, { ok: false, rejection: refusal });
        return;
      }
      const before = cell.state ?? user.load(cell.account, this.#options.facts.reader);
      const [state, effects] = user.receive(before, message, moment, read ?? this.#options.facts.writing);
      cell.state = state;
      this.#run(cell, effects, 0);
    } catch (error) {
      this.#crash(cell, request, error);
    }
  }

  /** Does what the effects say, in order; after one that takes time, the rest when it is done. */
  #run(cell: Cell<State, Message, Item>, effects: readonly Effect<Item>[], from: number): void {
    for (let place = from; place < effects.length; place++) {
      const effect = effects[place];
      if (effect === undefined) return;
      switch (effect.kind) {
        case 'persist': {
          const { deletes, live } = effect;
          // The time of the moment: an id made from it must not be older than its version, or a cursor could stand between them.
          const done = this.#options.facts.submit(effect.writes, { deletes, live, nowMs: this.#nowMs });
          this.#continue(cell, effects, place, done);
          return;
        }
        case 'fence':
          this.#flush();
          this.#continue(cell, effects, place, this.#options.fence());
          return;
        case 'reply':
          this.#reply(effect.request, effect.outcome);
          break;
        case 'subscribe':
          this.#fanOut.subscribe(cell, effect.authors);
          break;
        case 'unsubscribe':
          this.#fanOut.unsubscribe(cell, effect.authors);
          break;
        case 'gather':
          this.#gather(cell, effect);
          break;
        case 'push':
          this.#push(effect.sessions, effect.item);
          break;
        case 'sweep':
          this.#options.sweep(cell.account);
          break;
        case 'stop':
          this.#stop(cell);
          break;
      }
    }
  }

  #continue(
    cell: Cell<State, Message, Item>,
    effects: readonly Effect<Item>[],
    place: number,
    done: Promise<void>,
  ): void {
    done.then(
      () => {
        if (!cell.isStopped) this.#run(cell, effects, place + 1);
      },
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        for (const effect of effects.slice(place)) {
          if (effect.kind === 'reply')
            this.#reply(effect.request, { ok: false, rejection: { code: 'unavailable', message } });
        }
      },
    );
  }

  #gather(cell: Cell<State, Message, Item>, wanted: Wanted & { ticket: number }): void {
    const { ticket } = wanted;
    const { life } = cell;
    const tell = ({ statuses, found, failed, read }: Gathering): void => {
      if (cell.isStopped) return;
      // Tickets begin anew with every life: an answer to a question of another's is nobody's.
      const message = { kind: 'gathered', ticket, statuses, found, failed } as const;
      this.#send(cell, { message, request: 0, read, life });
    };
    const gathered = this.#options.facts.gather(wanted);
    if (!(gathered instanceof Promise)) tell(gathered);
    else
      gathered.then(tell, (error: unknown) => {
        if (!cell.isStopped && cell.life === life) this.#crash(cell, 0, error);
      });
  }

  #push(sessions: number[], item: Item): void {
    // One item goes to many actors in a row.
    const known = item === this.#pushed.item ? this.#pushed.sessions : this.#pushes.sessions.get(item);
    if (known === undefined) {
      this.#pushes.sessions.set(item, sessions);
      this.#pushed = { item, sessions };
      this.#flushSoon();
    } else {
      for (const session of sessions) known.push(session);
      if (item !== this.#pushed.item) this.#pushed = { item, sessions: known };
    }
  }

  #reply(request: number, outcome: Outcome<unknown>): void {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    waiting?.resolve(outcome);
  }

  #stop(cell: Cell<State, Message, Item>): void {
    // Somebody has written in the meantime: it stays, without what it has let go of.
    if (cell.queued > 0 || cell.due.length > 0) return;
    cell.isStopped = true;
    this.#cells.delete(cell.account);
    this.#system.stop(cell.actor);
  }

  #crash(cell: Cell<State, Message, Item>, request: number, error: unknown): void {
    cell.state = null;
    cell.life++;
    this.#fanOut.drop(new Set([cell]));
    this.#reply(request, {
      ok: false,
      rejection: { code: 'unavailable', message: 'The request failed on our side' },
    });
    this.#options.crashed(cell.account, error);
  }

  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(() => {
      if (this.#flushIsDue) this.#flush();
    });
  }

  #flush(): void {
    this.#flushIsDue = false;
    const pushes = this.#pushes;
    this.#pushes = noPushes();
    this.#pushed = { item: null, sessions: [] };
    this.#options.flush(pushes, this.#fanOut.watermark);
  }
}
