// What goes wrong in the simulation: processes end or stand still, links are cut or slow, disks fail or are lost, clocks jump, rings change.
import { copyImage, emptyImage, type Image } from './disk.ts';
import { gateway } from './sim-gateway.ts';
import { ringOf } from './sim-manifest.ts';
import type { SimNode } from './sim-node.ts';
import type { SimRing } from './sim-ring.ts';
import type { World } from './world.ts';

export interface SimFaultsOptions {
  world: World;
  nodes: ReadonlyMap<number, SimNode>;
  ring: SimRing;
  partitions: number;
  /** Trouble ends then, in virtual milliseconds. */
  untilMs: number;
  /** Of a store that nobody has known before. */
  newIncarnation(): number;
  count(what: string): void;
}

const wipeEveryMs = 3000;

export class SimFaults {
  readonly #options: SimFaultsOptions;
  readonly #backups = new Map<number, Image>();
  #lastWipeMs = Number.NEGATIVE_INFINITY;

  constructor(options: SimFaultsOptions) {
    this.#options = options;
  }

  /** One thing after the other. */
  begin(): void {
    const { events, random } = this.#options.world;
    events.after(random.between(200, 2500), () => {
      if (events.nowMs > this.#options.untilMs) return;
      this.#harm();
      this.begin();
    });
  }

  #harm(): void {
    const { world, nodes, ring } = this.#options;
    const node = world.random.pick([...nodes.values()]);
    const choice = world.random.below(16);
    if (choice < 3) this.#kill(node);
    else if (choice < 5) this.#pause(node);
    else if (choice < 9) this.#cut(node.node);
    else if (choice === 9) this.#slow(node.node);
    else if (choice === 10) this.#spoilDisk(node);
    else if (choice === 12) this.#backups.set(node.node, copyImage(node.image));
    else if (choice === 13) ring.change();
    else if (choice === 15) this.#blackOut();
    else this.#wipe(node);
  }

  #kill(node: SimNode): void {
    const { world, count } = this.#options;
    const { random, events } = world;
    if (node.process === null) return;
    world.note(`kill -9 node ${node.node}`);
    node.crash();
    if (random.chance(0.1)) {
      node.wallOffsetMs = random.chance(0.5) ? 600_000 : -600_000;
      world.note(`the clock of node ${node.node} jumps by ${node.wallOffsetMs / 60_000} minutes`);
    }
    events.after(random.between(100, random.chance(0.3) ? 12_000 : 2500), () => node.start());
    count('kills');
  }

  /** The power goes, for all at once or for most: they come back one by one. */
  #blackOut(): void {
    const { world, nodes, count } = this.#options;
    const { random, events } = world;
    const dark = [...nodes.values()].filter(({ process }) => process !== null && random.chance(0.8));
    world.note(`the power goes: nodes ${dark.map(({ node }) => node).join(' ')}`);
    for (const node of dark) {
      node.crash();
      events.after(random.between(100, random.chance(0.3) ? 9000 : 1500), () => node.start());
    }
    count('blackouts');
  }

  #pause(node: SimNode): void {
    const { world, count } = this.#options;
    const { random, events } = world;
    const { process } = node;
    if (process === null || process.isPaused) return;
    const ms = random.between(100, random.chance(0.3) ? 15_000 : 4500);
    world.note(`node ${node.node} stands still for ${Math.round(ms)} ms`);
    process.isPaused = true;
    events.after(ms, () => process.resume());
    count('pauses');
  }

  #slow(node: number): void {
    const { world, nodes } = this.#options;
    const { random, events } = world;
    const other = random.pick([...nodes.keys()]);
    const ms = random.chance(0.2) ? 30_000 : 1500;
    world.note(`node ${node} to ${other}: delays up to ${ms} ms`);
    world.slow(node, other, ms);
    events.after(random.between(500, 5000), () => world.slow(node, other, 0));
  }

  #spoilDisk(node: SimNode): void {
    const { world, count } = this.#options;
    const { random, events } = world;
    const { process } = node;
    if (process === null) return;
    if (random.chance(0.5)) {
      world.note(`node ${node.node}: an I/O error, the process ends`);
      node.crash();
      events.after(random.between(200, 2000), () => node.start());
    } else {
      world.note(`node ${node.node}: its disk is full or slow`);
      process.isFull = random.chance(0.5);
      process.fsyncMs = 150;
      events.after(random.between(500, 4000), () => process.mendDisk());
    }
    count('disks');
  }

  #cut(node: number): void {
    const { world, count } = this.#options;
    const { random, events } = world;
    const cuts = this.#someCuts(node);
    const ms = random.between(300, random.chance(0.3) ? 12_000 : 5000);
    world.note(`cut for ${Math.round(ms)} ms: ${cuts.map(([from, to]) => `${from}>${to}`).join(' ')}`);
    for (const [from, to] of cuts) world.cut(from, to);
    count('cuts');
    events.after(ms, () => {
      for (const [from, to] of cuts) world.uncut(from, to);
    });
  }

  #someCuts(node: number): [from: number, to: number][] {
    const { world, nodes } = this.#options;
    const { random } = world;
    const others = [...nodes.keys(), gateway].filter((other) => other !== node);
    const kind = random.below(4);
    if (kind === 0) return others.flatMap((other) => bothWays(node, other));
    if (kind === 1) return others.map((other) => [node, other]);
    if (kind === 2) {
      // A bridge: two sides, and one node that reaches both.
      const bridge = random.pick(others);
      const left = others.filter((other) => other !== bridge && random.chance(0.5));
      const right = [node, ...others.filter((other) => other !== bridge && !left.includes(other))];
      return left.flatMap((one) => right.flatMap((other) => bothWays(one, other)));
    }
    const other = random.pick(others);
    return random.chance(0.5) ? bothWays(node, other) : [[node, other]];
  }

  /** Only when everybody has everything: more disks at once than the promise bears would prove nothing. */
  #wipe(node: SimNode): void {
    const { world, nodes, ring, partitions, newIncarnation, count } = this.#options;
    const isWhole = [...nodes.values()].every(
      ({ process }) => process !== null && !process.isPaused && process.replica.scans.missing().length === 0,
    );
    const owners = ringOf(ring.manifest, partitions).placement(0).owners.length;
    if (!isWhole || owners < 2 || world.nowMs - this.#lastWipeMs < wipeEveryMs) return;
    this.#lastWipeMs = world.nowMs;
    const backup = this.#backups.get(node.node);
    const incarnation = newIncarnation();
    if (backup !== undefined && world.random.chance(0.6)) {
      world.note(`node ${node.node}: an old backup is put back`);
      node.replaceDisk(copyImage(backup), incarnation);
    } else {
      world.note(`node ${node.node}: a new, empty disk`);
      node.replaceDisk(emptyImage(incarnation), incarnation);
    }
    node.crash();
    world.events.after(world.random.between(200, 2000), () => node.start());
    count('wipes');
  }

  /** Peace: what is broken is mended. */
  heal(): void {
    const { world, nodes } = this.#options;
    world.note('peace');
    world.isHealed = true;
    world.heal();
    for (const node of nodes.values()) {
      if (Math.abs(node.wallOffsetMs) > 1000) {
        node.wallOffsetMs = 0;
        node.crash();
      }
      node.process?.resume();
      node.process?.mendDisk();
      node.start();
    }
  }
}

function bothWays(one: number, other: number): [from: number, to: number][] {
  return [
    [one, other],
    [other, one],
  ];
}
