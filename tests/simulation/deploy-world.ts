// What a simulated deploy takes as given: how many, how fast, how far apart, and what each step costs a processor.

import type { DeployEvents } from './deploy-events.ts';
import type { Random } from './random.ts';

/** Milliseconds of one processor. Measured by `bench deploy` (README of bench/), where what a node costs grows with its peers. */
export interface DeployCosts {
  /** A block that comes: read, hashed with its piece, written. */
  blockIn: number;
  blockOut: number;
  /** A piece told to a peer, or told by one. */
  haveOut: number;
  haveIn: number;
  /** A connection, on each side. */
  connection: number;
}

export const measuredCosts: DeployCosts = {
  blockIn: 0.15,
  blockOut: 0.13,
  haveOut: 0.02,
  haveIn: 0.02,
  connection: 1,
};

export interface DeployPlan {
  /** Beside the first seeder. */
  nodes: number;
  pieces: number;
  blocksOfPiece: number;
  /** 16 KiB and what is around them, in the time of an uplink; 0 for a downlink: it is never in the way. */
  blockUpMs: number;
  blockDownMs: number;
  latencyMs: number;
  /** Processors for all nodes together; null: one for each. */
  cores: number | null;
  /** Nodes hear of the release within this time of each other. */
  heardWithinMs: number;
  /** Addresses a node knows of the others, at most. */
  knownMost: number;
  costs: DeployCosts;
  seed: number;
}

/** With the headers of TCP and of the protocol. */
const bytesOfBlock = 16_384 * 1.045;
const bitsPerMs = 1000;

export function blockMs(megabits: number): number {
  return (bytesOfBlock * 8) / (megabits * bitsPerMs);
}

/** Processors. Each node does one thing after the other; where they share processors, they wait for one. */
export class Processors {
  readonly #free: Float64Array;

  constructor(cores: number | null) {
    this.#free = new Float64Array(cores ?? 0);
  }

  /** When something that may begin at `fromMs` and costs so much is done. */
  done(fromMs: number, costMs: number): number {
    if (this.#free.length === 0) return fromMs + costMs;
    let first = 0;
    for (let core = 1; core < this.#free.length; core++)
      if ((this.#free[core] ?? 0) < (this.#free[first] ?? 0)) first = core;
    const doneMs = Math.max(fromMs, this.#free[first] ?? 0) + costMs;
    this.#free[first] = doneMs;
    return doneMs;
  }
}

export interface DeployWorld {
  plan: DeployPlan;
  events: DeployEvents;
  processors: Processors;
  random: Random;
  seen: DeploySeen;
}

/** What is counted while it runs. */
export interface DeploySeen {
  doneMs: number[];
  /** When each piece was at some node. */
  spreadMs: number | null;
  blocks: number;
  wastedBlocks: number;
  haves: number;
}
