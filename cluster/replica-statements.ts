// What servers say of the end of their logs, so that others know what they have seen all of. What follows from it replica-horizon.ts says.
import { makeVersion, type Version } from '../runtime/version.ts';
import type { Term } from './peer-messages.ts';
import { type PeerMessage, relayOf } from './peer-messages.ts';
import type { Feeds } from './replica-feeds.ts';
import type { Horizon, Statement } from './replica-horizon.ts';
import type { Intake } from './replica-intake.ts';
import type { KeptTime } from './replica-kept.ts';
import type { ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { Serving } from './replica-serving.ts';
import type { Stored } from './replica-stored.ts';

type Closed = Extract<PeerMessage, { kind: 'closed' }>;

export interface StatementsOptions {
  self: number;
  store: ReplicaStore;
  clock: ReplicaClock;
  stored: Stored;
  feeds: Feeds;
  intake: Intake;
  horizon: Horizon;
  serving: Serving;
  send: Send;
  /** What this node serves. */
  terms(): Term[];
  everyMs: number;
  /** No other owner: what is stored is all there is, and the wall says nothing more. */
  isAlone(): boolean;
  /** See `Relay`. */
  isTelling(): boolean;
  kept: Pick<KeptTime, 'ceiling'>;
  /** The watermark may have moved. */
  moved(): void;
}

const termsEveryMs = 2000;

export class Statements {
  readonly #options: StatementsOptions;
  /** What a node has said of the end of its log, until all of that is here. */
  readonly #open = new Map<number, Closed & { terms: Term[] }>();
  /** What was said last with its terms, and what has come so. */
  readonly #said = new Map<number, { version: number; atMs: number }>();
  readonly #heard = new Map<number, { version: number; terms: Term[] }>();
  #saidMs = Number.NEGATIVE_INFINITY;
  #closed: Version;

  constructor(options: StatementsOptions) {
    this.#options = options;
    this.#closed = options.store.clock;
  }

  /** Of a link that is gone, or of one before. */
  forget(node: number): void {
    this.#open.delete(node);
    this.#said.delete(node);
    this.#heard.delete(node);
  }

  /** Says it when it is time. */
  tick(): void {
    const { clock, everyMs } = this.#options;
    if (clock.monoMs() - this.#saidMs >= everyMs) this.say();
  }

  /** Tells everybody up to where this node's log is complete, and what that is the word for. */
  say(): void {
    const { store, send, clock, self, stored, horizon, feeds, serving, moved } = this.#options;
    this.#saidMs = clock.monoMs();
    const terms = this.#options.terms();
    const { upTo, atStart } = stored;
    const closed = this.#close();
    const { version } = serving;
    horizon.take(self, { version, terms, closed });
    for (const node of feeds.committed()) {
      send(node, {
        kind: 'closed',
        version,
        terms: this.#isDue(node, version) ? terms : null,
        closed,
        head: Math.max(upTo.own, atStart.own),
        relay: stored.relayUpTo,
        own: store.head('own'),
        ownRelay: store.head('relay'),
        whole: stored.wholeUpTo.own,
        wholeRelay: stored.wholeUpTo.relay,
        incarnation: store.incarnation,
      });
    }
    moved();
  }

  /** Terms are long, and seldom others: they are said with a new version, and now and then, for a message may be lost. */
  #isDue(node: number, version: number): boolean {
    const said = this.#said.get(node);
    const nowMs = this.#saidMs;
    if (said?.version === version && nowMs - said.atMs < termsEveryMs) return false;
    this.#said.set(node, { version, atMs: nowMs });
    return true;
  }

  /** No entry at or below it will come into what this node serves. */
  #close(): Version {
    const { store, clock, self, stored, kept, isAlone, isTelling } = this.#options;
    if (isTelling()) return this.#closed;
    let closed = stored.version;
    if (!stored.isWaiting && store.inFlight === 0 && !isAlone()) {
      store.observe(makeVersion(clock.wallMs(), 0, self));
      if (store.clock <= kept.ceiling) closed = store.clock;
      else if (kept.ceiling > closed) closed = kept.ceiling;
    }
    if (closed > this.#closed) this.#closed = closed;
    return this.#closed;
  }

  /** A node's statement: it is taken by `take` when all it speaks of is here. Null: what the node serves it has not said yet. */
  heard(node: number, statement: Closed): Pick<Statement, 'version' | 'terms'> | null {
    const { intake } = this.#options;
    intake.heard(node, 'replica', { own: statement.own, relay: statement.ownRelay });
    intake.heard(node, 'committed', { own: statement.head, relay: statement.relay });
    const { version } = statement;
    if (statement.terms !== null) this.#heard.set(node, { version, terms: statement.terms });
    const heard = this.#heard.get(node);
    if (heard?.version !== version) return null;
    this.#open.set(node, { ...statement, terms: heard.terms });
    return heard;
  }

  /** Takes a node's statement when all it speaks of is here. */
  take(node: number): void {
    const statement = this.#open.get(node);
    if (statement === undefined) return;
    const { intake, horizon, moved } = this.#options;
    const { head, relay, incarnation } = statement;
    for (const lane of ['replica', 'committed'] as const) {
      if (intake.seqOf(lane, node, incarnation) < head) return;
      if (intake.seqOf(lane, relayOf(node), incarnation) < relay) return;
    }
    this.#open.delete(node);
    intake.isWhole(node, incarnation, { own: statement.whole, relay: statement.wholeRelay });
    horizon.take(node, statement);
    moved();
  }
}
