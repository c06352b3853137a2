// A trial: another release's behaviours do on samples all that they will be asked to do, and answer in the form that is relied on. Pure;
// what they do is theirs, so it runs where hanging and growing harm nobody (cluster/core-trial.ts).
import type { AccountId } from './account-id.ts';
import type {
  Behaviours,
  Effect,
  Entry,
  Moment,
  Reader,
  RealSamples,
  RuntimeMessage,
  Verdict,
} from './behaviours.ts';
import { isBehaviours, type Tried } from './behaviours-form.ts';
import type { FactWrite } from './fact.ts';
import { kindOf } from './key.ts';
import { checkOutcome, checkReceived, checkRoutes, checkTouched, partsOf } from './trial-answers.ts';
import { foreignPlace, isSameData } from './trial-data.ts';
import { TrialWorld } from './trial-world.ts';
import type { Version } from './version.ts';
import { makeVersion } from './version.ts';

/** What a product brings along for its successors to be tried on. All are made anew with each call. */
export interface Samples<State, Message extends { kind: string }, Item> {
  /** Of every kind, in the order in which they come; and those that take back what others gave. */
  facts(): FactWrite[];
  /** Whose actors are loaded from these facts. */
  accounts: readonly AccountId[];
  /** Made up by the running code: empty, large, odd. */
  states(): State[];
  /** Of every kind. All are sent to each state, one after the other. */
  messages(nowMs: number, watermark: Version): (Message | RuntimeMessage<Item>)[];
  reads(): { kind: string; ask: unknown }[];
  /** Throws when the answer to a read or a message is not as it was declared. */
  checkAnswer(kind: string, answer: unknown): void;
  /** Throws when it is none. */
  checkItem(item: unknown): void;
}

export interface Trial<State, Message extends { kind: string }, Item> {
  running: Behaviours<State, Message, Item>;
  load(): unknown;
  samples: Samples<State, Message, Item>;
  real: RealSamples;
}

/** Why the trial ends. */
class Refusal extends Error {
  readonly kind: 'unfit' | 'programs';

  constructor(kind: 'unfit' | 'programs', reason: string) {
    super(reason);
    this.kind = kind;
  }
}

/** A gathered answer may lead to another question, but not for ever. */
const mostGathers = 20;

export function tryOut<State, Message extends { kind: string }, Item>(
  trial: Trial<State, Message, Item>,
): Verdict {
  try {
    const next = attempt('it can’t be loaded', trial.load);
    if (!isBehaviours(next)) throw new Refusal('unfit', 'it holds no behaviours');
    // What carries one's states and messages to the other does not look inside.
    const round = new Round({ ...trial, running: trial.running as unknown as Tried }, next);
    round.compareFormats();
    round.tryFacts();
    round.tryReads();
    return { kind: 'fit', oneWay: round.tryActors() };
  } catch (error) {
    if (error instanceof Refusal) return { kind: error.kind, reason: error.message };
    return { kind: 'unfit', reason: said(error) };
  }
}

class Round {
  readonly #running: Tried;
  readonly #next: Tried;
  readonly #samples: Samples<unknown, { kind: string }, unknown>;
  readonly #real: RealSamples;
  readonly #world: TrialWorld;
  #lastRequest = 0;

  constructor(
    { running, samples, real }: { running: Tried; samples: unknown; real: RealSamples },
    next: Tried,
  ) {
    this.#running = running;
    this.#next = next;
    this.#samples = samples as Samples<unknown, { kind: string }, unknown>;
    this.#real = real;
    this.#world = new TrialWorld(next);
  }

