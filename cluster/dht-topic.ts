// One info hash in a DHT: looked up now and then, and this node's port kept announced under it. When to do so is decided here; a
// second's tick and the news of new contacts come from outside.
import type { Client } from 'bittorrent-dht';
import type { DhtAddress } from './dht-address.ts';
import type { DhtLookups } from './dht-lookups.ts';
import type { DhtWaits } from './dht-waits.ts';
import type { LinkClock } from './link-clock.ts';

export interface DhtTopicOptions {
  hash: Uint8Array;
  client: Client;
  lookups: DhtLookups;
  waits: DhtWaits;
  clock: LinkClock;
  /** A third of the time for which others keep what is announced. */
  refreshMs: number;
  /** No other node is known. */
  isAlone(): boolean;
  /** After each refresh that found somebody, this node possibly among them. */
  onPeers?(peers: DhtAddress[]): void;
}

const aloneRefreshMs = 5000;
export const soonMs = 1000;

export class DhtTopic {
  readonly #options: DhtTopicOptions;
  #port: number | null = null;
  #refreshing: Promise<void> | null = null;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  #refreshAtMs: number;
  #isClosed = false;

  constructor(options: DhtTopicOptions) {
    this.#options = options;
    this.#refreshAtMs = options.clock.nowMs();
  }

  /** From now on others find this port. Resolves when they have been told once, or when there was nobody to tell. */
  async announce(port: number): Promise<void> {
    this.#port = port;
    await this.#refreshing;
    await this.#refresh();
  }

  async lookup(): Promise<DhtAddress[]> {
    const { lookups, hash } = this.#options;
    return (await lookups.lookup(hash)).peers;
  }

  /** Contacts have changed, or this machine's addresses. */
  refreshSoon(): void {
    const soonest = Math.max(this.#options.clock.nowMs(), this.#refreshedAtMs + soonMs);
    this.#refreshAtMs = Math.min(this.#refreshAtMs, soonest);
  }

  tick(): void {
    if (this.#refreshing === null && this.#options.clock.nowMs() >= this.#refreshAtMs) void this.#refresh();
  }

  /** Announced no more; what others keep grows old. */
  close(): void {
    this.#isClosed = true;
    this.#refreshAtMs = Number.POSITIVE_INFINITY;
  }

  #refresh(): Promise<void> {
    const { clock, isAlone, refreshMs } = this.#options;
    this.#refreshedAtMs = clock.nowMs();
    this.#refreshAtMs = Number.POSITIVE_INFINITY;
    const refreshing = this.#lookAndAnnounce().finally(() => {
      // Apart from each other, so that a cluster that started at once does not announce at once for ever.
      const restMs = isAlone()
        ? Math.min(aloneRefreshMs, refreshMs)
        : refreshMs * (0.9 + 0.1 * Math.random());
      if (!this.#isClosed) this.#refreshAtMs = Math.min(this.#refreshAtMs, clock.nowMs() + restMs);
      if (this.#refreshing === refreshing) this.#refreshing = null;
    });
    this.#refreshing = refreshing;
    return refreshing;
  }

  async #lookAndAnnounce(): Promise<void> {
    const { lookups, hash, waits, client, onPeers } = this.#options;
    // First the lookup: it tells the library who is near now, and it announces to nobody else.
    const { peers, isWhole } = await lookups.lookup(hash);
    if (this.#isClosed) return;
    if (peers.length > 0) onPeers?.(peers);
    const port = this.#port;
    if (port === null || !isWhole) return;
    await waits.for<void>(undefined, (settle) => {
      // An error says that there was nobody, or that nobody answered: the next refresh is soon enough.
      client.announce(Buffer.from(hash), port, () => settle());
    });
  }
}
