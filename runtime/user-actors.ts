// User actors: started by their first message, stopped when idle, with bounded mailboxes; and the one interpreter of their effects.
import type { AccountId } from './account-id.ts';
import { ActorCodes, type CodesReport } from './actor-codes.ts';
import type { Effect, Entry, Moment, Outcome, PointReader, Rejection, RuntimeMessage } from './behaviours.ts';
import { type Announcement, FanOut } from './fan-out.ts';
import type { Gathering, Wanted } from './gathering.ts';
import { LentActors } from './lent-actors.ts';
import type { Pushes, UserActorsOptions } from './user-actors-options.ts';
import { type Cell, type Letter, newCell } from './user-cell.ts';
import type { Version } from './version.ts';

const defaultIdleMs = 600_000;
const defaultMailbox = 1000;
/** While actors go over to new code, and when all are told, so much is delivered in one turn. */
const deliveringTurnMs = 10;
/** For `packed`: nobody waits while all of a million are walked. */
const mostLookedAt = 10_000;
/** In one turn, for those that are idle. */
const idleAtOnce = 1000;

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
  readonly #actors: LentActors<Letter<Message, Item> | null, Cell<State, Message, Item>>;
  readonly #cells = new Map<AccountId, Cell<State, Message, Item>>();
  readonly #waiting = new Map<number, { account: AccountId; resolve: (outcome: Outcome<unknown>) => void }>();
  readonly #fanOut: FanOut<Item, Cell<State, Message, Item>>;
  readonly #codes: ActorCodes<State, Message, Item, Cell<State, Message, Item>>;
  #pushes: Pushes<Item> = noPushes();
  #woken: Cell<State, Message, Item>[] = [];
  /** The item pushed last since the last flush, and the sessions it goes to. */
  #pushed: { item: Item | null; sessions: number[] } = { item: null, sessions: [] };
  #flushIsDue = false;
  /** Who is looked at next for being idle; null: nobody is. */
  #idleWalk: Iterator<Cell<State, Message, Item>> | null = null;
  #lastRequest = 0;
  #nowMs = 0;
  #reached: Version;

  constructor(options: UserActorsOptions<State, Message, Item>) {
    this.#options = options;
    this.#reached = options.start;
    this.#actors = new LentActors({
      handle: (cell, letter) => this.#handle(cell, letter),
      isAtRest: ({ queued, due, lostItems, lastMs }, sinceMs) =>
        queued === 0 && due.length === 0 && !lostItems && lastMs <= sinceMs,
      now: options.now,
    });
    this.#codes = new ActorCodes(options.behaviours().user, {
      name: options.codeName ?? '',
      migrated: (_, tookMs) => options.migrated?.(tookMs),
      stayed: ({ account }, error) => options.stayed?.(account, error),
    });
    this.#fanOut = new FanOut({
      route: (entry, read) => options.behaviours().route(entry, read),
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

  /** Awake actors by the code they run on. */
  get codes(): CodesReport {
    return this.#codes.report();
  }

  /** All authors that somebody receives. */
  authors(): Iterable<AccountId> {
    return this.#fanOut.authors();
  }

  /**
   * The behaviours are others than before: each actor's state is taken over by the new code before its next message, those without one
   * in the background. What is under way goes on.
   */
  swapped(codeName: string): void {
    this.#codes.swap(this.#options.behaviours().user, codeName, this.#cells.values());
  }

  /** States of awake actors as plain data, of some all over. They are parts of the actors: to be copied at once. */
  packed(most: number): unknown[] {
    const every = Math.max(1, Math.floor(this.#cells.size / most));
    const packed: unknown[] = [];
    let place = 0;
    for (const { state, code } of this.#cells.values()) {
      if (packed.length === most || place > mostLookedAt) break;
      if (place++ % every !== 0 || state === null || code?.user !== this.#options.behaviours().user) continue;
      packed.push(code.user.pack(state, code.user.stateFormat));
    }
    return packed;
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
      this.#codes.forget(cell);
      gone.add(cell);
      this.#cells.delete(cell.account);
      this.#actors.take(cell);
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
    if (cell === undefined) return;
    if (!this.#isFree(cell)) {
      this.#send(cell, { message, request: 0 });
      return;
    }
    cell.lastMs = this.#options.now();
    this.#receive(cell, message, this.#moment(0));
  }

  /** Nothing is before what comes now: it needs no actor's mailbox, which would cost more than all the rest. */
  #isFree({ queued, due, lostItems, isStopped }: Cell<State, Message, Item>): boolean {
    return queued === 0 && due.length === 0 && !lostItems && !isStopped;
  }

  /**
   * Asks actors to which nothing has come for the idle time whether they will stop: some in each turn, for there may be a million.
   * One that stays is asked again after as long.
   */
  stopIdle(): void {
    if (this.#idleWalk !== null) return;
    this.#idleWalk = this.#cells.values();
    this.#walkIdle();
  }

  #walkIdle(): void {
    const nowMs = this.#options.now();
    const before = nowMs - (this.#options.idleMs ?? defaultIdleMs);
    for (let looked = 0; looked < idleAtOnce; looked++) {
      const cell = this.#idleWalk?.next().value;
      if (cell === undefined) {
        this.#idleWalk = null;
        return;
      }
      if (cell.lastMs >= before || !this.#isFree(cell)) continue;
      this.#receive(cell, { kind: 'idle' }, this.#moment(0));
      if (!cell.isStopped) cell.lastMs = nowMs;
    }
    setImmediate(() => this.#walkIdle());
  }

  /** What was announced may lack something: each looks for itself, as after an overflow. */
  missed(): void {
    const cells = [...this.#cells.values()];
    for (const cell of cells) cell.lostItems = true;
    // Whoever says so is in the middle of something.
    setImmediate(() => this.#deliverAll(cells, 0, deliveringTurnMs));
  }

  close(): void {
    this.#idleWalk = null;
    this.#actors.close();
  }

  #cellOf(account: AccountId): Cell<State, Message, Item> {
    const found = this.#cells.get(account);
    if (found !== undefined) return found;
    const cell = newCell<State, Message, Item>(account, this.#options.now());
    this.#cells.set(account, cell);
    return cell;
  }

  #send(cell: Cell<State, Message, Item>, letter: Letter<Message, Item>): void {
    cell.queued++;
    this.#actors.send(cell, letter);
  }

  /**
   * Deliveries to an actor whose mailbox is empty are handled at once: nobody else is in it, and nothing is before them. A message
   * of nact's each would cost more than all the rest of a delivery. An actor with letters waiting takes them in its turn.
   */
  #settle(): void {
    const woken = this.#woken;
    this.#woken = [];
    this.#deliverAll(woken, 0, this.#codes.isOver ? Number.POSITIVE_INFINITY : deliveringTurnMs);
  }

  /** While actors go over to new code each takes longer, and the turn must not: the rest is delivered in the next one. */
  #deliverAll(woken: readonly Cell<State, Message, Item>[], from: number, mostMs: number): void {
    const endMs = mostMs === Number.POSITIVE_INFINITY ? mostMs : performance.now() + mostMs;
    const moment = this.#moment(0);
    for (let place = from; place < woken.length; place++) {
      const cell = woken[place];
      // Of those left over some have been delivered to before a letter, or are gone.
      if (cell === undefined || (from > 0 && !cell.isLate)) continue;
      if (cell.queued === 0) this.#deliver(cell, moment);
      else this.#actors.send(cell, null);
      if (endMs === Number.POSITIVE_INFINITY || performance.now() < endMs) continue;
      for (let late = place + 1; from === 0 && late < woken.length; late++) {
        const other = woken[late];
        if (other !== undefined) other.isLate = true;
      }
      setImmediate(() => this.#deliverAll(woken, place + 1, mostMs));
      return;
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
    // It would have been delivered to in the turn in which that was announced: who asks now is to find it.
    if (cell.isLate) this.#deliver(cell, this.#moment(0));
    cell.lastMs = this.#options.now();
    this.#receive(cell, letter.message, this.#moment(letter.request), letter.read ?? null);
  }

  #deliver(cell: Cell<State, Message, Item>, moment: Moment): void {
    const items = cell.due;
    const lost = cell.lostItems;
    cell.due = [];
    cell.lostItems = false;
    cell.isLate = false;
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
    try {
      const user = this.#codes.of(cell);
      const intent = user.intent(message);
      const refusal = intent === 'reads' ? null : this.#options.facts.refusal(intent);
      if (refusal !== null) {
        this.#reply(request, { ok: false, rejection: refusal });
        return;
      }
      const before = cell.state ?? user.load(cell.account, this.#options.facts.reader);
      const [state, effects] = user.receive(before, message, moment, read ?? this.#options.facts.writing);
      this.#codes.keep(cell, state);
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
    this.#codes.forget(cell);
    this.#cells.delete(cell.account);
    this.#actors.take(cell);
  }

  #crash(cell: Cell<State, Message, Item>, request: number, error: unknown): void {
    this.#codes.forget(cell);
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
