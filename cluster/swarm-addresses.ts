// Where peers may be: whom to dial next, when to try again, and who is refused for good. Pure.
import type { SwarmAddress } from './swarm-order.ts';

interface Known {
  readonly address: SwarmAddress;
  failures: number;
  /** Not to be dialed before. */
  afterMs: number;
  isBusy: boolean;
}

export interface AddressesOptions {
  /** From 0 to below 1: nodes that hear the same names do not all dial the same. */
  random(): number;
}

const knownMost = 2048;
const againLeastMs = 400;
const againMostMs = 30_000;
/** A peer that is whole has nothing for who is whole. */
const wholeMs = 600_000;
const bannedMost = 1024;
/** So many liars at one host, and all of it is refused. */
const bannedOfHostMost = 8;

export class Addresses {
  readonly #random: () => number;
  readonly #known = new Map<string, Known>();
  readonly #banned = new Set<string>();
  readonly #bannedOf = new Map<string, number>();

  constructor({ random }: AddressesOptions) {
    this.#random = random;
  }

  get known(): number {
    return this.#known.size;
  }

  learn(addresses: readonly SwarmAddress[], nowMs: number): void {
    for (const { host, port } of addresses) {
      const key = keyOf({ host, port });
      if (this.#known.has(key) || this.isBanned({ host, port })) continue;
      if (this.#known.size >= knownMost && !this.#forgetWorst()) return;
      this.#known.set(key, { address: { host, port }, failures: 0, afterMs: nowMs, isBusy: false });
    }
  }

  /** Up to so many, in an order of chance, those that never failed first. They are busy from here on. */
  next(count: number, nowMs: number, failuresMost = Number.POSITIVE_INFINITY): SwarmAddress[] {
    if (count <= 0) return [];
    const ready = [...this.#known.values()].filter(
      ({ isBusy, afterMs, failures }) => !isBusy && afterMs <= nowMs && failures <= failuresMost,
    );
    const keyed = ready.map((known) => ({ known, place: known.failures + this.#random() }));
    keyed.sort((one, other) => one.place - other.place);
    return keyed.slice(0, count).map(({ known }) => {
      known.isBusy = true;
      return known.address;
    });
  }

  /** A connection stands, whoever dialed it. */
  met(address: SwarmAddress, nowMs: number): void {
    this.learn([address], nowMs);
    const known = this.#known.get(keyOf(address));
    if (known === undefined) return;
    known.isBusy = true;
    known.failures = 0;
  }

  /** It is no longer connected, or never was. */
  gone(address: SwarmAddress, nowMs: number, { hasFailed }: { hasFailed: boolean }): void {
    const known = this.#known.get(keyOf(address));
    if (known === undefined) return;
    known.isBusy = false;
    if (hasFailed) known.failures++;
    const waitMs = Math.min(againLeastMs * 2 ** Math.max(0, known.failures - 1), againMostMs);
    known.afterMs = Math.max(known.afterMs, nowMs + waitMs * (0.75 + this.#random() / 2));
  }

  /** It is whole, as this node is: there is nothing to say for a while. */
  isWhole(address: SwarmAddress, nowMs: number): void {
    const known = this.#known.get(keyOf(address));
    if (known !== undefined) known.afterMs = nowMs + wholeMs;
  }

  /** `address` null: only somewhere at that host is known. */
  ban(host: string, address: SwarmAddress | null): void {
    if (this.#banned.size < bannedMost && address !== null) this.#banned.add(keyOf(address));
    if (address !== null) this.#known.delete(keyOf(address));
    this.#bannedOf.set(host, (this.#bannedOf.get(host) ?? 0) + 1);
    if (this.#bannedOf.size <= bannedMost) return;
    for (const oldest of this.#bannedOf.keys()) {
      this.#bannedOf.delete(oldest);
      return;
    }
  }

  isBanned(address: SwarmAddress): boolean {
    return this.#banned.has(keyOf(address)) || this.isHostBanned(address.host);
  }

  isHostBanned(host: string): boolean {
    return (this.#bannedOf.get(host) ?? 0) >= bannedOfHostMost;
  }

  /** Room for another: one that has failed. */
  #forgetWorst(): boolean {
    let worst: [string, Known] | null = null;
    for (const entry of this.#known)
      if (!entry[1].isBusy && entry[1].failures > (worst?.[1].failures ?? 0)) worst = entry;
    if (worst === null) return false;
    this.#known.delete(worst[0]);
    return true;
  }
}

function keyOf({ host, port }: SwarmAddress): string {
  return `${host} ${port}`;
}
