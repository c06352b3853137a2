// What a core sends of its log to the other cores: a lane each to those who follow it. Receiving is replica-intake.ts's.
import { accountAt, type Key } from '../runtime/key.ts';
import { hasBit } from './partition-set.ts';
import { type Copy, fromNow, type Lane, mostEntries, type PeerMessage, relayOf } from './peer-messages.ts';
import { isWholeList } from './replica-interest.ts';
import type { ReplicaStore, Send } from './replica-ports.ts';
import type { Log, Stored } from './replica-stored.ts';

interface Feed {
  id: number;
  lane: Lane;
  /** Those that the follower owns. */
  partitions: Uint8Array;
  /** Up to where it was sent. */
  sent: Record<Log, number>;
}

interface Follower {
  replica: Feed | null;
  committed: Feed | null;
  wants: Set<number>;
  /** A list that is said again, until it is whole. */
  nextWants: Set<number> | null;
  wantVersion: number;
}

export interface FeedsOptions {
  self: number;
  store: ReplicaStore;
  stored: Stored;
  send: Send;
  /** The link takes more now; `pump` is called when it does again. */
  isWritable(node: number): boolean;
  partitionOf(key: Key): number;
  /** Of the ring that is known here. */
  epoch(): number;
}

/** Read at once for one message. */
const readAtOnce = 256;
const logs = ['own', 'relay'] as const;

export class Feeds {
  readonly #options: FeedsOptions;
  readonly #followers = new Map<number, Follower>();

  constructor(options: FeedsOptions) {
    this.#options = options;
  }

