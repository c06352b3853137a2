// The ring: which cores own which partition. Pure: the same cores and weights give every node the same answer.
import { createHash } from 'node:crypto';

/** A core as the manifest names it. */
export interface RingCore {
  /** 1..2^31-1. */
  node: number;
  /** Two cores of one machine never own the same partition. */
  machine: string;
  /** Its share, in proportion to those of the others; above 0. */
  weight: number;
}

/** Owners of one partition, the preferred server first. */
export interface Placement {
  owners: readonly number[];
  /** While the ring changes: those who own it afterwards. */
  next: readonly number[] | null;
}

/** Copies of a partition, if there are as many machines. Everything here is proved for at most three. */
export const mostOwners = 3;

/** How many of `owners` must have a write on disk. */
export function quorum(owners: number): number {
  return Math.floor(owners / 2) + 1;
}

/**
 * Weighted rendezvous hashing: the highest -weight / ln(hash) win (Schindler & Ralph 2003), each machine once. A core that comes or goes moves
 * only its own share.
 */
export function ownersOf(partition: number, cores: readonly RingCore[]): number[] {
  const ranked = cores
    .map((core) => ({ core, score: -core.weight / Math.log(hashOf(partition, core.node)) }))
    .sort((one, other) => other.score - one.score || one.core.node - other.core.node);
  const machines = new Set<string>();
  const owners: number[] = [];
  for (const { core } of ranked) {
    if (owners.length === mostOwners) break;
    if (machines.has(core.machine)) continue;
    machines.add(core.machine);
    owners.push(core.node);
  }
  return owners;
}

/** Above 0 and below 1, from 48 bits. */
function hashOf(partition: number, node: number): number {
  const hash = createHash('sha256').update(`${partition} ${node}`).digest();
  return (hash.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}

/** The placement of every partition. */
export class Ring {
  readonly #placements: Placement[] = [];
  /** By node: asked for all the time. */
  readonly #held = new Map<number, number[]>();

  constructor(cores: readonly RingCore[], next: readonly RingCore[] | null, partitions: number) {
    for (let partition = 0; partition < partitions; partition++) {
      const owners = ownersOf(partition, cores);
      const after = next === null ? null : ownersOf(partition, next);
      const isSame =
        after !== null && after.length === owners.length && after.every((node) => owners.includes(node));
      const placement = { owners, next: isSame ? null : after };
      this.#placements.push(placement);
      for (const node of holdersOf(placement)) {
        const held = this.#held.get(node);
        if (held === undefined) this.#held.set(node, [partition]);
        else held.push(partition);
      }
    }
  }

  get partitions(): number {
    return this.#placements.length;
  }

  /** Of a partition that there is not: owned by nobody. */
  placement(partition: number): Placement {
    return this.#placements[partition] ?? { owners: [], next: null };
  }

  /** Everybody who owns anything, now or after the change. */
  nodes(): Set<number> {
    return new Set(this.#held.keys());
  }

  /** Whether the node owns it now or after the change. */
  holds(node: number, partition: number): boolean {
    const { owners, next } = this.placement(partition);
    return owners.includes(node) || (next?.includes(node) ?? false);
  }

  /** Nobody else owns anything, now or after the change. */
  isAlone(node: number): boolean {
    return this.#held.size === 0 || (this.#held.size === 1 && this.#held.has(node));
  }

  /** All partitions that the node owns now or after the change. */
  held(node: number): readonly number[] {
    return this.#held.get(node) ?? [];
  }
}

/** Everybody who owns it, now or after the change. */
export function holdersOf({ owners, next }: Placement): number[] {
  return next === null ? [...owners] : [...new Set([...owners, ...next])];
}

/** What that node is to serve while it is there. */
export function preferredBy(node: number, ring: Ring): number[] {
  return ring.held(node).filter((partition) => ring.placement(partition).owners[0] === node);
}

/** Do enough have it? During a change: enough of the old owners and enough of the new. */
export function isQuorum({ owners, next }: Placement, has: (node: number) => boolean): boolean {
  return isMajority(owners, has) && (next === null || isMajority(next, has));
}

function isMajority(owners: readonly number[], has: (node: number) => boolean): boolean {
  let count = 0;
  for (const node of owners) if (has(node)) count++;
  return owners.length > 0 && count >= quorum(owners.length);
}

/** Do those who are asked surely include one who has each acknowledged write? Newcomers may lack what is older than the change. */
export function isReadQuorum({ owners }: Placement, asked: (node: number) => boolean): boolean {
  let count = 0;
  for (const node of owners) if (asked(node)) count++;
  return owners.length > 0 && count >= owners.length - quorum(owners.length) + 1;
}
