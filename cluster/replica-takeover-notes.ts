// Before a node serves what may have been served elsewhere meanwhile, it notes what of it may have come late. Until then an entry was on some disk
// alone, and others may have closed above it: who resumes with a cursor from there reads it here, and would take it for what it has had.
import type { Key } from '../runtime/key.ts';
import type { Version } from '../runtime/version.ts';
import type { Copy } from './peer-messages.ts';
import type { Intake } from './replica-intake.ts';
import { lastOf } from './replica-last-entries.ts';
import type { TailNote } from './replica-own-tail.ts';
import type { ReplicaStore } from './replica-ports.ts';

export interface TakeoverNotesOptions {
  store: Pick<ReplicaStore, 'read' | 'trimmedUpTo' | 'noteLate'>;
  intake: Pick<Intake, 'originsOf'>;
  tail: Pick<TailNote, 'of'>;
  partitionOf(key: Key): number;
  /** Up to where the servers of a partition have said that it is closed, with all of that here: what is below was told, or noted as it came. */
  closedOf(partition: number): Version;
}

export class TakeoverNotes {
  readonly #options: TakeoverNotesOptions;

  constructor(options: TakeoverNotesOptions) {
    this.#options = options;
  }

  /** `done`: it is on the disk. */
  note(partitions: ReadonlySet<number>, done: () => void): void {
    const noted = new Set<string>();
    const look = (): void => {
      const due = this.#found(partitions).filter(({ key, version }) => !noted.has(version + key));
      if (due.length === 0) {
        done();
        return;
      }
      for (const { key, version } of due) noted.add(version + key);
      // Something may have come by then.
      this.#options.store.noteLate(due, look);
    };
    look();
  }

  #found(partitions: ReadonlySet<number>): Copy[] {
    const { store, intake, tail, partitionOf, closedOf } = this.#options;
    const others = intake.originsOf('replica').flatMap((position) => lastOf(store, position));
    return [
      ...tail.of(partitions),
      ...others.filter(({ key, version }) => {
        const partition = partitionOf(key);
        return partitions.has(partition) && version > closedOf(partition);
      }),
    ];
  }
}
