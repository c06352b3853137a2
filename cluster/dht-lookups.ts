// Questions to a DHT: who has announced under an info hash. Who asks while the same is being asked waits for the same answer.
import type { Address, Client } from 'bittorrent-dht';
import type { DhtAddress } from './dht-address.ts';
import type { DhtWaits } from './dht-waits.ts';

export interface LookedUp {
  peers: DhtAddress[];
  /** All who are near the hash were asked: what is announced now reaches them. */
  isWhole: boolean;
}

/** Of one answer. */
const peersMost = 2048;

export class DhtLookups {
  readonly #client: Client;
  readonly #waits: DhtWaits;
  readonly #open = new Map<string, { found: Map<string, DhtAddress>; answer: Promise<LookedUp> }>();

  constructor(client: Client, waits: DhtWaits) {
    this.#client = client;
    this.#waits = waits;
    client.on('peer', ({ host, port }: Address, hash: Uint8Array) => {
      const found = this.#open.get(nameOf(hash))?.found;
      if (found !== undefined && found.size < peersMost) found.set(`${host}:${port}`, { host, port });
    });
  }

  /** No peers when nobody answers. */
  lookup(hash: Uint8Array): Promise<LookedUp> {
    const name = nameOf(hash);
    const open = this.#open.get(name);
    if (open !== undefined) return open.answer;
    const found = new Map<string, DhtAddress>();
    const answer = this.#ask(hash, found).finally(() => this.#open.delete(name));
    this.#open.set(name, { found, answer });
    return answer;
  }

  async #ask(hash: Uint8Array, found: ReadonlyMap<string, DhtAddress>): Promise<LookedUp> {
    let abort = (): void => {};
    const isWhole = await this.#waits.for(false, (settle) => {
      abort = this.#client.lookup(Buffer.from(hash), () => settle(true));
    });
    // Answers that name ever nearer nodes would make it go on for ever.
    if (!isWhole) abort();
    return { peers: [...found.values()], isWhole };
  }
}

function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('hex');
}
