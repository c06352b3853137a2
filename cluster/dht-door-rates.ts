// How many packets strangers may send: each address some, and all together some more.
import { LRUCache } from 'lru-cache';

export interface DoorRates {
  /** Packets a second from one address, and how many at once. */
  eachASecond: number;
  eachAtOnce: number;
  allASecond: number;
  allAtOnce: number;
}

/** All of them cost a tenth of a processor at most. */
export const usualDoorRates: DoorRates = {
  eachASecond: 50,
  eachAtOnce: 200,
  allASecond: 1000,
  allAtOnce: 2000,
};

/** An address that is forgotten begins anew: what all may send together is the bound then. */
const addressesMost = 4096;

interface Bucket {
  left: number;
  atMs: number;
}

export class DoorTurnstile {
  readonly #rates: DoorRates;
  readonly #all: Bucket;
  readonly #each = new LRUCache<string, Bucket>({ max: addressesMost });

  constructor(rates: DoorRates) {
    this.#rates = rates;
    this.#all = { left: rates.allAtOnce, atMs: 0 };
  }

  /** Counts it, when it may come in. */
  admits(address: string, nowMs: number): boolean {
    const { eachASecond, eachAtOnce, allASecond, allAtOnce } = this.#rates;
    const own = this.#each.get(address) ?? { left: eachAtOnce, atMs: nowMs };
    this.#each.set(address, own);
    fill(own, { aSecond: eachASecond, atMost: eachAtOnce, nowMs });
    fill(this.#all, { aSecond: allASecond, atMost: allAtOnce, nowMs });
    // What one address has no right to is not taken from the others.
    if (own.left < 1 || this.#all.left < 1) return false;
    own.left--;
    this.#all.left--;
    return true;
  }
}

function fill(
  bucket: Bucket,
  { aSecond, atMost, nowMs }: { aSecond: number; atMost: number; nowMs: number },
): void {
  bucket.left = Math.min(atMost, bucket.left + ((nowMs - bucket.atMs) / 1000) * aSecond);
  bucket.atMs = nowMs;
}
