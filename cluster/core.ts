// The core: the store, the actors, and the requests of gateways and operators. One process opens one core; core-program.ts is its shell.
import type { Item } from '../actors/items.ts';
import type { Ask, RequestKind } from '../actors/messages.ts';
import { type AccountId, partitionOf } from '../runtime/account-id.ts';
import type { Entry, Outcome, Reader } from '../runtime/behaviours.ts';
import { type Key, partitionOfKey } from '../runtime/key.ts';
import { needId } from '../runtime/reading.ts';
import type { Store } from '../runtime/store.ts';
import { UserActors } from '../runtime/user-actors.ts';
import type { Pushes } from '../runtime/user-actors-options.ts';
import { type Version, versionMs } from '../runtime/version.ts';
import { accountsAsked, answerUnderTerms } from './core-answering.ts';
import type { ProductMessage } from './core-behaviours.ts';
import { changedBy } from './core-changes.ts';
import type { Allowance, Counted } from './core-client.ts';
import { CoreCluster } from './core-cluster.ts';
import { forgetTokens, tellDeletions } from './core-deletions.ts';
import { CoreDoubles } from './core-doubles.ts';
import { type Colleagues, type Elsewhere, elsewhereOf } from './core-elsewhere.ts';
import { CoreGathering } from './core-gathering.ts';
import { failedLogIns, Limit } from './core-limits.ts';
import type { CoreMetrics } from './core-metrics.ts';
import { CoreOperations, isOperators, isService, type ServiceKind } from './core-operations.ts';
import type { CoreOptions, CoreShare, Peers } from './core-options.ts';
import { lookEveryMs, Pressure } from './core-pressure.ts';
import type { CoreProduct } from './core-product.ts';
import { CorePushing } from './core-pushing.ts';
import { type Answering, CoreReading, isExchange, type QueryKind, readerOf } from './core-reading.ts';
import { CoreResyncs } from './core-resyncs.ts';
import { CoreRows, type RowQueries } from './core-rows.ts';
import { CoreServices } from './core-services.ts';
import { CoreSessions } from './core-sessions.ts';
import { CoreSwap, type Swapped, type SwapReport, type SwapTerms } from './core-swap.ts';
import { CoreSweeps } from './core-sweeps.ts';
import { CoreWriting } from './core-writing.ts';
import type { Handled } from './link-handling.ts';
import type { LinkPeer } from './link-peer.ts';
import { type CommandKind, isCommand } from './link-requests.ts';
import type { Term } from './peer-messages.ts';
import { rejected } from './rejection.ts';
import { mostAwayMs } from './replica-leaving.ts';

const idleEveryMs = 15_000;
/** How long a core that stops waits for others to take what it serves. */
const handOverMs = 2000;
const noPeers: Peers = { peers: [], fence: () => Promise.resolve() };

export class Core {
  readonly store: Store;
  readonly metrics: CoreMetrics;
  readonly #options: Omit<CoreOptions, 'product'>;
  readonly #product: CoreProduct;
  readonly #swapping: CoreSwap;
  readonly #actors: UserActors<unknown, ProductMessage, Item>;
  readonly #rows: CoreRows;
  readonly #sessions = new CoreSessions();
  readonly #pushing: CorePushing;
  readonly #resyncs: CoreResyncs;
  readonly #doubles: CoreDoubles;
  readonly #reading: CoreReading;
  readonly #operations: CoreOperations;
  readonly #sweeps: CoreSweeps;
  readonly #limit: Limit;
  readonly #throttles: Limit[];
  readonly #timers: NodeJS.Timeout[];
  readonly #pressure: Pressure;
  readonly #reader: Reader;
  /** Null: there is only this core. */
  readonly cluster: CoreCluster | null;
  #client: Colleagues | null = null;
  /** Null: there are no other cores to ask. */
  #elsewhere: Elsewhere | null = null;
  #peers: Peers = noPeers;
  #served: ReadonlySet<number> = new Set();
  #hasServed = false;
  #ticked: Version | null = null;

