// A node of the simulation: a disk, a clock and, while it runs, a process. What that does sim-process.ts says.
import type { PeerMessage } from '../../cluster/peer-messages.ts';
import { type Image, newLife } from './disk.ts';
import type { SimManifest } from './sim-manifest.ts';
import { Process, type ProcessOptions } from './sim-process.ts';
import type { Endpoint } from './world.ts';

export interface SimNodeOptions extends ProcessOptions {
  node: number;
  image: Image;
  /** Written into a wiped disk, too: it is in the node's settings. */
  manifest: SimManifest;
}

export class SimNode implements Endpoint {
  readonly node: number;
  image: Image;
  manifest: SimManifest;
  /** How far its wall clock is off; a process looks at it when it starts. */
  wallOffsetMs = 0;
  process: Process | null = null;
  readonly #options: SimNodeOptions;
  #boots = 0;

  constructor(options: SimNodeOptions) {
    this.#options = options;
    this.node = options.node;
    this.image = options.image;
    this.manifest = options.manifest;
  }

  get isRunning(): boolean {
    return this.process !== null && !this.process.isPaused;
  }

  linked(peer: number): void {
    this.process?.linked(peer);
  }

  unlinked(peer: number): void {
    this.process?.unlinked(peer);
  }

  receive(from: number, message: PeerMessage): void {
    this.process?.receive(from, message);
  }

  /** Nothing happens when it runs. */
  start(): void {
    if (this.process !== null) return;
    this.#boots++;
    this.#options.world.note(
      `node ${this.node} starts (boot ${this.#boots}, life ${this.image.incarnation})`,
    );
    this.process = new Process(this, this.#options, `${this.node}.${this.#boots}`);
  }

  /** What was not on the disk is lost. */
  crash(): void {
    if (this.process === null) return;
    this.process.isDead = true;
    this.process = null;
    this.#options.world.ended(this.node);
  }

  /** The disk is another one: what was on it is gone, or as old as a backup. */
  replaceDisk(image: Image, incarnation: number): void {
    this.crash();
    this.image = image;
    newLife(image, incarnation);
  }
}
