// Keeps on disk which pieces are there, now and then while they come: what is said to be there is synced first.
import type { SwarmFiles } from './swarm-files.ts';
import { writeKept } from './swarm-kept.ts';
import { PieceSet } from './swarm-piece-set.ts';

const periodMs = 3000;

export class Keeping {
  readonly #files: SwarmFiles;
  readonly #folder: string;
  readonly #have: PieceSet;
  #keptPieces: number;
  #keptAtMs: number;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: { files: SwarmFiles; folder: string; have: PieceSet; nowMs: number }) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.#have = options.have;
    this.#keptPieces = -1;
    this.#keptAtMs = options.nowMs;
  }

  /** Rejects when the disk does. */
  async look(nowMs: number): Promise<void> {
    if (nowMs - this.#keptAtMs < periodMs || this.#have.count === this.#keptPieces) return;
    this.#keptAtMs = nowMs;
    await this.save();
  }

  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#save());
    return this.#saving;
  }

  /** What comes while it syncs is not in it: it would be believed without being on disk. */
  async #save(): Promise<void> {
    if (this.#have.count === this.#keptPieces) return;
    const { layout } = this.#files;
    const have = PieceSet.read(Uint8Array.from(this.#have.bytes), layout.pieces);
    if (have === null) return;
    await this.#files.sync();
    await writeKept(this.#folder, layout.info, { have, marks: await this.#files.marks() });
    this.#keptPieces = have.count;
  }
}