  constructor(
    store: Store,
    options: Omit<CoreOptions, 'product'>,
    metrics: CoreMetrics,
    product: CoreProduct,
  ) {
    this.store = store;
    this.metrics = metrics;
    this.#options = options;
    this.#product = product;
    this.#reader = readerOf(store, (account) => this.cluster?.isOpen(partitionOf(account)) ?? true);
    this.cluster = options.cluster === undefined ? null : this.#share(options.cluster);
    this.#rows = new CoreRows(this.#reader, () => product.current.queries as unknown as RowQueries);
    this.#pushing = new CorePushing({
      sessions: this.#sessions,
      rows: this.#rows,
      peers: () => this.#peers.peers,
      elsewhere: () => this.#others(),
      lost: (reason) =>
        options.log.warn({ reason }, 'what was to be pushed could not be had: readers read anew'),
    });
    this.#reading = new CoreReading({
      store,
      reader: this.#reader,
      product: () => product.current,
      now: options.now,
      held: () => this.cluster?.held() ?? new Uint8Array(0),
      others: () => this.#others(),
    });
    this.#doubles = new CoreDoubles({
      fact: (key) => store.reader.fact(key),
      product: () => product.current,
      isServed: (account) => this.cluster?.isOpen(partitionOf(account)) ?? true,
      ask: (account, message) => this.#actors.ask(account, message),
      client: () => this.#client,
    });
    const writing = new CoreWriting({ store, cluster: this.cluster });
    const gathering = new CoreGathering({
      store,
      reader: this.#reader,
      writing: store.writerReader,
      cluster: this.cluster,
      elsewhere: () => this.#elsewhere,
      statusKey: (id) => product.current.statusKey(id),
    });
    this.#actors = new UserActors({
      behaviours: () => product.current,
      codeName: product.name,
      facts: {
        reader: this.#reader,
        writing: store.writerReader,
        refusal: (intent) => store.refusal({ deletes: intent === 'deletes' }),
        submit: (writes, how) => writing.submit(writes, how),
        gather: (wanted) => gathering.gather(wanted),
      },
      now: options.now,
      chance: options.chance,
      flush: (pushes, watermark) => this.#flush(pushes, watermark),
      fence: () => this.#peers.fence(),
      sweep: (account) => this.#sweeps.begin(account),
      crashed: (account, error) => {
        metrics.crashed();
        options.log.error({ account, err: error }, 'an actor failed and starts anew');
        this.#resyncs.crashed(account);
      },
      migrated: (tookMs) => metrics.swaps.migrated(tookMs),
      stayed: (account, error) => this.#swapping.stayed(account, error),
      hasAll: () => this.#others() === null,
      interest: (author, isWanted) => this.cluster?.interest.changed(author, isWanted),
      start: this.cluster?.start ?? store.version,
      idleMs: options.idleMs,
      ...(options.slice === undefined ? {} : { slice: options.slice }),
    });
    this.#resyncs = new CoreResyncs({
      sessions: this.#sessions,
      pushing: this.#pushing,
      ask: (message) => this.#actors.ask(message.account, message),
      push: (sessions) => this.#flush({ sessions, topics: new Map() }, this.#actors.watermark),
      watermark: () => this.#actors.watermark,
    });
    const signUps = new Limit({ most: options.signUpsAnHour, windowS: 3600 });
    const logIns = new Limit(failedLogIns);
    this.#limit = new Limit({ most: options.rateLimit.requests, windowS: options.rateLimit.windowS });
    this.#throttles = [this.#limit, signUps, logIns];
    const facts = {
      reader: store.reader,
      writerReader: store.writerReader,
      refusal: (how: { deletes: boolean }) => store.refusal(how),
      submit: (...asked: Parameters<Store['submit']>) => writing.submitted(...asked),
      remaining: (...asked: Parameters<Store['remaining']>) => store.remaining(...asked),
    };
    this.#sweeps = new CoreSweeps({ store: facts, log: options.log });
    const secrets = new CoreServices({
      store: facts,
      now: options.now,
      signUps,
      logIns,
      accountMade: (account) => this.#actors.tell(account, { kind: 'accountChanged', account, exists: true }),
      retire: (account) => this.#actors.ask(account, { kind: 'retire', account }),
      forget: (tokens) => forgetTokens(tokens, this.#peers),
    });
    this.#operations = new CoreOperations({
      services: secrets,
      store,
      metrics,
      actors: this.#actors,
      sessions: this.#sessions,
      peers: () => this.#peers.peers,
      now: options.now,
    });
    metrics.watch({ store, sessions: this.#sessions, actors: this.#actors });
    if (this.cluster !== null) metrics.cluster.watch(this.cluster, options.now);
    metrics.swaps.watch(this.#actors);
    this.#swapping = new CoreSwap({
      product,
      actors: this.#actors,
      reader: this.#reader,
      metrics: metrics.swaps,
      log: options.log,
      ...(options.trial === undefined ? {} : { trial: options.trial }),
    });
    this.#pressure = new Pressure({
      monoMs: () => performance.now(),
      backlogBytes: () => this.#pushing.backlogBytes,
      isAwake: (account) => this.#actors.isAwake(account),
    });
    metrics.watchPressure(this.#pressure);
    metrics.watchPushing(this.#pushing);
    this.#timers = [
      setInterval(() => this.#tidy(), idleEveryMs).unref(),
      setInterval(() => this.#pressure.look(), lookEveryMs).unref(),
    ];
  }

  /** Everything committed has been handed to the actors that want it, and to the gateways. */
  get isQuiet(): boolean {
    return this.#actors.isIdle && this.#pushing.isIdle;
  }

  /** What behaviours run, and how far the last swap is. */
  get behaviours(): SwapReport {
    return this.#swapping.report;
  }

  /** The behaviours in this release's folder take the place of those that run, if a trial shows them fit. As CoreSwap has it. */
  swap(folder: string, terms?: SwapTerms): Promise<Outcome<Swapped>> {
    return this.#swapping.swap(folder, terms);
  }

  /** Whom to push to; called once, before the first request. */
  serve(peers: Peers): void {
    this.#peers = peers;
    this.#sweeps.resume();
  }

  #share({ boot, ring, epoch, isFounder }: CoreShare): CoreCluster {
    const { node, now, wall = now, chance, log } = this.#options;
    return new CoreCluster({
      store: this.store,
      node,
      boot,
      clock: { monoMs: () => performance.now(), wallMs: wall },
      ring,
      epoch,
      isFounder,
      chance,
      log,
      announce: (entries, isOwn) => this.#announce(entries, isOwn),
      repaired: (facts) => this.metrics.cluster.repaired(facts),
      missed: () => this.#actors.missed(),
      mayMeet: (key) => this.#product.current.isOnce(key),
      met: (key, one, other) => this.#doubles.met(key, one, other),
      heard: (entries) => this.#heard(entries),
      authors: () => this.#actors.authors(),
      reached: (version) => this.#actors.reached(version),
      serving: (version, terms) => this.#serving(version, terms),
      taken: (taken) => this.metrics.cluster.took(taken),
      lost: (partitions) => {
        const isGone = (account: AccountId): boolean => partitions.has(partitionOf(account));
        this.#actors.forget(isGone);
        this.#sessions.forget(isGone);
      },
    });
  }

  /** To all other cores: called once, before the first request. */
  connect(client: Colleagues): void {
    const { cluster, store } = this;
    if (cluster === null) return;
    this.#client = client;
    const mergeViews = (key: Key, values: readonly unknown[]) =>
      this.#product.current.mergeViews(key, values);
    this.#elsewhere = elsewhereOf({ client, store, local: this.#reader, cluster, mergeViews });
  }

  /** Null: everything is here. */
  #others(): Elsewhere | null {
    return this.cluster?.hasAll === false ? this.#elsewhere : null;
  }

  /** What is served has changed: gateways attach their sessions where they belong. */
  #serving(version: number, terms: readonly Term[]): void {
    const gained = terms.some(({ partition }) => !this.#served.has(partition));
    this.#served = new Set(terms.map(({ partition }) => partition));
    this.metrics.cluster.serving(terms);
    if (gained) {
      // Alone at a start nobody else has served: what a core before this one may have left behind the links know.
      if (this.#hasServed || this.cluster?.isAlone !== true) this.#peers.tookOver?.();
      this.#hasServed = true;
      this.#sweeps.resume();
    }
    for (const peer of this.#peers.peers) peer.sendServing({ version, terms: [...terms] });
  }

  /** Somebody has been linked: it is told what is served here. */
  peerHere(peer: LinkPeer): void {
    if (this.cluster === null) return;
    tellDeletions(peer, { reader: this.#reader, nowMs: this.#options.now() });
    const { servingVersion: version, server } = this.cluster.replica;
    peer.sendServing({ version, terms: server.openTerms() });
  }

  /** The entries of one transaction, after its fsync and before anybody is told. */
  committed(entries: Entry[], position: number): void {
    if (this.cluster === null) this.#announce(entries, true);
    else this.cluster.wrote(entries, position);
  }

  /** Entries that other cores have accepted, after their fsync here. */
  adopted(entries: Entry[]): void {
    this.cluster?.adopted(entries);
  }

  /** Of authors of other cores, as they come from there. Gateways hear from those what has changed. */
  #heard(entries: Entry[]): void {
    for (const { key, version, value } of entries)
      this.#elsewhere?.keep(needId({ kind: 'fact', key }), { kind: 'fact', fact: { version, value } });
    this.#actors.committed(entries, { isComplete: false, hasTopics: () => false });
  }

  /** Enough machines have them. */
  #announce(entries: Entry[], isOwn: boolean): void {
    for (const changed of changedBy(entries, this.#product.current)) {
      for (const peer of this.#peers.peers) if (peer.role === 'gateway') peer.sendChanged(changed);
    }
    const { cluster } = this;
    if (cluster === null || (isOwn && cluster.isAlone)) {
      this.#actors.committed(entries);
      return;
    }
    this.#actors.committed(entries, {
      // What others accepted before may still be on its way here.
      isComplete: false,
      // Each core speaks of what it serves: who listens to all hears everything once.
      hasTopics: ({ key }) => cluster.isOpen(partitionOfKey(key)),
    });
  }

  /** A request, already checked against its declaration. Never rejects for what the request is about. */
  handle<K extends RequestKind>(
    kind: K,
    ask: Ask<K>,
    from: LinkPeer | null,
    counted: Counted | null,
  ): Handled | Promise<Handled> {
    this.metrics.asked(kind);
    const counting = counted === null ? null : this.#limit.count(counted.limitKey, this.#options.now());
    if (counting?.isOver === true) {
      return this.#handled(rejected('rate-limited', 'Too many requests'), counting);
    }
    const givenUp = this.#pressure.refusal(kind, ask);
    if (givenUp !== null) return this.#handled({ ok: false, rejection: givenUp }, counting);
    const answer = this.#underTerm(kind, ask, from);
    return answer instanceof Promise
      ? answer.then((outcome) => this.#handled(outcome, counting))
      : this.#handled(answer, counting);
  }

  /** Answers for accounts that are served here, and only while they are. */
  #underTerm<K extends RequestKind>(kind: K, ask: Ask<K>, from: LinkPeer | null): Answering {
    const { cluster } = this;
    if (cluster === null || cluster.isSole) return this.#answer(kind, ask, from);
    return answerUnderTerms({
      cluster,
      accounts: accountsAsked(kind, ask),
      isRead: !isCommand(kind) && !isService(kind),
      nowMs: this.#options.now(),
      completeThroughMs: versionMs(this.#actors.watermark),
      answer: () => this.#answer(kind, ask, from),
    });
  }

  #handled(outcome: Outcome<unknown>, counted: Allowance | null): Handled {
    if (!outcome.ok) this.metrics.rejected(outcome.rejection.code);
    const handled = { outcome } as Handled;
    if (counted === null) return handled;
    const { limit, remaining, resetMs } = counted;
    return { ...handled, allowance: { limit, remaining, resetMs } };
  }

  #answer<K extends RequestKind>(kind: K, ask: Ask<K>, from: LinkPeer | null): Answering {
    if (from !== null && from.role !== 'operator' && isOperators(kind)) {
      return rejected('forbidden', `${kind} is for operators`);
    }
    if (isCommand(kind)) return this.#command(kind, ask as Ask<CommandKind>, from);
    if (isService(kind)) return this.#operations.serve(kind, ask as Ask<ServiceKind>);
    if (isExchange(kind)) return this.#reading.exchange(kind, ask, from);
    return this.#reading.query(kind as QueryKind, ask as Ask<QueryKind>);
  }

  #command(kind: CommandKind, ask: Ask<CommandKind>, from: LinkPeer | null): Answering {
    if (kind === 'attach') return this.#attach(ask as Ask<'attach'>, from);
    if (kind === 'detach') {
      const gone = from === null ? null : this.#sessions.detach(from, (ask as Ask<'detach'>).session);
      if (gone !== null) this.#detach(gone);
      return { ok: true, value: {} };
    }
    // The request is nobody else's: it becomes the message.
    const asked = this.#actors.ask(ask.account, Object.assign(ask, { kind }));
    const answering = this.#resyncs.after(kind, ask, asked);
    // Only who shows the post needs its rows.
    if (kind !== 'publish' || from?.role !== 'gateway') return answering;
    return answering.then((outcome) => this.#rows.published(outcome));
  }

  async #attach(ask: Ask<'attach'>, from: LinkPeer | null): Promise<Outcome<unknown>> {
    if (from === null) return rejected('forbidden', 'attach is for gateways');
    const { account, session, since } = ask;
    const number = this.#sessions.attach(from, session, account);
    const outcome = await this.#actors.ask(account, { kind: 'attach', account, session: number, since });
    if (!outcome.ok) this.#sessions.detach(from, session);
    // Gone in the meantime: nobody would detach it any more.
    else if (!from.isOpen) this.peerGone(from);
    return outcome;
  }

  #detach({ account, number }: { account: AccountId; number: number }): void {
    this.#actors.tell(account, { kind: 'detach', account, session: number });
  }

  peerGone(peer: LinkPeer): void {
    for (const gone of this.#sessions.detachAll(peer)) this.#detach(gone);
  }

  #flush(pushes: Pushes<Item>, watermark: Version): void {
    const isQuiet = pushes.sessions.size === 0 && pushes.topics.size === 0;
    if (isQuiet && this.#ticked === watermark) return;
    this.#ticked = watermark;
    // Of several only the watermark says that nothing older is still on its way here.
    const isSole = this.cluster === null || this.cluster.isAlone;
    this.#pushing.push({ pushes, watermark, isComplete: isSole && this.#actors.isIdle });
  }

  /** Stops actors to which nothing has come for the idle time. Happens by itself, too. */
  stopIdle(): void {
    this.#actors.stopIdle();
  }

  #tidy(): void {
    this.stopIdle();
    for (const limit of this.#throttles) limit.sweep(this.#options.now());
  }

  /**
   * Before links are closed: what is served here goes to others, so that nobody waits for a lease to end. `hasHeir`: another process on
   * this store takes its place at once, and others leave it what they could not take over before.
   */
  async handOver(hasHeir = false): Promise<void> {
    await this.cluster?.handOver(handOverMs, hasHeir ? mostAwayMs : null);
  }

  /** Finishes what was taken in, then closes the store. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#swapping.close();
    this.#doubles.close();
    await this.#sweeps.stop();
    this.cluster?.close();
    await this.store.close();
    this.#actors.close();
  }
}
