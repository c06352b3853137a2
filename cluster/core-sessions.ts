// The sessions attached to a core: which gateway each is on, and what a tick carries to each gateway.
import type { Item } from '../actors/items.ts';
import type { Tick } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import { printCursor, type Version } from '../runtime/version.ts';
import type { CoreRows } from './core-rows.ts';
import type { LinkPeer } from './link-peer.ts';

/** Items and the sessions and topics they are for. What waits long is kept in four bytes a session. */
export interface DuePushes {
  sessions: ReadonlyMap<Item, readonly number[] | Uint32Array>;
  topics: ReadonlyMap<Item, string[]>;
}

interface Attached {
  peer: LinkPeer;
  /** The gateway's number for it. */
  session: number;
  account: AccountId;
}

/** What a gateway gets of one item. */
interface Share {
  sessions: number[];
  topics: string[];
}

export class CoreSessions {
  readonly #attached = new Map<number, Attached>();
  readonly #numbers = new Map<LinkPeer, Map<number, number>>();
  #lastNumber = 0;

  get size(): number {
    return this.#attached.size;
  }

  /** This number is somebody's now. */
  has(number: number): boolean {
    return this.#attached.has(number);
  }

  /** The core's number for a gateway's session: a new one, for actors to push to. */
  attach(peer: LinkPeer, session: number, account: AccountId): number {
    const numbers = this.#numbers.get(peer) ?? new Map<number, number>();
    this.#numbers.set(peer, numbers);
    const earlier = numbers.get(session);
    if (earlier !== undefined) this.#attached.delete(earlier);
    const number = ++this.#lastNumber;
    numbers.set(session, number);
    this.#attached.set(number, { peer, session, account });
    return number;
  }

  /** Null when it is not attached. */
  detach(peer: LinkPeer, session: number): { number: number; account: AccountId } | null {
    const number = this.#numbers.get(peer)?.get(session);
    const attached = number === undefined ? undefined : this.#attached.get(number);
    if (number === undefined || attached === undefined) return null;
    this.#numbers.get(peer)?.delete(session);
    this.#attached.delete(number);
    return { number, account: attached.account };
  }

  /** All of a gateway's sessions, when its link is gone. */
  detachAll(peer: LinkPeer): { number: number; account: AccountId }[] {
    const gone: { number: number; account: AccountId }[] = [];
    for (const number of this.#numbers.get(peer)?.values() ?? []) {
      const attached = this.#attached.get(number);
      if (attached !== undefined) gone.push({ number, account: attached.account });
      this.#attached.delete(number);
    }
    this.#numbers.delete(peer);
    return gone;
  }

  /** Sessions of accounts that are served elsewhere now: their gateways attach them there. */
  forget(isGone: (account: AccountId) => boolean): void {
    for (const [number, { peer, session, account }] of this.#attached) {
      if (!isGone(account)) continue;
      this.#attached.delete(number);
      this.#numbers.get(peer)?.delete(session);
    }
  }

  /** New numbers for an account's sessions: what is pushed to those before goes nowhere. */
  renew(account: AccountId): { before: number; now: number }[] {
    return this.of(account).flatMap((before) => {
      const attached = this.#attached.get(before);
      if (attached === undefined) return [];
      this.#attached.delete(before);
      const now = ++this.#lastNumber;
      this.#attached.set(now, attached);
      this.#numbers.get(attached.peer)?.set(attached.session, now);
      return [{ before, now }];
    });
  }

  /** The sessions of an account whose actor has lost its state. */
  of(account: AccountId): number[] {
    const numbers: number[] = [];
    for (const [number, attached] of this.#attached) if (attached.account === account) numbers.push(number);
    return numbers;
  }

  /**
   * One tick for every gateway. Items go in the order of their versions, so that each session sees each author in order; their
   * cursors never pass the watermark of a tick in which something older is still on its way.
   */
  ticks(
    { sessions, topics }: DuePushes,
    options: { watermark: Version; isComplete: boolean; peers: Iterable<LinkPeer>; rows: CoreRows },
  ): Map<LinkPeer, Tick> {
    const { watermark, isComplete, peers, rows } = options;
    const items = inOrder({ sessions, topics });
    const gateways = [...peers].filter((peer) => peer.role === 'gateway');
    const ticks = new Map<LinkPeer, Tick>();
    for (const peer of gateways) ticks.set(peer, { items: [], cursor: printCursor(watermark) });
    for (const item of items) {
      const shares = this.#shares(item, sessions.get(item) ?? [], topics.get(item) ?? [], gateways);
      if (shares.size === 0) continue;
      const safe = isComplete || item.version < watermark ? item.version : watermark;
      const cursor = printCursor(safe);
      const version = isComplete ? null : printCursor(item.version);
      // Rows are read now, not when the item was made: what was deleted since is not shown any more.
      const render = rows.push(item);
      if (render === null) continue;
      for (const [peer, share] of shares) {
        ticks.get(peer)?.items.push(render({ ...share, sessions: bytesOf(share.sessions), cursor, version }));
      }
    }
    return ticks;
  }

  #shares(
    item: Item,
    numbers: Iterable<number>,
    topics: string[],
    gateways: LinkPeer[],
  ): Map<LinkPeer, Share> {
    const shares = new Map<LinkPeer, Share>();
    for (const number of numbers) {
      const attached = this.#attached.get(number);
      if (attached === undefined) continue;
      const share = shares.get(attached.peer);
      if (share === undefined) shares.set(attached.peer, { sessions: [attached.session], topics: [] });
      else share.sessions.push(attached.session);
    }
    if (topics.length === 0 || (item.kind !== 'status' && item.kind !== 'removed')) return shares;
    for (const peer of gateways) {
      const wanted = topics.filter((topic) => peer.topics.has(topic));
      if (wanted.length === 0) continue;
      const share = shares.get(peer);
      if (share === undefined) shares.set(peer, { sessions: [], topics: wanted });
      else share.topics = wanted;
    }
    return shares;
  }
}

/** Each item once, in the order of their versions. */
export function inOrder({ sessions, topics }: DuePushes): Item[] {
  return [...new Set([...sessions.keys(), ...topics.keys()])].sort((one, other) =>
    one.version < other.version ? -1 : one.version > other.version ? 1 : 0,
  );
}

/** Four bytes each, big-endian. */
function bytesOf(sessions: number[]): Uint8Array {
  const bytes = new Uint8Array(sessions.length * 4);
  const view = new DataView(bytes.buffer);
  for (let place = 0; place < sessions.length; place++) view.setUint32(place * 4, sessions[place] ?? 0);
  return bytes;
}
