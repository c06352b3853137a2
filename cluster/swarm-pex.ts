// What one peer is told of the others (BEP 11), and how much of what it tells is listened to. Pure.
import { type PexMessage, pexMost } from './swarm-extended.ts';
import type { SwarmAddress } from './swarm-order.ts';

/** Others close a connection that says more. */
const leastMs = 60_000;
/** Somewhat more than one a minute is listened to, as others do. */
const takenMost = 6;

export class Pex {
  readonly #told = new Map<string, SwarmAddress>();
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #takenAtMs: number[] = [];

  /** Null when it is too early, or nothing has changed. From here on the peer knows it. */
  tell(nowMs: number, connected: readonly SwarmAddress[]): PexMessage | null {
    if (nowMs - this.#toldAtMs < leastMs) return null;
    const now = new Map(connected.map((address) => [`${address.host} ${address.port}`, address]));
    const added = [...now].filter(([key]) => !this.#told.has(key)).slice(0, pexMost);
    const dropped = [...this.#told].filter(([key]) => !now.has(key)).slice(0, pexMost);
    if (added.length === 0 && dropped.length === 0) return null;
    for (const [key, address] of added) this.#told.set(key, address);
    for (const [key] of dropped) this.#told.delete(key);
    this.#toldAtMs = nowMs;
    return { added: added.map(([, address]) => address), dropped: dropped.map(([, address]) => address) };
  }

  /** False: it says too much, and is not listened to. */
  mayTake(nowMs: number): boolean {
    this.#takenAtMs = this.#takenAtMs.filter((atMs) => nowMs - atMs < leastMs);
    if (this.#takenAtMs.length >= takenMost) return false;
    this.#takenAtMs.push(nowMs);
    return true;
  }
}
