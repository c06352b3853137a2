// The watermark: the version up to which this core has taken in everything, of every partition, whoever serves it.
import { noVersion, type Version } from '../runtime/version.ts';
import type { Term } from './peer-messages.ts';

/** What a server has said of the partitions it serves: nothing at or below `closed` will be added to them. */
export interface Statement {
  version: number;
  terms: readonly Term[];
  closed: Version;
}

interface Source {
  node: number;
  term: number;
}

/** A partition is served by another node, under a term that is new here. `version` is that of the statement that says so. */
export interface HorizonChange {
  partition: number;
  /** The last server known. */
  former: number | null;
  next: number;
  version: number;
}

export interface HorizonOptions {
  partitions: number;
  /** Everything up to there had come before this start. */
  from: Version;
  /**
   * May what a server says of a partition be taken, under a term that is new here? Only if everything that any other server had answered
   * for before is here: of `former`, the last one known, and of all who may have served in between. `version` is that of the statement.
   */
  mayFollow(change: HorizonChange): boolean;
}

export class Horizon {
  readonly #options: HorizonOptions;
  readonly #closed: Version[];
  readonly #sources = new Map<number, Source>();
  readonly #statements = new Map<number, Map<number, number>>();

  constructor(options: HorizonOptions) {
    this.#options = options;
    this.#closed = Array.from({ length: options.partitions }, () => noVersion);
  }

  /** A server's statement, when everything it speaks of has been taken in. */
  take(node: number, { version, terms, closed }: Statement): void {
    this.#statements.set(node, new Map(terms.map(({ partition, term }) => [partition, term])));
    for (const { partition, term } of terms) {
      const source = this.#sources.get(partition);
      if (source === undefined || source.term !== term) {
        // An earlier server, whose word comes late.
        if (source !== undefined && term < source.term) continue;
        const former = source?.node ?? null;
        if (!this.#options.mayFollow({ partition, former, next: node, version })) continue;
      }
      this.#sources.set(partition, { node, term });
      if (closed > (this.#closed[partition] ?? noVersion)) this.#closed[partition] = closed;
    }
  }

  /** What a node said last does not hold any more: it is away. */
  forget(node: number): void {
    this.#statements.delete(node);
  }

  /** By its last statement: null when there is none. */
  says(node: number, partition: number): boolean | null {
    return this.#statements.get(node)?.has(partition) ?? null;
  }

  /** Of one partition: up to there everything has been taken in. */
  closedOf(partition: number): Version {
    const closed = this.#closed[partition] ?? noVersion;
    const { from } = this.#options;
    if (closed > from) return closed;
    return from;
  }

  /** Never goes back. */
  watermark(): Version {
    let lowest: Version | null = null;
    for (const closed of this.#closed) if (lowest === null || closed < lowest) lowest = closed;
    const { from } = this.#options;
    return lowest === null || lowest < from ? from : lowest;
  }
}
