// What a core takes in of the other cores' logs: it follows both lanes of each, and knows up to where it has them.
import type { Key } from '../runtime/key.ts';
import { bitsOf, sameBits } from './partition-set.ts';
import {
  type Copy,
  fromNow,
  type Lane,
  logAt,
  mostLives,
  type PeerMessage,
  type Position,
  placeOf,
  type Reach,
  relayOf,
} from './peer-messages.ts';
import type { LanePosition, ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import { SetBacks } from './replica-set-backs.ts';
import type { Log } from './replica-stored.ts';
import type { Untold } from './replica-untold.ts';
import type { Ring } from './ring.ts';

/** One lane of one peer. */
interface Flow {
  id: number;
  lane: Lane;
  partitions: Uint8Array;
  /** Null until the peer has said where it begins. */
  incarnation: number | null;
  /** Up to where entries have come in. */
  received: Record<Log, number>;
  /** Up to where they are on the disk. */
  done: Record<Log, number>;
  /** What waits behind writes under way. */
  writing: number;
  lastMs: number;
}

export interface IntakeOptions {
  self: number;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: () => Ring;
  send: Send;
  partitionOf(key: Key): number;
  /** Whether this node has all of some partition: then it needs all of every log. If not, a scan will bring what was before. */
  hasData(): boolean;
  /** The version of the list of authors that the peer was sent last. */
  wantOf(node: number): number;
  /** Entries on the disk now; `stored`: those that are facts here. The others were only wanted. */
  arrived(from: number, lane: Lane | 'relayed', entries: readonly Copy[]): void;
  untold(): Pick<Untold, 'of' | 'tell'>;
  /** Of the ring that is known here. */
  epoch(): number;
  /** A position has moved. */
  moved(from: number): void;
  /** The peer's log does not go back far enough. `scanned`: only of these something is missing; null: of all. */
  trimmed(by: number, lane: Lane, scanned: ReadonlySet<number> | null): void;
  /** A lane that had been trimmed goes on from now: what is before will not come by it. */
  skipped(lane: Lane): void;
}

/** Nothing heard of a lane for this long, and it is followed anew. */
const staleMs = 2000;
const storedEveryMs = 1000;
const farSeq = Number.MAX_SAFE_INTEGER;
const logs = ['own', 'relay'] as const;

export class Intake {
  readonly #options: IntakeOptions;
  readonly #flows = new Map<number, Record<Lane, Flow>>();
  readonly #have: Record<LanePosition['lane'], Map<string, Position>> = {
    replica: new Map(),
    committed: new Map(),
    whole: new Map(),
  };
  /** Places that have moved without anything written: if that were never kept, a restart would find them trimmed. */
  readonly #unwritten: Record<LanePosition['lane'], Set<string>> = {
    replica: new Set(),
    committed: new Set(),
    whole: new Set(),
  };
  /** Copies below these are not complete: see `Reach`. */
  readonly #bases = new Map<string, number>();
  /** To be kept on disk with what is held. */
  readonly setBacks = new SetBacks((origin, incarnation) => this.seqOf('replica', origin, incarnation));
  /** Lanes of nodes whose logs do not go back to where they stood: they go on from where those are now. */
  readonly #isCut = new Set<string>();
  /** Replica lanes that may carry more than before: they go back to where the committed lane stood, until they have come as far again. */
  readonly #again = new Map<string, number>();
  #lastId = 0;
  #storedMs = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    for (const { lane, origin, incarnation, seq } of options.store.positions())
      this.#have[lane].set(placeOf(origin, incarnation), { origin, incarnation, seq });
  }

  /** Follows both its lanes from where they stand. */
  linked(node: number): void {
    const flow = (lane: Lane): Flow => ({
      id: 0,
      lane,
      partitions: new Uint8Array(0),
      incarnation: null,
      received: { own: 0, relay: 0 },
      done: { own: 0, relay: 0 },
      writing: 0,
      lastMs: 0,
    });
    this.#flows.set(node, { replica: flow('replica'), committed: flow('committed') });
    this.#follow(node, 'replica');
    this.#follow(node, 'committed');
  }

  unlinked(node: number): void {
    this.#flows.delete(node);
  }

  /**
   * Up to where this node has the logs: every entry that concerns what it owns. A log that a scan has set back is there twice: what it
   * had before is here still, and may be nowhere else.
   */
  have(): Reach[] {
    const { store } = this.#options;
    return [...this.originsOf('replica'), ...this.asFacts()].flatMap((position) => {
      const { origin, incarnation, seq } = position;
      const from = Math.max(this.baseOf(origin, incarnation), store.trimmedUpTo(origin, incarnation));
      const reach = { ...position, from };
      const isMoreHere = (store.read(origin, incarnation, seq, 1)?.entries.length ?? 0) > 0;
      return isMoreHere ? [reach, { ...reach, seq: farSeq }] : [reach];
    });
  }

  /** What `base` was called with: to be kept on disk with what is held. */
  bases(): [string, number][] {
    return [...this.#bases];
  }

  /** Copies of that log may be missing up to there, though the facts are here. */
  base(place: string, seq: number): void {
    this.#bases.set(place, Math.max(seq, this.#bases.get(place) ?? 0));
  }

  /** See `base`. 0: none are missing. */
  baseOf(origin: number, incarnation: number): number {
    return this.#bases.get(placeOf(origin, incarnation)) ?? 0;
  }

  /** Logs that no lane brings here, as far as a scan has brought them: what this node wrote before its disk was wiped. */
  asFacts(): Position[] {
    const scanned = this.bases().filter(([place]) => !this.#have.replica.has(place));
    return scanned.map(([place, seq]) => ({ ...logAt(place), seq }));
  }

  /** In a lane, of a life of an origin's log. */
  seqOf(lane: LanePosition['lane'], origin: number, incarnation: number): number {
    return this.#have[lane].get(placeOf(origin, incarnation))?.seq ?? 0;
  }

  /** All lives of an origin that the lane has been followed in. */
  livesOf(lane: Lane, origin: number): Position[] {
    return [...this.#have[lane].values()].filter((position) => position.origin === origin);
  }

  /** Where the lane stands, in all lives of all origins. */
  originsOf(lane: Lane): Position[] {
    return [...this.#have[lane].values()];
  }

  /**
   * Goes back to these positions, or forward where there was none: what a scan has brought stands there. Where the lanes of its `source`
   * stand is written, too: it may be known from what nothing was written for, and a restart must not take it for "there was none".
   */
  rewind(positions: readonly LanePosition[], source: number | null = null): void {
    const changed: LanePosition[] = source === null ? [] : this.#placesIn(source);
    for (const { lane, origin, incarnation, seq } of positions) {
      const place = placeOf(origin, incarnation);
      const known = this.#have[lane].get(place);
      if (lane === 'replica') this.base(place, seq);
      // Who has other partitions, and nothing of that log, needs all of it for them.
      if (known === undefined ? this.#options.hasData() : known.seq <= seq) continue;
      this.#have[lane].set(place, { origin, incarnation, seq });
      changed.push({ lane, origin, incarnation, seq });
    }
    // Before the partition counts as held: a restart must not find the later ones.
    this.#options.store.adopt({ copies: [], from: { kind: 'state' }, positions: changed }, () => {});
    for (const node of this.#flows.keys()) {
      this.#follow(node, 'replica');
      this.#follow(node, 'committed');
    }
  }

  /** Where the lanes of a node stand. */
  #placesIn(node: number): LanePosition[] {
    return (['replica', 'committed'] as const).flatMap((lane) =>
      [node, relayOf(node)].flatMap((origin) =>
        this.livesOf(lane, origin).map((position) => ({ lane, ...position })),
      ),
    );
  }

  /**
   * Of a partition that is owned no more the replica lane brings nothing any more. What it has not brought yet may be addressed to this
   * node all the same: the committed lane, which has passed over it, goes back to where the other stands. And of a partition that is
   * owned newly the committed lane may have yet to bring what its authors wrote: so that nothing later comes first, the replica lane
   * brings it, too.
   */
  ringChanged(): void {
    // Where the committed lane has not been anywhere yet, it begins at the beginning.
    const reached = this.originsOf('replica').filter(({ origin, incarnation }) =>
      this.#have.committed.has(placeOf(origin, incarnation)),
    );
    for (const { origin, incarnation, seq } of reached) {
      const place = placeOf(origin, incarnation);
      const shown = this.seqOf('committed', origin, incarnation);
      if (shown < seq) this.#again.set(place, Math.min(shown, this.#again.get(place) ?? shown));
    }
    this.rewind(reached.map((position) => ({ lane: 'committed' as const, ...position })));
  }

  /** Follows anew where what is owned has changed, or nothing has come for long. */
  tick(): void {
    const { self, ring, clock } = this.#options;
    const owned = bitsOf(ring().held(self), ring().partitions);
    const isDue = clock.monoMs() - this.#storedMs > storedEveryMs;
    if (isDue) {
      this.#storedMs = clock.monoMs();
      this.#writePlaces();
    }
    for (const [node, flows] of this.#flows) {
      if (isDue) this.#sayStored(node, flows.replica);
      for (const flow of [flows.replica, flows.committed]) {
        const isStale = clock.monoMs() - flow.lastMs > staleMs;
        if (isStale || !sameBits(flow.partitions, owned)) this.#follow(node, flow.lane);
      }
    }
  }

  /** Once more, for what was said may have been lost with a link. */
  #sayStored(node: number, { id, incarnation, done }: Flow): void {
    if (incarnation === null) return;
    const { send } = this.#options;
    send(node, { kind: 'stored', follow: id, origin: node, incarnation, seq: done.own });
    send(node, { kind: 'stored', follow: id, origin: relayOf(node), incarnation, seq: done.relay });
  }

  /** The peer lives, and has sent everything up to there: if that is here, the lane is well. */
  heard(node: number, lane: Lane, { own, relay }: Record<Log, number>): void {
    const flow = this.#flows.get(node)?.[lane];
    if (
      flow !== undefined &&
      flow.received.own >= own &&
      flow.received.relay >= relay &&
      flow.incarnation !== null
    )
      flow.lastMs = this.#options.clock.monoMs();
  }

  /** Both lanes of a node have come far enough, and up to there nothing was passed over that has not come since. */
  isWhole(node: number, incarnation: number, { own, relay }: Record<Log, number>): void {
    this.#isWhole({ origin: node, incarnation, seq: own });
    this.#isWhole({ origin: relayOf(node), incarnation, seq: relay });
  }

  #isWhole(position: Position): void {
    const { origin, incarnation, seq } = position;
    if (seq <= this.seqOf('whole', origin, incarnation)) return;
    const place = placeOf(origin, incarnation);
    this.#have.whole.set(place, position);
    this.#unwritten.whole.add(place);
  }

  #writePlaces(): void {
    const positions = (['replica', 'committed', 'whole'] as const).flatMap((lane) => {
      const places = [...this.#unwritten[lane]];
      this.#unwritten[lane].clear();
      return places.flatMap((place): LanePosition[] => {
        const position = this.#have[lane].get(place);
        return position === undefined ? [] : [{ lane, ...position }];
      });
    });
    if (positions.length > 0)
      this.#options.store.adopt({ copies: [], from: { kind: 'state' }, positions }, () => {});
  }

  #follow(node: number, lane: Lane): void {
    const flow = this.#flows.get(node)?.[lane];
    if (flow === undefined) return;
    const { self, ring, send, clock } = this.#options;
    flow.id = ++this.#lastId;
    flow.partitions = bitsOf(ring().held(self), ring().partitions);
    flow.incarnation = null;
    flow.writing = 0;
    flow.lastMs = clock.monoMs();
    const positions = [node, relayOf(node)].flatMap((origin) => this.#start(node, lane, origin));
    const want = this.#options.wantOf(node);
    send(node, { kind: 'follow', id: flow.id, lane, partitions: flow.partitions, positions, want });
  }

  /** In each of its lives: which of them the peer's store still knows, only that can tell. */
  #start(node: number, lane: Lane, origin: number): Position[] {
    if (this.#isCut.has(`${node} ${lane}`)) return [{ origin, incarnation: fromNow, seq: 0 }];
    const lives = this.livesOf(lane, origin).slice(-mostLives);
    if (lives.length > 0) return lane === 'replica' ? lives.map((one) => this.#startAgain(one)) : lives;
    return this.#options.hasData() ? [] : [{ origin, incarnation: fromNow, seq: 0 }];
  }

  #startAgain(position: Position): Position {
    const { origin, incarnation, seq } = position;
    return { ...position, seq: Math.min(seq, this.#again.get(placeOf(origin, incarnation)) ?? seq) };
  }

  /** The peer has said where it begins to send. */
  isFollowing(node: number): boolean {
    const flows = this.#flows.get(node);
    return flows !== undefined && flows.replica.incarnation !== null && flows.committed.incarnation !== null;
  }

  /** The lane begins there. An answer to an earlier follow is passed over. */
  followed(node: number, message: Extract<PeerMessage, { kind: 'followed' }>): void {
    const flow = this.#flows.get(node)?.[message.lane];
    if (flow === undefined || flow.id !== message.follow || flow.incarnation !== null) return;
    const { own, relay, incarnation } = message;
    // Known on the disk before the place from where it goes on.
    if (this.#isCut.delete(`${node} ${message.lane}`)) this.#options.skipped(message.lane);
    flow.incarnation = incarnation;
    flow.received = { own, relay };
    flow.done = { own, relay };
    flow.lastMs = this.#options.clock.monoMs();
    // Known from now on under this life of the peer's store: it is the last in the list.
    for (const log of logs) {
      this.#reached(node, flow, log, flow.done[log]);
      this.#unwritten[message.lane].add(placeOf(log === 'own' ? node : relayOf(node), incarnation));
    }
  }

  /** A piece of a lane: acknowledged when it is on the disk, with all before it. One that leaves a gap is passed over. */
  entries(node: number, message: Extract<PeerMessage, { kind: 'entries' }>): void {
    const { self, store, ring, clock, partitionOf, arrived } = this.#options;
    const flow = this.#flows.get(node)?.[message.lane];
    if (flow === undefined || flow.id !== message.follow || flow.incarnation !== message.incarnation) return;
    const { lane, origin, incarnation, after, upTo, entries } = message;
    const log: Log = origin === node ? 'own' : 'relay';
    // One was lost. What is missing is asked for when the lane goes stale. Twice does no harm.
    if (flow.received[log] < after) return;
    flow.received[log] = Math.max(upTo, flow.received[log]);
    flow.lastMs = clock.monoMs();
    const isHere = ({ key, to }: Copy): boolean =>
      ring().holds(self, partitionOf(key)) || to.some((partition) => ring().holds(self, partition));
    const copies = entries.filter(isHere);
    const untold = lane === 'replica' ? this.#options.untold().of(copies) : [];
    const finish = (): void => {
      this.#options.untold().tell(untold);
      const isCurrent = this.#flows.get(node)?.[lane] === flow && flow.id === message.follow;
      arrived(node, lane === 'committed' && log === 'relay' ? 'relayed' : lane, entries);
      if (!isCurrent) return;
      flow.writing--;
      flow.done[log] = Math.max(upTo, flow.done[log]);
      this.#reached(node, flow, log, flow.done[log]);
    };
    flow.writing++;
    if (copies.length === 0 && flow.writing === 1) {
      this.#unwritten[lane].add(placeOf(origin, incarnation));
      finish();
      return;
    }
    const positions = [{ lane, origin, incarnation, seq: upTo }];
    const from = { kind: 'copy', origin, incarnation } as const;
    store.adopt({ copies, from, positions, isNewsToOthers: log === 'relay' }, finish);
  }

  #reached(node: number, flow: Flow, log: Log, seq: number): void {
    const { send, moved } = this.#options;
    if (flow.incarnation === null) return;
    const { lane, incarnation } = flow;
    const origin = log === 'own' ? node : relayOf(node);
    const place = placeOf(origin, incarnation);
    // The newest life stands last.
    const known = this.#have[lane].get(place);
    if (lane === 'replica' && seq >= (known?.seq ?? 0)) this.#again.delete(place);
    this.#have[lane].delete(place);
    this.#have[lane].set(place, { origin, incarnation, seq: Math.max(seq, known?.seq ?? 0) });
    if (lane === 'replica') send(node, { kind: 'stored', follow: flow.id, origin, incarnation, seq });
    moved(node);
  }

  /** The lane can't be followed from where it stands. */
  trimmed(node: number, message: Extract<PeerMessage, { kind: 'trimmed' }>): void {
    const { lane } = message;
    const flow = this.#flows.get(node)?.[lane];
    if (flow === undefined || flow.id !== message.follow) return;
    // By a later ring: what this node lacks by it can't be told. It follows anew when it knows that ring, or the lane has gone stale.
    if ((message.epoch ?? 0) > this.#options.epoch()) return;
    // It may go on from where it stands: nothing is lost by that.
    if (lane === 'replica' && this.#forgetAgain(node)) {
      this.#follow(node, lane);
      return;
    }
    const back = lane === 'replica' ? this.setBacks.trimmed(node) : null;
    if (back === null) this.#isCut.add(`${node} ${lane}`);
    this.#options.trimmed(node, lane, back?.partitions ?? null);
    // Only now: what was scanned counts as here no more.
    if (back !== null) this.#goForth(back.positions);
    this.#follow(node, lane);
  }

  /** True: it was to begin further back than where it stands. */
  #forgetAgain(node: number): boolean {
    const places = [node, relayOf(node)].flatMap((origin) =>
      this.livesOf('replica', origin).map(({ incarnation }) => placeOf(origin, incarnation)),
    );
    return places.filter((place) => this.#again.delete(place)).length > 0;
  }

  /** The replica lane stands where it had been before. */
  #goForth(positions: readonly Position[]): void {
    const changed = positions.map((position) => ({ lane: 'replica' as const, ...position }));
    for (const position of positions)
      this.#have.replica.set(placeOf(position.origin, position.incarnation), position);
    this.#options.store.adopt({ copies: [], from: { kind: 'state' }, positions: changed }, () => {});
  }
}
