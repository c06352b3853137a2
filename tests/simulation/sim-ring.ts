// The ring of the simulation and its keeper, who lives at node 1: changes begin by chance, and end when the product says they may.
import { RingKeeper } from '../../cluster/ring-keeper.ts';
import type { SimManifest } from './sim-manifest.ts';
import type { SimNode } from './sim-node.ts';
import type { Process } from './sim-process.ts';
import type { World } from './world.ts';

export interface SimRingOptions {
  world: World;
  nodes: ReadonlyMap<number, SimNode>;
  cores: number[];
  /** Nothing is to change any more: the checkers are about to look. */
  isOver(): boolean;
  count(what: string): void;
}

const keeperNode = 1;
const lookEveryMs = 300;

export class SimRing {
  readonly #first: SimManifest;
  readonly #options: SimRingOptions;
  readonly #keeper: RingKeeper;

  constructor(options: SimRingOptions) {
    this.#options = options;
    this.#first = { epoch: 1, cores: options.cores, next: null };
    this.#keeper = new RingKeeper({
      monoMs: () => options.world.nowMs,
      progressOf: (node) => {
        const process = this.#process;
        if (process === null) return null;
        if (node !== keeperNode) return process.replica.progressOf(node);
        return { epoch: process.replica.epoch, unheld: process.replica.unheld };
      },
    });
  }

  /** The last one that the keeper has on its disk: what was not there when it ended was never said. */
  get manifest(): SimManifest {
    return this.#options.nodes.get(keeperNode)?.manifest ?? this.#first;
  }

  get #process(): Process | null {
    return this.#options.nodes.get(keeperNode)?.process ?? null;
  }

  /** Ends changes when they may be ended; now and then gives one up. */
  keep(): void {
    this.#options.world.events.after(lookEveryMs, () => {
      this.#look();
      this.keep();
    });
  }

  #look(): void {
    const process = this.#process;
    const { epoch, cores, next } = this.manifest;
    if (this.#options.isOver() || next === null || process === null || process.isPaused) return;
    if (process.replica.epoch !== epoch) return;
    const { kind } = this.#keeper.judge(process.replica.ring, epoch);
    if (kind === 'ready') this.#sign({ epoch: epoch + 1, cores: next, next: null });
    else if (this.#options.world.random.chance(0.004)) this.#sign({ epoch: epoch + 1, cores, next: null });
  }

  #sign(manifest: SimManifest): void {
    const { world, count } = this.#options;
    const { epoch, cores, next } = manifest;
    world.note(`ring ${epoch}: ${cores.join(' ')}${next === null ? '' : ` -> ${next.join(' ')}`}`);
    count('rings');
    this.#process?.adopt(manifest);
  }

  /** Begins a change: one core more, or one less. */
  change(): void {
    const { world, nodes } = this.#options;
    const { random } = world;
    const { epoch, cores, next } = this.manifest;
    if (next !== null || this.#process === null) return;
    const outside = [...nodes.keys()].filter((node) => !cores.includes(node));
    const isGrowing = outside.length > 0 && (cores.length < 3 || random.chance(0.6));
    if (!isGrowing && cores.length < 2) return;
    const after = isGrowing
      ? [...cores, random.pick(outside)]
      : cores.filter((node) => node !== random.pick(cores.slice(1)));
    if (after.length === 0) return;
    this.#sign({ epoch: epoch + 1, cores, next: after });
  }
}
