// The release pointer as a small item in the DHT (BEP 44), put again by every machine that has it: who has no link yet finds it there.
import type { AgentDht } from './agent-dht.ts';
import type { ReleaseHeld } from './mesh-release.ts';
import { releaseChannel } from './mesh-release.ts';
import { encodeSignedPointer, pointerSalt } from './release-pointer.ts';

/** The DHT forgets what is not put again. */
const againMs = 3_600_000;

export interface PointerItemOptions {
  dht: Pick<AgentDht, 'items'>;
  held: Pick<ReleaseHeld, 'current' | 'offer' | 'signers'>;
}

export class PointerItem {
  readonly #options: PointerItemOptions;
  #put: { seq: number; atMs: number } | null = null;

  constructor(options: PointerItemOptions) {
    this.#options = options;
  }

  /** Looks for a later one, and puts this machine's own when that is due. Nothing that is there can do harm: it is judged as any other. */
  async look(nowMs: number): Promise<'none' | 'same' | 'taken' | 'put'> {
    const { dht, held } = this.#options;
    const salt = pointerSalt(releaseChannel);
    let answer: 'none' | 'same' | 'taken' | 'put' = 'none';
    for (const publicKey of held.signers()) {
      const item = await dht.items.get(publicKey, salt);
      if (item === null) continue;
      answer = 'same';
      if (item.seq <= (held.current?.signed.seq ?? 0)) continue;
      const { seq, signature, value } = item;
      const pointer = encodeSignedPointer({ publicKey, seq, signature, value });
      const offered = await held.offer({ pointer, handovers: [], info: null }, 'the DHT');
      if (offered.kind === 'taken') return 'taken';
    }
    const signed = held.current?.signed;
    if (signed === undefined) return answer;
    const isPut = this.#put?.seq === signed.seq && nowMs - this.#put.atMs < againMs;
    if (isPut) return answer;
    const outcome = await dht.items.putSigned({ ...signed, salt });
    if (outcome.kind === 'rejected' && outcome.code === 'nobody') return answer;
    // Others hold what came later, and was not taken here: it is not asked every time whether that has gone.
    this.#put = { seq: signed.seq, atMs: nowMs };
    return outcome.kind === 'stored' ? 'put' : answer;
  }
}
