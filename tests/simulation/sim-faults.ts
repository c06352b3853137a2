// What goes wrong in the simulation: processes end or stand still, links are cut or slow, disks fail or are lost, clocks jump, rings change.
import { relayOf } from '../../cluster/peer-messages.ts';
import { mostOwners } from '../../cluster/ring.ts';
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
  /** Mostly the ring changes, and less goes wrong: or no change would ever come to its end. */
  isOfRings: boolean;
  /** Of a store that nobody has known before. */
  newIncarnation(): number;
  count(what: string): void;
  /** A node's logs keep less than any product's. */
  trimmed(): void;
}

const wipeEveryMs = 3000;
/** After so long a new disk has everything again, if it can have it. */
const fillMs = 6000;
const jumpMs = 600_000;

export class SimFaults {
  readonly #options: SimFaultsOptions;
  readonly #backups = new Map<number, Image>();
  /** One that was not waited for, until it has seen what it has missed. */
  #late: { node: SimNode; behind: SimNode } | null = null;
  #lastWipeMs = Number.NEGATIVE_INFINITY;

  constructor(options: SimFaultsOptions) {
    this.#options = options;
  }

  /** One thing after the other. */
  begin(): void {
    const { events, random } = this.#options.world;
    events.after(random.between(150, 1700), () => {
      if (events.nowMs > this.#options.untilMs) return;
      this.#harm();
      this.begin();
    });
  }

  #harm(): void {
    const { world, nodes, ring } = this.#options;
    if (this.#options.isOfRings && world.random.chance(0.6)) {
      ring.change();
      return;
    }
    const node = world.random.pick([...nodes.values()]);
    const choice = world.random.below(21);
    if (choice < 3) this.#kill(node);
    else if (choice < 5) this.#pause(node);
    else if (choice < 9) this.#cut(node.node);
    else if (choice === 9) this.#slow(node.node);
    else if (choice === 10) this.#spoilDisk(node);
    else if (choice === 11) this.#backUp();
    else if (choice < 14) ring.change();
    else if (choice === 14) this.#blackOut();
    else if (choice < 17) this.#strand(node);
    else if (choice === 17) this.#roll(node);
    else if (choice === 18) this.#trim(node);
    else this.#wipe(node);
  }

