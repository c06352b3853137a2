// Of what this core takes over: what its former server had given back, and what it had not, for it was away. Only for people who look.
import type { PeerMessage, Term } from './peer-messages.ts';

type Serving = Pick<Extract<PeerMessage, { kind: 'serving' }>, 'version' | 'terms'>;

interface LastServer {
  node: number;
  term: number;
  isGivenBack: boolean;
}

interface Said {
  version: number;
  terms: ReadonlyMap<number, number>;
}

/** Partitions that began to be served here. One that nobody served before, as far as is known here, is neither. */
export interface Taken {
  failovers: number;
  handovers: number;
}

const nothing: ReadonlyMap<number, number> = new Map();

export class Takeovers {
  readonly #self: number;
  readonly #last = new Map<number, LastServer>();
  /** What each node has said on its present link. */
  readonly #said = new Map<number, Said>();
  #served: ReadonlySet<number> = new Set();

  constructor(self: number) {
    this.#self = self;
  }

  /** What it does not say again on the new link it may have lost with its process: that is not given back. */
  linked(node: number): void {
    this.#said.delete(node);
  }

  /** All that a linked node serves, by its word. An earlier word that comes late is passed over. */
  heard(node: number, { version, terms }: Serving): void {
    const before = this.#said.get(node) ?? { version: 0, terms: nothing };
    if (version < before.version) return;
    const now = new Map(terms.map(({ partition, term }) => [partition, term]));
    this.#said.set(node, { version, terms: now });
    for (const partition of before.terms.keys()) {
      const last = this.#last.get(partition);
      if (!now.has(partition) && last?.node === node) last.isGivenBack = true;
    }
    for (const [partition, term] of now) {
      const last = this.#last.get(partition);
      if (last === undefined || term > last.term)
        this.#last.set(partition, { node, term, isGivenBack: false });
    }
  }

  /** All that this core serves from now on. */
  serving(terms: readonly Term[]): Taken {
    const taken: Taken = { failovers: 0, handovers: 0 };
    for (const { partition, term } of terms) {
      const last = this.#last.get(partition);
      this.#last.set(partition, { node: this.#self, term, isGivenBack: false });
      if (this.#served.has(partition) || last === undefined || last.node === this.#self) continue;
      if (last.isGivenBack) taken.handovers++;
      else taken.failovers++;
    }
    this.#served = new Set(terms.map(({ partition }) => partition));
    return taken;
  }
}
