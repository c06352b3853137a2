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

export interface HorizonOptions {
  partitions: number;
  /**
   * May what `next` says of a partition be taken, when `former` served it before? Only if everything that `former` had sent or
   * answered for is here.
   */
  mayFollow(former: number, next: number): boolean;
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
  take(node: number, { terms, closed }: Statement): void {
    this.#statements.set(node, new Map(terms.map(({ partition, term }) => [partition, term])));
    for (const { partition, term } of terms) {
      const source = this.#sources.get(partition);
      if (source !== undefined && source.node !== node) {
        // An earlier server, whose word comes late.
        if (term <= source.term) continue;
        // The former server still says it serves: what it has said last has not all been taken in.
        const isOver = this.#statements.get(source.node)?.has(partition) !== true;
        if (!isOver && !this.#options.mayFollow(source.node, node)) continue;
      }
      this.#sources.set(partition, { node, term });
      if (closed > (this.#closed[partition] ?? noVersion)) this.#closed[partition] = closed;
    }
  }

  closed(partition: number): Version {
    return this.#closed[partition] ?? noVersion;
  }

  source(partition: number): number | null {
    return this.#sources.get(partition)?.node ?? null;
  }

  /** Never goes back. */
  watermark(): Version {
    let lowest: Version | null = null;
    for (const closed of this.#closed) if (lowest === null || closed < lowest) lowest = closed;
    return lowest ?? noVersion;
  }
}
