// How soon everything is served again when many nodes vanish at once: cores without data, linked to those with whom they own partitions.
// Links to all others carry no more than the word of who serves what, and are left out.

import type { PeerControl } from '../../cluster/peer-messages.ts';
import { quorum, type Ring } from '../../cluster/ring.ts';
import { wireBounds } from '../../cluster/wire-end.ts';
import { Events } from './events.ts';
import { Random } from './random.ts';
import { ScaleCore } from './scale-core.ts';

export interface FailoverReport {
  /** From the start to a server for each partition. */
  startedMs: number;
  /** After the loss: until every partition of which enough owners are left is served, and its owners know by whom. */
  servedMs: number;
  /** Partitions of which too few owners are left. */
  lost: number;
}

const tickEveryMs = 50;
const mostDelayMs = 3;
const lookEveryMs = 100;
const patienceMs = 60_000;

export function runFailover(ring: Ring, gone: ReadonlySet<number>, seed: number): FailoverReport {
  return new Failover(ring, seed).run(gone);
}

class Failover {
  readonly #ring: Ring;
  readonly #events = new Events();
  readonly #random: Random;
  readonly #cores = new Map<number, ScaleCore>();
  #gone: ReadonlySet<number> = new Set();

  constructor(ring: Ring, seed: number) {
    this.#ring = ring;
    this.#random = new Random(seed);
    for (const node of ring.nodes()) this.#add(node);
  }

  #add(node: number): void {
    const events = this.#events;
    const random = this.#random;
    const core = new ScaleCore({
      node,
      events,
      random,
      ring: this.#ring,
      send: (to, message) => this.#send(node, to, message),
    });
    this.#cores.set(node, core);
    const tick = (): void => {
      if (this.#gone.has(node)) return;
      core.tick();
      events.after(tickEveryMs, tick);
    };
    events.after(random.between(0, tickEveryMs), tick);
  }

  #send(from: number, to: number, message: PeerControl): void {
    this.#events.after(this.#random.between(0.2, mostDelayMs), () => {
      if (!this.#gone.has(from) && !this.#gone.has(to)) this.#cores.get(to)?.receive(from, message);
    });
  }

  run(gone: ReadonlySet<number>): FailoverReport {
    for (const [node, peers] of this.#partners())
      for (const peer of peers) this.#cores.get(node)?.linked(peer);
    const startedMs = this.#until(() => this.#isServed());
    this.#gone = gone;
    this.#events.after(wireBounds.silenceMs, () => {
      for (const [node, peers] of this.#partners()) {
        if (gone.has(node)) continue;
        for (const peer of peers) if (gone.has(peer)) this.#cores.get(node)?.unlinked(peer);
      }
    });
    const servedMs = this.#until(() => this.#isServed());
    let lost = 0;
    for (let partition = 0; partition < this.#ring.partitions; partition++)
      if (!this.#canBeServed(partition)) lost++;
    return { startedMs, servedMs, lost };
  }

  /** With whom each node owns something. */
  #partners(): Map<number, Set<number>> {
    const partners = new Map<number, Set<number>>();
    for (let partition = 0; partition < this.#ring.partitions; partition++) {
      const { owners } = this.#ring.placement(partition);
      for (const node of owners) {
        const known = partners.get(node) ?? new Set();
        partners.set(node, known);
        for (const other of owners) if (other !== node) known.add(other);
      }
    }
    return partners;
  }

  #until(isSo: () => boolean): number {
    const events = this.#events;
    const fromMs = events.nowMs;
    while (!isSo() && events.nowMs - fromMs < patienceMs) {
      const untilMs = events.nowMs + lookEveryMs;
      while (events.step(untilMs)) {
        // As long as there is something.
      }
    }
    return events.nowMs - fromMs;
  }

  #left(partition: number): number[] {
    return this.#ring.placement(partition).owners.filter((node) => !this.#gone.has(node));
  }

  #canBeServed(partition: number): boolean {
    return this.#left(partition).length >= quorum(this.#ring.placement(partition).owners.length);
  }

  #isServed(): boolean {
    for (let partition = 0; partition < this.#ring.partitions; partition++) {
      if (!this.#canBeServed(partition)) continue;
      const left = this.#left(partition);
      const server = left.find((node) => this.#cores.get(node)?.parts.server.isOpen(partition));
      if (server === undefined) return false;
      if (left.some((node) => this.#cores.get(node)?.serverOf(partition) !== server)) return false;
    }
    return true;
  }
}
