// Small signed items that the DHT keeps for a while (BEP 44), each under its signer's key and a salt. What one says is its reader's concern.
import { createHash, type KeyObject, sign } from 'node:crypto';
import type { Client, Item } from 'bittorrent-dht';
import { type Bencoded, writeBencode } from './dht-bencode.ts';
import { itemMostBytes, saltMostBytes } from './dht-message.ts';
import type { DhtWaits } from './dht-waits.ts';
import { isSigned, publicKeyOf } from './ed25519.ts';
import { sameBytes } from './packed.ts';

export interface DhtItem {
  value: Uint8Array;
  seq: number;
}

/** To be put by anybody. */
export interface SignedDhtItem extends DhtItem {
  publicKey: Uint8Array;
  salt?: Uint8Array;
  /** Over salt, seq and value, as BEP 44 says. */
  signature: Uint8Array;
}

export type PutOutcome =
  /** `copies`: how many nodes took it now. 0 when those who were asked have it already. */
  | { kind: 'stored'; copies: number }
  /** `outdated`: others hold a later seq, or another value under this one. `nobody`: no other node could be reached. */
  | { kind: 'rejected'; code: 'outdated' | 'nobody' | 'unsigned' };

export class DhtItems {
  readonly #client: Client;
  readonly #waits: DhtWaits;

  constructor(client: Client, waits: DhtWaits) {
    this.#client = client;
    this.#waits = waits;
  }

  /**
   * Others may forget it: put it again every hour, and use each seq for one value only, for ever. Rejects with a `RangeError` for
   * a value that is empty or over 999 bytes, a salt over 64, or a seq that is no whole number.
   */
  async put(item: DhtItem & { salt?: Uint8Array; privateKey: KeyObject }): Promise<PutOutcome> {
    const publicKey = publicKeyOf(item.privateKey);
    return await this.#put(item, publicKey, {
      sign: (said: Uint8Array) => sign(null, said, item.privateKey),
    });
  }

  /**
   * As `put`, for who has no key: with the signature that its signer gave it. One that is wrong stays here: it is `rejected` as
   * `unsigned`, and nobody is asked.
   */
  async putSigned(item: SignedDhtItem): Promise<PutOutcome> {
    const { publicKey, signature } = item;
    if (!isSigned(itemBytes(item), { publicKey, signature })) return { kind: 'rejected', code: 'unsigned' };
    return await this.#put(item, publicKey, { sig: Buffer.from(signature) });
  }

  async #put(
    item: DhtItem & { salt?: Uint8Array },
    publicKey: Uint8Array,
    proof: { sign(said: Uint8Array): Buffer } | { sig: Buffer },
  ): Promise<PutOutcome> {
    const { value, seq } = item;
    if (value.length === 0 || value.length > itemMostBytes)
      throw new RangeError(`an item has 1 to ${itemMostBytes} bytes`);
    if (!Number.isSafeInteger(seq) || seq < 0) throw new RangeError('a seq is a whole number');
    // Asking first also tells the library which nodes are near the item now.
    const held = await this.get(publicKey, item.salt);
    const isHeld = held !== null && held.seq === seq && sameBytes(held.value, value);
    if (held !== null && !isHeld && held.seq >= seq) return { kind: 'rejected', code: 'outdated' };
    const put = {
      k: Buffer.from(publicKey),
      v: Buffer.from(value),
      seq,
      ...saltField(item.salt),
      ...proof,
    };
    return this.#waits.for<PutOutcome>({ kind: 'rejected', code: 'nobody' }, (settle) => {
      this.#client.put(put, (error, _key, copies) => {
        if (error === null) settle({ kind: 'stored', copies });
        else if (isHeld) settle({ kind: 'stored', copies: 0 });
        else settle({ kind: 'rejected', code: error.code === 302 ? 'outdated' : 'nobody' });
      });
    });
  }

  /** The one with the highest seq that any node near it has; null when none has one. Its signature was looked at, and is in it. */
  async get(
    publicKey: Uint8Array,
    salt: Uint8Array = new Uint8Array(),
  ): Promise<(DhtItem & { signature: Uint8Array }) | null> {
    if (salt.length > saltMostBytes) throw new RangeError(`a salt has at most ${saltMostBytes} bytes`);
    const key = createHash('sha1').update(publicKey).update(salt).digest();
    const found = await this.#waits.for<Item | null>(null, (settle) => {
      this.#client.get(key, { ...saltField(salt), cache: false }, (error, item) => {
        settle(error === null ? item : null);
      });
    });
    if (found?.sig === undefined) return null;
    return { value: Uint8Array.from(found.v), seq: found.seq ?? 0, signature: Uint8Array.from(found.sig) };
  }
}

/** An empty salt is signed in another way than none: it is none. */
function saltField(salt: Uint8Array | undefined): { salt?: Buffer } {
  return salt === undefined || salt.length === 0 ? {} : { salt: Buffer.from(salt) };
}

/** What BEP 44 signs: `4:salt...3:seqi...e1:v...`, a bencoded dictionary without its ends. */
export function itemBytes({ value, seq, salt }: DhtItem & { salt?: Uint8Array }): Uint8Array {
  const fields = new Map<string, Bencoded>([
    ...(salt === undefined || salt.length === 0 ? [] : [['salt', Buffer.from(salt)] as const]),
    ['seq', seq],
    ['v', Buffer.from(value)],
  ]);
  return writeBencode(fields).subarray(1, -1);
}
