// Group commit: all that is submitted while a transaction is being written becomes the next one. One fsync answers many.
import { Batch, Submission } from './store-batch.ts';
import type { Environment } from './store-environment.ts';
import type { Staged } from './store-rows.ts';

export interface GroupCommitOptions {
  environment: Pick<Environment, 'commit' | 'refresh'>;
  /** Adds what every transaction carries, e.g. the head of the log. */
  seal(batch: Batch): void;
  /** After the fsync, before anyone is told: caches are brought up to date here. */
  committed(batch: Batch): void;
  /** After `committed`, when the next transaction is already on its way. */
  announced(batch: Batch, ms: number): void;
  /** The disk failed. Nothing more is accepted. */
  failed(error: Error): void;
}

/**
 * A batch of this many entries starts at once when nothing is in flight, so that the disk works while more are taken in. Not
 * sooner: many small transactions cost more processor time than one large one, up to a fifth.
 */
const earlyStartEntries = 1_024;

function sizeOf({ entries, adopted }: Batch): number {
  return entries.length + adopted.length;
}

/** What is to be written after the store was closed. */
export class ClosedError extends Error {
  code = 'closed';
  constructor() {
    super('the store is closed');
  }
}

export class GroupCommit implements Staged {
  readonly submission = new Submission();
  open = new Batch();
  inFlight: Batch | null = null;
  /** Set by the first commit that fails, and by closing: nothing is written after it. */
  fault: Error | null = null;
  readonly #options: GroupCommitOptions;
  #scheduled = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  get bytesInFlight(): number {
    return this.open.bytes + (this.inFlight?.bytes ?? 0);
  }

  get entriesInFlight(): number {
    return sizeOf(this.open) + (this.inFlight === null ? 0 : sizeOf(this.inFlight));
  }

  /** To be called after something was added to `open`. */
  touch(): void {
    if (this.inFlight !== null || this.fault !== null) return;
    if (sizeOf(this.open) >= earlyStartEntries) this.#start();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        if (this.inFlight === null) this.#start();
      });
    }
  }

  /** Resolves when what was added so far is on the disk, whatever is added meanwhile; null: it is there. */
  get underWay(): Promise<void> | null {
    return this.open.isEmpty ? (this.inFlight?.done ?? null) : this.open.done;
  }

  /** Resolves when everything added so far is on the disk; rejects when it is not. */
  async drain(): Promise<void> {
    while (this.fault === null && (this.inFlight !== null || !this.open.isEmpty)) {
      await (this.inFlight ?? this.open).done;
    }
    if (this.fault !== null) throw this.fault;
  }

  /** Writes what was added so far, then nothing more: the environment can be closed. Rejects when what was added is not on the disk. */
  async close(): Promise<void> {
    await this.drain();
    // Something may have been added since `drain` found nothing, in a turn of its own.
    if (this.inFlight !== null || !this.open.isEmpty) return this.close();
    this.fault = new ClosedError();
  }

  #start(): void {
    const batch = this.open;
    if (batch.isEmpty || this.fault !== null) return;
    this.open = new Batch();
    this.inFlight = batch;
    const startedMs = performance.now();
    this.#write(batch).then(
      () => this.#finish(batch, startedMs),
      (error: unknown) => this.#fail(error),
    );
  }

  async #write(batch: Batch): Promise<void> {
    this.#options.seal(batch);
    await this.#options.environment.commit(batch.allChanges());
  }

  #finish(batch: Batch, startedMs: number): void {
    if (this.fault !== null) return;
    try {
      this.#options.environment.refresh();
      this.#options.committed(batch);
      this.inFlight = null;
      this.#start();
      this.#options.announced(batch, performance.now() - startedMs);
    } catch (error) {
      // What is on the disk stays acknowledged; but memory and disk may differ now, so this store must not go on.
      batch.resolve();
      this.#fail(error);
      return;
    }
    batch.resolve();
  }

  #fail(error: unknown): void {
    if (this.fault !== null) return;
    const fault = error instanceof Error ? error : new Error(String(error));
    this.fault = fault;
    this.inFlight?.reject(fault);
    this.open.reject(fault);
    this.#options.failed(fault);
  }
}
