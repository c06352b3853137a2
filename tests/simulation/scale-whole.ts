// A cluster of whole cores at scale: the product's replica with all its parts, on simulated disks. For as many nodes as time and memory allow.

import { wireBounds } from '../../cluster/wire-end.ts';
import { partitionCount } from '../../runtime/account-id.ts';
import { emptyImage } from './disk.ts';
import { numbered, vanishing } from './scale-nodes.ts';
import { type Sent, Traffic } from './scale-traffic.ts';
import { ringOf, type SimManifest } from './sim-manifest.ts';
import { SimNode } from './sim-node.ts';
import { World } from './world.ts';

export interface WholeReport {
  /** By kind: what one node sends to one other in a second, at rest. */
  atRest: ReadonlyMap<string, Sent>;
  /** After 30 % of the nodes have vanished: until every partition of which enough owners are left is served, and all know by whom. */
  servedMs: number;
  /** Partitions of which too few owners are left. */
  lost: number;
  /** What one node that is left sent meanwhile. */
  meanwhile: number;
}

/** As in the product. */
const closedEveryMs = 100;
const digestEveryMs = 200;
const settleMs = 10_000;
const measureMs = 4000;
const lookEveryMs = 100;
const patienceMs = 60_000;

export function runWhole({ nodes: count, seed }: { nodes: number; seed: number }): WholeReport {
  return new Whole(count, seed).run();
}

class Whole {
  readonly #world: World;
  readonly #nodes = new Map<number, SimNode>();
  readonly #manifest: SimManifest;
  #traffic: Traffic | null = null;
  #sent = 0;

  constructor(count: number, seed: number) {
    const cores = numbered(count);
    this.#manifest = { epoch: 1, cores, next: null };
    this.#world = new World({
      seed,
      isLossy: false,
      usualDelayMs: 3,
      silenceMs: wireBounds.silenceMs,
      sent: (_from, message) => {
        this.#sent++;
        this.#traffic?.count(message);
      },
    });
    for (const node of cores) this.#add(node);
  }

  #add(node: number): void {
    const world = this.#world;
    const image = emptyImage(node);
    const held = ringOf(this.#manifest, partitionCount).held(node);
    image.records.set('held', [image.incarnation, held, []]);
    const sim = new SimNode({
      node,
      world,
      image,
      partitions: partitionCount,
      closedEveryMs,
      digestEveryMs,
      fsyncMs: 2,
      manifest: this.#manifest,
      serving: () => {},
      pushed: () => {},
      committed: () => {},
      identityOf: (peer) => ({
        node: peer,
        boot: this.#nodes.get(peer)?.process?.boot ?? '',
        incarnation: peer,
      }),
      read: () => {},
      gossip: () => {},
    });
    this.#nodes.set(node, sim);
    world.place(node, sim);
  }

  run(): WholeReport {
    const { events } = this.#world;
    for (const node of this.#nodes.values()) node.start();
    this.#world.start();
    this.#until(settleMs, () => this.#isServed());
    // Whatever the start has left to be said.
    this.#run(events.nowMs + settleMs);
    const traffic = new Traffic();
    this.#traffic = traffic;
    this.#run(events.nowMs + measureMs);
    this.#traffic = null;
    const left = this.#vanish();
    this.#sent = 0;
    const servedMs = this.#until(patienceMs, () => this.#isServed());
    const links = this.#manifest.cores.length * (this.#manifest.cores.length - 1);
    const perSecond = links * (measureMs / 1000);
    const atRest = new Map(
      [...traffic.byKind].map(([kind, { messages, bytes }]) => [
        kind,
        { messages: messages / perSecond, bytes: bytes / perSecond },
      ]),
    );
    return { atRest, servedMs, lost: this.#lost, meanwhile: this.#sent / left };
  }

  #run(untilMs: number): void {
    while (this.#world.events.step(untilMs)) {
      // As long as there is something.
    }
  }

  #until(mostMs: number, isSo: () => boolean): number {
    const { events } = this.#world;
    const fromMs = events.nowMs;
    while (!isSo() && events.nowMs - fromMs < mostMs) this.#run(events.nowMs + lookEveryMs);
    return events.nowMs - fromMs;
  }

  /** Their machines lose power: nobody is told. Gives back how many are left. */
  #vanish(): number {
    const { cores } = this.#manifest;
    const gone = vanishing(cores);
    for (const node of gone) {
      for (const other of cores) {
        this.#world.cut(node, other);
        this.#world.cut(other, node);
      }
      this.#nodes.get(node)?.crash();
    }
    return cores.length - gone.size;
  }

  #isAlive(node: number): boolean {
    return this.#nodes.get(node)?.process !== null;
  }

  /** Enough owners are there to serve it. */
  #canBeServed(partition: number): boolean {
    const { owners } = ringOf(this.#manifest, partitionCount).placement(partition);
    return owners.filter((node) => this.#isAlive(node)).length > owners.length / 2;
  }

  get #lost(): number {
    let lost = 0;
    for (let partition = 0; partition < partitionCount; partition++)
      if (!this.#canBeServed(partition)) lost++;
    return lost;
  }

  /** Each partition that can be: and every node that is there names somebody who is there. */
  #isServed(): boolean {
    const alive = [...this.#nodes.values()].flatMap(({ process }) => (process === null ? [] : [process]));
    for (let partition = 0; partition < partitionCount; partition++) {
      if (!this.#canBeServed(partition)) continue;
      const { owners } = ringOf(this.#manifest, partitionCount).placement(partition);
      const server = owners.find((node) => this.#nodes.get(node)?.process?.replica.server.isOpen(partition));
      if (server === undefined || alive.some(({ replica }) => replica.serverOf(partition) !== server))
        return false;
    }
    return true;
  }
}
