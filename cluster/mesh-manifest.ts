// The manifest a process goes by: offered ones are judged, kept on disk, then used. Where they come from and go to is the mesh's.
import type { SignedManifest, VerifiedManifest } from './manifest.ts';
import { judgeManifest } from './manifest-judgement.ts';
import type { WireLog, WireMeter } from './wire-meter.ts';

export interface ManifestHeldOptions {
  current: VerifiedManifest;
  /** On disk when it resolves. */
  keep(signed: SignedManifest): Promise<void>;
  /** Called once it is kept, before anybody else hears of it. */
  changed(verified: VerifiedManifest): void;
  log: WireLog;
  meter: WireMeter;
}

export type Offered =
  | { kind: 'taken' }
  | { kind: 'same' }
  /** Who offered it lacks ours. */
  | { kind: 'older' }
  | { kind: 'conflict'; reason: string }
  | { kind: 'refused'; reason: string };

/** Says of one conflict as often as it is met, but at most so often. */
const sayAgainMs = 60_000;

export class ManifestHeld {
  current: VerifiedManifest;
  /** The keeper has signed two histories: what was seen last of the other one. Null while all is well. */
  conflict: string | null = null;
  readonly #options: ManifestHeldOptions;
  #tail: Promise<unknown> = Promise.resolve();
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(options: ManifestHeldOptions) {
    this.#options = options;
    this.current = options.current;
  }

  /** Never rejects. One after the other, in the order of the offers. */
  offer(signed: SignedManifest, from: string): Promise<Offered> {
    // It may lie in a frame with much else, and this is kept.
    const own = { bytes: Uint8Array.from(signed.bytes), signature: Uint8Array.from(signed.signature) };
    const judged = this.#tail.then(() => this.#judge(own, from));
    this.#tail = judged;
    return judged;
  }

  /** Two manifests of one epoch, or two that do not follow on each other. Ours stays. */
  conflicting(reason: string, from: string): void {
    const { log, meter } = this.#options;
    this.conflict = `${reason} (the other one is at ${from})`;
    meter.count('refused-manifest-conflict', 1);
    if (performance.now() - this.#saidMs < sayAgainMs) return;
    this.#saidMs = performance.now();
    log.error(
      { reason, from, epoch: this.current.manifest.epoch },
      'the keeper has signed two manifests: only its holder can mend that',
    );
  }

  async #judge(signed: SignedManifest, from: string): Promise<Offered> {
    const { keep, changed, log } = this.#options;
    const verdict = judgeManifest(this.current, signed);
    switch (verdict.kind) {
      case 'same':
      case 'older':
        return { kind: verdict.kind };
      case 'invalid':
        log.warn({ from, reason: verdict.reason }, 'a manifest was refused');
        return { kind: 'refused', reason: verdict.reason };
      case 'conflict':
        this.conflicting(verdict.reason, from);
        return { kind: 'conflict', reason: verdict.reason };
      case 'newer':
      case 'gap':
        break;
    }
    try {
      await keep(signed);
    } catch (error) {
      log.error({ error: String(error) }, 'a manifest cannot be kept, so it is not used');
      return { kind: 'refused', reason: 'it cannot be kept on disk' };
    }
    this.current = verdict.verified;
    changed(verdict.verified);
    return { kind: 'taken' };
  }
}
