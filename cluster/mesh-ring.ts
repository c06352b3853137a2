// The ring of the manifest that is in force, and how far its change is. Computed once for each epoch.
import { partitionCount } from '../runtime/account-id.ts';
import { ringCoresOf, type VerifiedManifest } from './manifest.ts';
import { Ring } from './ring.ts';
import { type RingChange, RingKeeper, type RingKeeperOptions } from './ring-keeper.ts';

export class MeshRing {
  readonly #current: () => VerifiedManifest;
  readonly #judge: RingKeeper;
  #known: { verified: VerifiedManifest; ring: Ring } | null = null;

  constructor(current: () => VerifiedManifest, options: RingKeeperOptions) {
    this.#current = current;
    this.#judge = new RingKeeper(options);
  }

  get ring(): Ring {
    const verified = this.#current();
    if (this.#known?.verified !== verified) {
      const { cores, next } = ringCoresOf(verified.manifest);
      this.#known = { verified, ring: new Ring(cores, next, partitionCount) };
    }
    return this.#known.ring;
  }

  /** Null: none is under way. */
  change(): RingChange | null {
    const { epoch, ring } = this.#current().manifest;
    return ring.next === null ? null : this.#judge.judge(this.ring, epoch);
  }
}