  /** It is away for so long; if nothing is said, mostly for a short while. */
  #kill(node: SimNode, away: readonly [leastMs: number, mostMs: number] | null = null): void {
    const { world, count } = this.#options;
    const { random, events } = world;
    // One that was planned before the peace.
    if (node.process === null || world.isHealed) return;
    world.note(`kill -9 node ${node.node}`);
    node.crash();
    if (random.chance(0.1)) {
      node.wallOffsetMs = random.chance(0.5) ? jumpMs : -jumpMs;
      world.note(`the clock of node ${node.node} jumps by ${node.wallOffsetMs / 60_000} minutes`);
    }
    const [leastMs, mostMs] = away ?? [100, random.chance(0.3) ? 12_000 : 2500];
    events.after(random.between(leastMs, mostMs), () => node.start());
    count('kills');
  }

  /** What it writes does not reach one of the others any more; then it is gone, and that one may have to serve in its stead. */
  #strand(node: SimNode): void {
    const { world, nodes, count } = this.#options;
    const { random, events } = world;
    const other = random.pick([...nodes.keys()].filter((one) => one !== node.node));
    world.note(`node ${node.node} does not reach ${other}, and is about to end`);
    world.cut(node.node, other);
    count('stranded');
    events.after(random.between(200, 1500), () => {
      this.#kill(node, [4000, 9000]);
      // What was sent comes no more: until then the link is given up.
      events.after(random.between(3500, 6000), () => world.uncut(node.node, other));
    });
  }

  /** One ends; soon after it is back, the next one does. */
  #roll(node: SimNode): void {
    const { world, nodes } = this.#options;
    const { random, events } = world;
    const next = random.pick([...nodes.values()].filter((one) => one !== node));
    this.#kill(node, [100, 600]);
    events.after(random.between(300, 2500), () => this.#kill(next));
  }

  /**
   * Its logs go back less far. Now and then one of the others is not waited for: it has been away for so long that it has to scan, and is
   * for that while like one with a new disk.
   */
  #trim(node: SimNode): void {
    const { world, nodes, count } = this.#options;
    if (node.process === null || node.process.isPaused) return;
    const others = [...nodes.values()].filter((other) => other !== node);
    const late = this.#mayWipe() && world.random.chance(0.5) ? world.random.pick(others) : null;
    if (late !== null) {
      this.#lastWipeMs = world.nowMs;
      this.#late = { node: late, behind: node };
    }
    const floor = (of: 'own' | 'relay'): number =>
      Math.min(...others.filter((other) => other !== late).map((other) => reachedBy(other, node, of)));
    const most = world.random.below(12);
    const text = late === null ? '' : `, and node ${late.node} is not waited for`;
    world.note(`node ${node.node}: its logs keep ${most} entries each${text}`);
    node.process.trim({ own: floor('own'), relay: floor('relay') }, most);
    count('trims');
    this.#options.trimmed();
  }

  #backUp(): void {
    for (const { node, image } of this.#options.nodes.values()) this.#backups.set(node, copyImage(image));
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

  /** Everybody is there and has everything. */
  get #isWhole(): boolean {
    if (this.#late !== null && isBehind(this.#late.node, this.#late.behind)) return false;
    this.#late = null;
    return [...this.#options.nodes.values()].every(
      ({ process }) => process !== null && !process.isPaused && process.replica.scans.missing().length === 0,
    );
  }

  /** Only when everybody has everything: more disks at once than the promise bears would prove nothing. */
  #mayWipe(): boolean {
    const { world, ring, partitions } = this.#options;
    const owners = ringOf(ring.manifest, partitions).placement(0).owners.length;
    return this.#isWhole && owners >= 2 && world.nowMs - this.#lastWipeMs >= wipeEveryMs;
  }

  #wipe(node: SimNode): void {
    const { world, newIncarnation, count } = this.#options;
    if (!this.#mayWipe()) return;
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

  /** Peace: what is broken is mended. But one clock may stay ahead: the others do without that node. */
  heal({ staysAhead }: { staysAhead: boolean }): void {
    const { world, nodes, ring } = this.#options;
    world.note('peace');
    world.isHealed = true;
    world.heal();
    const { cores, next } = ring.manifest;
    const isEnough = cores.length >= mostOwners && (next === null || next.length >= mostOwners);
    // Beside a disk that is being filled again it would be one too many.
    const isFilled = world.nowMs - this.#lastWipeMs > fillMs;
    const ahead = staysAhead && isEnough && isFilled ? world.random.pick(cores) : null;
    for (const node of nodes.values()) {
      const offsetMs = node.node === ahead ? jumpMs : 0;
      if (Math.abs(node.wallOffsetMs - offsetMs) > 1000) {
        node.wallOffsetMs = offsetMs;
        node.crash();
      }
      node.process?.resume();
      node.process?.mendDisk();
      node.start();
    }
  }
}

/** It needs what the other's logs do not have any more. */
function isBehind(node: SimNode, other: SimNode): boolean {
  const { trimmed, lives } = other.image;
  return (['own', 'relay'] as const).some((of) => {
    const origin = of === 'own' ? other.node : relayOf(other.node);
    const upTo = lives.map(({ incarnation }) => trimmed.get(`${origin} ${incarnation}`) ?? 0);
    return reachedBy(node, other, of) < Math.max(0, ...upTo);
  });
}

/** Up to where a node has stored the log of another one, in both its lanes. */
function reachedBy(node: SimNode, other: SimNode, of: 'own' | 'relay'): number {
  const origin = of === 'own' ? other.node : relayOf(other.node);
  const seqs = (['replica', 'committed'] as const).map((lane) =>
    Math.max(
      0,
      ...[...node.image.positions.values()]
        .filter((position) => position.lane === lane && position.origin === origin)
        .filter(({ incarnation }) => incarnation === other.image.incarnation)
        .map(({ seq }) => seq),
    ),
  );
  return Math.min(...seqs);
}

function bothWays(one: number, other: number): [from: number, to: number][] {
  return [
    [one, other],
    [other, one],
  ];
}
