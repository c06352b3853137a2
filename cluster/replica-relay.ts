// What a node passes on of others' entries, and of its own that were passed over: its second log. When that is stored replica-stored.ts says.
import type { Key } from '../runtime/key.ts';
import { type Copy, relayOf } from './peer-messages.ts';
import type { ReplicaStore } from './replica-ports.ts';
import type { Log, Stored } from './replica-stored.ts';

export interface RelayOptions {
  self: number;
  store: ReplicaStore;
  stored: Stored;
  partitionOf(key: Key): number;
  /** There is more to send. */
  grown(): void;
}

const readAtOnce = 512;

export class Relay {
  readonly #options: RelayOptions;
  /** Up to where it was told to `stored`. */
  #told: number;
  #telling = 0;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#told = options.store.head('relay');
  }

  /** Call when an adoption into the relay is on the disk: what it wrote counts from now on, and goes out. */
  wrote(): void {
    const { store, self, stored, partitionOf, grown } = this.#options;
    const from = this.#told;
    const head = store.head('relay');
    if (head <= from) return;
    this.#told = head;
    const piece = store.read(relayOf(self), store.incarnation, from, readAtOnce);
    const written = (piece?.entries ?? []).map(({ seq, key, version }) => ({
      seq,
      version,
      partition: partitionOf(key),
    }));
    stored.wrote('relay', written);
    grown();
    if (piece !== null && piece.upTo < head) {
      this.#told = piece.upTo;
      this.wrote();
    }
  }

  /** As `wrote`, of adoptions that are on their way to the disk. */
  wroteLater(): void {
    const { store } = this.#options;
    store.adopt({ copies: [], from: { kind: 'relay' }, positions: [] }, () => this.wrote());
  }

  /** Something that is to be told is on its way into the relay: nothing may be closed above it. */
  get isTelling(): boolean {
    return this.#telling > 0;
  }

  /** These are facts here, and others are to have them from this node. */
  tell(copies: readonly Copy[]): void {
    this.#telling++;
    this.#options.store.adopt(
      { copies, from: { kind: 'again' }, positions: [], isNewsToOthers: true },
      () => {
        this.#telling--;
        this.wrote();
      },
    );
  }

  /** Its place in the log has been passed over: whoever was to have it gets it by the relay. */
  again(log: Log, seq: number, done: () => void): void {
    const { store, self } = this.#options;
    const origin = log === 'own' ? self : relayOf(self);
    const copies = (store.read(origin, store.incarnation, seq - 1, 1)?.entries ?? []).filter(
      (one) => one.seq === seq,
    );
    store.adopt({ copies, from: { kind: 'again' }, positions: [], isNewsToOthers: true }, () => {
      this.wrote();
      done();
    });
  }
}