  compareFormats(): void {
    const formats = {
      viewsFormat: 'what it derives from facts',
      factsFormat: 'the facts it stores',
      seamFormat: 'what it says to the programs around it',
    } as const;
    for (const name of ['viewsFormat', 'factsFormat', 'seamFormat'] as const) {
      const [is, was] = [this.#next[name], this.#running[name]];
      if (is !== was)
        throw elsewhere(`${formats[name]} has another format (${name} ${is} instead of ${was})`);
    }
  }

  /** What is derived and listed is on disks already: it must be what it was. Where things go may change. */
  tryFacts(): void {
    const before = new TrialWorld(this.#running);
    for (const write of this.#samples.facts()) {
      const of = `of a fact of kind ${kindOf(write.key)}`;
      const were = before.enter(write);
      const are = attempt(`it fails to take in a fact of kind ${kindOf(write.key)}`, () =>
        this.#world.enter(write),
      );
      this.#compare(`the views ${of}`, were.views, () => are.views);
      this.#compare(`the words ${of}`, were.words, () => are.words);
      this.#tryEntry(of, were.entry);
    }
    for (const fact of before.allFacts()) {
      const of = `of a fact of kind ${kindOf(fact.key)}`;
      this.#compare(`the views taken back ${of}`, this.#running.withdraw(fact, before.reader), () =>
        this.#next.withdraw(fact, this.#world.reader),
      );
      attempt(`it fails on two versions ${of}`, () => this.#next.doubled(fact.key, fact, fact));
    }
    for (const { key, value } of before.allViews()) {
      const merged = this.#running.mergeViews(key, [value, value]);
      this.#compare('the merged views', merged, () => this.#next.mergeViews(key, [value, value]));
    }
    for (const fact of this.#real.facts) {
      const of = `of a real fact of kind ${kindOf(fact.key)}`;
      const entry = { ...fact, before: null, live: true };
      this.#compare(`the views ${of}`, this.#running.derive(entry, before.reader), () =>
        this.#next.derive(entry, this.#world.reader),
      );
      this.#compare(`the words ${of}`, this.#running.words(fact), () => this.#next.words(fact));
      this.#tryEntry(of, entry);
    }
  }

  #tryEntry(of: string, entry: Entry): void {
    const [was, is] = [this.#running, this.#next];
    const { reader } = this.#world;
    const { key, value } = entry;
    const listed = was.listed(key, value);
    this.#compare(`the accounts addressed ${of}`, [...was.addressed(entry)], () => [...is.addressed(entry)]);
    this.#compare(`the listed id ${of}`, listed, () => is.listed(key, value));
    if (listed !== null) this.#compare(`the key ${of}`, was.statusKey(listed), () => is.statusKey(listed));
    attempt(`it fails to tell whether one request made it, ${of}`, () => is.isOnce(key));
    attempt(`it fails to route ${of}`, () => {
      checkRoutes(is.route(entry, reader), (item) => this.#samples.checkItem(item));
    });
    attempt(`it fails to tell what is touched ${of}`, () => checkTouched(is.touched(entry)));
  }

  #compare(what: string, was: unknown, now: () => unknown): void {
    const is = attempt(`it fails to give ${what}`, now);
    if (!isSameData(was, is)) throw elsewhere(`${what} would be others than those on the disk`);
  }

  tryReads(): void {
    const queries = this.#next.queries as Record<
      string,
      ((reader: Reader, ask: unknown, nowMs: number) => unknown) | undefined
    >;
    for (const { kind, ask } of this.#samples.reads()) {
      attempt(`it fails to answer ${kind}`, () => {
        const query = queries[kind];
        if (query === undefined) throw new TypeError('there is no such read');
        const outcome = checkOutcome(query(this.#world.reader, ask, this.#world.nowMs));
        if (outcome.ok) this.#samples.checkAnswer(kind, outcome.value);
      });
    }
  }

  /** Why there is no way back; null: there is one. */
  tryActors(): string | null {
    for (const account of this.#samples.accounts) {
      const of = 'an actor that it has loaded';
      const state = attempt('it fails to load an actor', () =>
        this.#next.user.load(account, this.#world.reader),
      );
      this.#tell(state, of);
    }
    const twins = this.#samples.states();
    const oneWay = this.#samples
      .states()
      .map((state, n) => this.#tryState(`the made-up state ${n}`, state, twins[n]));
    const restored = (): unknown[] =>
      this.#real.states().map((packed) => this.#running.user.migrate(packed, this.#running.user.stateFormat));
    const realTwins = restored();
    for (const [n, state] of restored().entries())
      oneWay.push(this.#tryState(`the state ${n} of an awake actor`, state, realTwins[n]));
    return oneWay.find((reason) => reason !== null) ?? null;
  }

  /** By its twin is seen that the first one stays as it is. */
  #tryState(of: string, running: unknown, twin: unknown): string | null {
    const [was, is] = [this.#running.user, this.#next.user];
    const format = Math.min(was.stateFormat, is.stateFormat);
    const pack = (state: unknown): unknown =>
      attempt(`there is no way to it: ${of} can’t be packed in format ${format}`, () =>
        was.pack(state, format),
      );
    const packed = pack(running);
    const migrated = attempt(`it can’t take over ${of}`, () => is.migrate(packed, format));
    if (!isSameData(packed, pack(twin))) throw new Refusal('unfit', `it changes ${of} that it takes over`);
    const told = this.#tell(migrated, of);
    attempt(`it can’t pack ${of}`, () => {
      const own = is.pack(told, is.stateFormat);
      const foreign = foreignPlace(own);
      if (foreign !== null) throw new TypeError(`what is packed holds more than data, at ${foreign}`);
      is.migrate(own, is.stateFormat);
    });
    try {
      was.migrate(is.pack(told, format), format);
      return null;
    } catch (error) {
      return `what runs now can’t take back ${of}: ${said(error)}`;
    }
  }

  /** All messages, and what they ask for. The state at the end. */
  #tell(first: unknown, of: string): unknown {
    let state = first;
    const { nowMs, reader } = this.#world;
    const watermark = makeVersion(nowMs, 0, 1);
    const kinds = new Map<number, string>();
    const messages = this.#samples.messages(nowMs, watermark);
    for (let place = 0; place < messages.length; place++) {
      const message = messages[place];
      if (message === undefined) break;
      const request = ++this.#lastRequest;
      kinds.set(request, message.kind);
      const moment: Moment = {
        request,
        nowMs: nowMs + place,
        watermark,
        hasAll: place % 2 === 0,
        chance: 0.5,
      };
      let gathers = mostGathers;
      const due: unknown[] = [message];
      for (const one of due) {
        const { kind } = partsOf(one, 'a message');
        const effects = attempt(`it fails on ${String(kind)}, with ${of}`, () => {
          this.#checkIntent(one);
          const [after, asked] = checkReceived(
            this.#next.user.receive(state, one as { kind: string }, moment, reader),
            (item) => this.#samples.checkItem(item),
          );
          state = after;
          for (const effect of asked) this.#checkReply(effect, kinds);
          return asked;
        });
        for (const effect of effects)
          if (effect.kind === 'gather' && gathers-- > 0) due.push(this.#gathered(effect));
      }
    }
    return state;
  }

  #checkIntent(message: unknown): void {
    const intent: unknown = this.#next.user.intent(message as { kind: string });
    if (intent !== 'reads' && intent !== 'writes' && intent !== 'deletes')
      throw new TypeError(`its intent is ${String(intent)}`);
  }

  #checkReply(effect: Effect<unknown>, kinds: ReadonlyMap<number, string>): void {
    if (effect.kind !== 'reply' || !effect.outcome.ok) return;
    const kind = kinds.get(effect.request);
    if (kind !== undefined) this.#samples.checkAnswer(kind, effect.outcome.value);
  }

  #gathered({ ticket, recent, ranges }: Effect<unknown> & { kind: 'gather' }): unknown {
    const statuses = this.#world.newest(recent.authors, recent.most);
    const found = ranges.map((range) => this.#world.reader.views(range));
    return { kind: 'gathered', ticket, statuses, found, failed: null };
  }
}

function attempt<T>(otherwise: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('unfit', `${otherwise}: ${said(error)}`);
  }
}

function elsewhere(what: string): Refusal {
  return new Refusal('programs', `${what}: this needs the programs’ way, a core that starts with it`);
}

/** Whatever was thrown. */
function said(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : `it throws ${String(error)}`;
  } catch {
    return 'it throws something that can’t be printed';
  }
}
