// What a server hears of what it serves itself: an entry of an earlier server, that nobody else may have. It is shown here from now on, and its origin
// may reach nobody else: so this node passes it on, to all who take its word.
import type { Key } from '../runtime/key.ts';
import type { Copy } from './peer-messages.ts';
import type { ReplicaStore } from './replica-ports.ts';

export interface UntoldOptions {
  store: Pick<ReplicaStore, 'factsOf'>;
  /** See `Server`. */
  server: { serves(partition: number): boolean; isServing(partition: number): boolean };
  /** See `Relay`. */
  relay: { tell(copies: readonly Copy[]): void };
  partitionOf(key: Key): number;
}

export class Untold {
  readonly #options: UntoldOptions;

  constructor(options: UntoldOptions) {
    this.#options = options;
  }

  /** Of what is about to be taken in from another's log: what is served here, or may be by then, and is no fact here yet. */
  of(copies: readonly Copy[]): Copy[] {
    const { store, server, partitionOf } = this.#options;
    const mine = copies.filter(({ key }) => server.serves(partitionOf(key)));
    if (mine.length === 0) return mine;
    const known = new Map(
      store.factsOf(mine.map(({ key }) => key)).map(({ key, version }) => [key, version]),
    );
    return mine.filter(({ key, version }) => {
      const here = known.get(key);
      return here === undefined || here < version;
    });
  }

  /** They are on the disk now. Who begins to serve only then is asked for copies of all logs. */
  tell(copies: readonly Copy[]): void {
    const { server, relay, partitionOf } = this.#options;
    const served = copies.filter(({ key }) => server.isServing(partitionOf(key)));
    if (served.length > 0) relay.tell(served);
  }
}
