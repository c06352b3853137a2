// What one peer was asked for and has not sent: how much to ask at once, and when it has taken too long. Pure.
import type { Block } from './swarm-picker.ts';
import { Speed } from './swarm-speed.ts';

/** A peer is asked for what it sends in about this time, so that it is never without work. */
const aheadS = 0.5;
const depthLeast = 8;
const depthMost = 250;
/** Nothing came for so long: others may be asked for what it owes. */
export const patienceMs = 8000;
/** A peer that let us wait is asked for so little until something comes. */
const depthAfterSilence = 1;
/** Blocks that came although nobody waits for them are remembered as harmless up to this many: cancels cross them. */
const cancelledMost = 1024;
const speedMemoryMs = 2000;

/** How a block that came stands to what was asked. */
export type Answer = 'asked' | 'cancelled' | 'unasked';

export class Requests {
  readonly #open = new Map<number, Block>();
  readonly #cancelled = new Set<number>();
  /** In blocks, however short: a short one takes its time, too. */
  readonly #speed: Speed;
  #depthMost = depthMost;
  /** When the last block came, or the first of those that are open was asked for. */
  #waitsSinceMs = 0;
  isSilent = false;

  constructor(nowMs: number) {
    this.#speed = new Speed(speedMemoryMs, nowMs);
  }

  get open(): number {
    return this.#open.size;
  }

  /** What the peer says that it queues at most. */
  set peerMost(requests: number) {
    this.#depthMost = Math.max(1, Math.min(depthMost, requests));
  }

  /** How many more blocks to ask for now. */
  room(nowMs: number): number {
    if (this.isSilent) return Math.max(0, depthAfterSilence - this.#open.size);
    const ahead = Math.ceil(this.#speed.perS(nowMs) * aheadS) + 4;
    return Math.max(0, Math.min(Math.max(ahead, depthLeast), this.#depthMost) - this.#open.size);
  }

  asked(block: Block, nowMs: number): void {
    if (this.#open.size === 0) this.#waitsSinceMs = nowMs;
    this.#open.set(key(block), block);
    this.#cancelled.delete(key(block));
  }

  answered(block: Block, nowMs: number): Answer {
    this.#speed.add(1, nowMs);
    this.#waitsSinceMs = nowMs;
    this.isSilent = false;
    if (this.#open.delete(key(block))) return 'asked';
    return this.#cancelled.delete(key(block)) ? 'cancelled' : 'unasked';
  }

  /** True when it was open. It may come all the same. */
  cancel(block: Block): boolean {
    if (!this.#open.delete(key(block))) return false;
    this.#remember(block);
    return true;
  }

  /** All that was open. It may come all the same. */
  cancelAll(): Block[] {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const block of open) this.#remember(block);
    return open;
  }

  /** It has sent nothing of what it owes for so long. */
  isStuck(nowMs: number): boolean {
    return this.#open.size > 0 && nowMs - this.#waitsSinceMs > patienceMs;
  }

  #remember(block: Block): void {
    this.#cancelled.add(key(block));
    if (this.#cancelled.size <= cancelledMost) return;
    for (const oldest of this.#cancelled) {
      this.#cancelled.delete(oldest);
      return;
    }
  }
}

/** Blocks of a piece: 1,024 at most, of 16 MiB. */
function key({ piece, block }: Block): number {
  return piece * 1024 + block;
}
