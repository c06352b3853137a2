// Who serves what, as far as is known here: what this node says of itself, and what the linked nodes have said.
import type { PeerMessage, Term } from './peer-messages.ts';
import type { Send } from './replica-ports.ts';

/** What a node serves, as it said itself, by link. */
interface Said {
  version: number;
  terms: ReadonlyMap<number, number>;
}

export interface ServingOptions {
  self: number;
  send: Send;
  /** What this node serves. */
  terms(): Term[];
  /** Of it, what takes new requests. */
  openTerms(): Term[];
  /** May a request to this node begin now? */
  isOpen(partition: number): boolean;
  /** What this node serves is another now, and the linked nodes have been told. With what takes new requests. */
  told(version: number, terms: readonly Term[]): void;
}

const nothing: ReadonlyMap<number, number> = new Map();

export class Serving {
  readonly #options: ServingOptions;
  readonly #said = new Map<number, Said>();
  #version = 0;
  #hasChanged = false;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  linked(node: number): void {
    this.#said.set(node, { version: 0, terms: nothing });
  }

  unlinked(node: number): void {
    this.#said.delete(node);
  }

  /** Of what this node serves: one higher with each change. */
  get version(): number {
    return this.#version;
  }

  /** By partition, what a linked node serves. */
  termsOf(node: number): ReadonlyMap<number, number> {
    return this.#said.get(node)?.terms ?? nothing;
  }

  /** Who serves it, as far as is known: this node, or one that is linked. Null: nobody. */
  serverOf(partition: number): number | null {
    if (this.#options.isOpen(partition)) return this.#options.self;
    let best: { node: number; term: number } | null = null;
    for (const [node, { terms }] of this.#said) {
      const term = terms.get(partition);
      if (term !== undefined && (best === null || term > best.term)) best = { node, term };
    }
    return best?.node ?? null;
  }

  /** What a linked node serves, by its own word. An earlier word that comes late is passed over. */
  heard(node: number, { version, terms }: Extract<PeerMessage, { kind: 'serving' }>): void {
    const said = this.#said.get(node);
    if (said === undefined || version < said.version) return;
    this.#said.set(node, {
      version,
      terms: new Map(terms.map(({ partition, term }) => [partition, term])),
    });
  }

  /** What this node serves is another now: it is told with the next `tell`. */
  changed(): void {
    this.#hasChanged = true;
  }

  /** Once for all that one message or one tick has changed. */
  tell(): void {
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    this.#version++;
    for (const node of this.#said.keys()) this.say(node);
    this.#options.told(this.#version, this.#options.openTerms());
  }

  /** All that this node serves, once more. */
  say(node: number): void {
    this.#options.send(node, { kind: 'serving', version: this.#version, terms: this.#options.terms() });
  }
}