  /** Nothing is sent before it has asked for it by `follow`. */
  linked(node: number): void {
    this.#followers.set(node, {
      replica: null,
      committed: null,
      wants: new Set(),
      nextWants: null,
      wantVersion: 0,
    });
    this.#options.stored.forget(node);
  }

  unlinked(node: number): void {
    this.#followers.delete(node);
  }

  /** Up to where nobody who is linked has yet to be sent the logs, and enough owners have them: what is above must not be trimmed. */
  settledUpTo(): Record<Log, number> {
    const { stored } = this.#options;
    const upTo = { ...stored.upTo };
    // What was passed over is to be read again.
    for (const log of logs) upTo[log] = Math.min(upTo[log], stored.firstOrphan(log) - 1);
    for (const { replica, committed } of this.#followers.values())
      for (const feed of [replica, committed])
        for (const log of logs) if (feed !== null) upTo[log] = Math.min(upTo[log], feed.sent[log]);
    return upTo;
  }

  /** Nodes that follow the committed lane. */
  *committed(): Iterable<number> {
    for (const [node, { committed }] of this.#followers) if (committed !== null) yield node;
  }

  /** Begins a lane where the follower stands, or says that the log does not go back so far. What it has stored before counts again. */
  follow(node: number, message: Extract<PeerMessage, { kind: 'follow' }>): void {
    const follower = this.#followers.get(node);
    if (follower === undefined) return;
    const { self, store, send, epoch } = this.#options;
    const { id, lane, partitions, positions } = message;
    // Overtaken by a later one: that stands.
    if (id < (follower[lane]?.id ?? 0)) return;
    // What it wants is on its way, or lost: it will ask again.
    const isSaid = follower.nextWants === null && follower.wantVersion >= message.want;
    if (lane === 'committed' && !isSaid) return;
    const placeOf = (log: Log): number | null => {
      const origin = log === 'own' ? self : relayOf(self);
      const reached = positions.filter((position) => position.origin === origin);
      // Entries that nobody else may have yet are sent, or they would never count as stored. Only what is stored is ever trimmed.
      if (reached.some(({ incarnation }) => incarnation === fromNow))
        return Math.max(this.#options.stored.upTo[log], store.trimmedUpTo(origin, store.incarnation));
      return store.resume(log, reached);
    };
    const own = placeOf('own');
    const relay = placeOf('relay');
    if (own === null || relay === null) {
      send(node, { kind: 'trimmed', follow: id, lane, epoch: epoch() });
      return;
    }
    follower[lane] = { id, lane, partitions, sent: { own, relay } };
    send(node, { kind: 'followed', follow: id, lane, incarnation: store.incarnation, own, relay });
    // What it had before it has still.
    if (lane === 'replica') this.#acknowledge(node, partitions, { own, relay });
    this.#pump(node);
  }

  /** The follower has it on its disk, up to there. Of another follow than the last, or of what was not sent, it is not believed. */
  stored(node: number, message: Extract<PeerMessage, { kind: 'stored' }>): void {
    const { self, store, stored } = this.#options;
    const feed = this.#followers.get(node)?.replica;
    if (feed?.id !== message.follow || message.incarnation !== store.incarnation) return;
    const upTo = { own: stored.of(node, 'own'), relay: stored.of(node, 'relay') };
    const log: Log = message.origin === self ? 'own' : 'relay';
    upTo[log] = Math.max(upTo[log], Math.min(message.seq, feed.sent[log]));
    this.#acknowledge(node, feed.partitions, upTo);
  }

  #acknowledge(node: number, partitions: Uint8Array, upTo: Record<Log, number>): void {
    this.#options.stored.acknowledge(node, upTo, (partition) => hasBit(partitions, partition));
  }

  /** Null when an earlier one is missing: all is to be said again. */
  want(node: number, message: Extract<PeerMessage, { kind: 'want' }>): void {
    const follower = this.#followers.get(node);
    if (follower === undefined) return;
    // Said again, or late: what is here is later, and a list that begins anew must not take its place.
    if (message.version <= follower.wantVersion) {
      this.#options.send(node, { kind: 'wanted', version: follower.wantVersion });
      return;
    }
    if (message.from === 0) follower.nextWants = new Set();
    else if (message.from !== follower.wantVersion) return;
    const wants = follower.nextWants ?? follower.wants;
    for (const author of message.remove) wants.delete(author);
    for (const author of message.add) wants.add(author);
    follower.wantVersion = message.version;
    // Until then the lane goes by the former one: who is in both is never left out.
    if (isWholeList(message.version)) {
      follower.wants = wants;
      follower.nextWants = null;
    }
    this.#options.send(node, { kind: 'wanted', version: message.version });
  }

  /** Copies of another origin's log, as a lane of this node's own would carry them. */
  copiesFor(node: number, entries: readonly Copy[]): Copy[] {
    const follower = this.#followers.get(node);
    const feed = follower?.committed ?? null;
    return follower === undefined || feed === null
      ? []
      : entries.filter((entry) => this.#isFor(entry, feed, follower));
  }

  /** Sends what there is to those who can take it. */
  pump(): void {
    for (const node of this.#followers.keys()) this.#pump(node);
  }

  #pump(node: number): void {
    const follower = this.#followers.get(node);
    if (follower === undefined) return;
    for (const feed of [follower.replica, follower.committed]) {
      // What was found at a takeover is older than what was written since.
      if (feed !== null) for (const log of ['relay', 'own'] as const) this.#send(node, follower, feed, log);
    }
  }

  #send(node: number, follower: Follower, feed: Feed, log: Log): void {
    const { self, store, stored, send, isWritable, epoch } = this.#options;
    const isOpen = feed.lane === 'replica';
    const limit = isOpen ? store.head(log) : Math.min(stored.upTo[log], store.head(log));
    const origin = log === 'own' ? self : relayOf(self);
    while (feed.sent[log] < limit && isWritable(node)) {
      const after = feed.sent[log];
      const piece = store.read(origin, store.incarnation, after, readAtOnce);
      if (piece === null) {
        send(node, { kind: 'trimmed', follow: feed.id, lane: feed.lane, epoch: epoch() });
        follower[feed.lane] = null;
        return;
      }
      const within = piece.entries.filter(({ seq }) => seq <= limit);
      const upTo = Math.min(limit, piece.upTo);
      const entries = within.filter(
        (entry) => this.#isFor(entry, feed, follower) && (isOpen || !stored.isOrphan(log, entry.seq)),
      );
      feed.sent[log] = upTo;
      const about = { follow: feed.id, lane: feed.lane, origin, incarnation: store.incarnation };
      send(node, { kind: 'entries', ...about, after, upTo, entries: entries.slice(0, mostEntries) });
    }
  }

  #isFor({ key, to }: Copy, feed: Feed, { wants }: Follower): boolean {
    const { partitionOf } = this.#options;
    const isOwned = hasBit(feed.partitions, partitionOf(key));
    if (feed.lane === 'replica') return isOwned;
    if (wants.has(accountAt(key))) return true;
    if (isOwned) return false;
    return to.some((partition) => hasBit(feed.partitions, partition));
  }
}
