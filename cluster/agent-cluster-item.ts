// The epoch of the manifest as a small item in the DHT (BEP 44), signed by the keeper: who has lost all links sees that it is behind.

import { struct, uint } from '../runtime/codec.ts';
import type { AgentDht } from './agent-dht.ts';
import type { Keeper } from './keeper.ts';
import { hashBytes, type VerifiedManifest } from './manifest.ts';
import { fixedBytes, packed, sameBytes, unpacked } from './packed.ts';

const salt = Buffer.from('manifest');
/** The DHT forgets what is not put again. */
const againMs = 3_600_000;

const announced = struct({ epoch: uint, hash: fixedBytes(hashBytes) });

export type ItemLook =
  | { kind: 'none' | 'same' | 'behind' | 'put' }
  /** The keeper has signed two of one epoch. */
  | { kind: 'conflict'; reason: string };

export class ManifestItem {
  readonly #dht: Pick<AgentDht, 'items'>;
  #put: { epoch: number; atMs: number } | null = null;

  constructor(dht: Pick<AgentDht, 'items'>) {
    this.#dht = dht;
  }

  /** With the keeper's key it puts the item, if that is due; without, it looks at it. */
  async look({ manifest, hash }: VerifiedManifest, keeper: Keeper | null, nowMs: number): Promise<ItemLook> {
    const { epoch } = manifest;
    if (keeper !== null && sameBytes(keeper.publicKey, manifest.keeper)) {
      const isPut = this.#put?.epoch === epoch && nowMs - this.#put.atMs < againMs;
      if (isPut) return { kind: 'same' };
      const value = packed(announced, { epoch, hash });
      const outcome = await this.#dht.items.put({ value, seq: epoch, salt, privateKey: keeper.privateKey });
      if (outcome.kind === 'stored') {
        this.#put = { epoch, atMs: nowMs };
        return { kind: 'put' };
      }
      if (outcome.code === 'nobody') return { kind: 'none' };
    }
    const item = await this.#dht.items.get(manifest.keeper, salt);
    if (item === null) return { kind: 'none' };
    const found = readItem(item.value);
    if (found === null || found.epoch < epoch) return { kind: 'same' };
    if (found.epoch > epoch) return { kind: 'behind' };
    return sameBytes(found.hash, hash)
      ? { kind: 'same' }
      : { kind: 'conflict', reason: `two manifests of epoch ${epoch} are signed` };
  }
}

function readItem(value: Uint8Array): { epoch: number; hash: Uint8Array } | null {
  try {
    return unpacked(announced, value);
  } catch {
    return null;
  }
}
