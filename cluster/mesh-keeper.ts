// The keeper's service: who holds the key lets newcomers in, throws nodes out, changes the ring and the DHT's key. One change at a time.
import { randomBytes } from 'node:crypto';
import type { Outcome } from '../runtime/behaviours.ts';
import { type InviteContact, inviteLine, newInvite } from './invite.ts';
import { type Admission, verifyAdmission } from './invite-admission.ts';
import type { Keeper } from './keeper.ts';
import { dhtKeyBytes, type Manifest, type Role, type VerifiedManifest } from './manifest.ts';
import {
  abortRing,
  admit,
  beginRing,
  type Change,
  finishRing,
  moveKeeper,
  retireDhtKey,
  revoke,
  revokeInvite,
  rotateDhtKey,
  signNext,
  trustRelease,
} from './manifest-change.ts';
import type { ManifestHeld } from './mesh-manifest.ts';
import { sameBytes } from './packed.ts';
import { rejected } from './rejection.ts';
import type { RingChange } from './ring-keeper.ts';

export interface MeshKeeperOptions {
  /** The key in DATA now; null when it is elsewhere. */
  keeper(): Promise<Keeper | null>;
  /** Whom its key is to be handed to: the same one until that is done. */
  successor(keeper: Keeper): Promise<Keeper>;
  manifest: ManifestHeld;
  wallMs(): number;
  /** How far the change of the ring is. */
  ringChange(): RingChange | null;
}

export type KeeperChange =
  | { do: 'ringAdd' | 'ringRemove' | 'revoke'; node: number }
  | { do: 'ringAbort' | 'rotateKey' | 'retireKey' }
  | { do: 'revokeInvite'; id: Uint8Array }
  | { do: 'trustRelease'; key: Uint8Array };

export class MeshKeeper {
  readonly #options: MeshKeeperOptions;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: MeshKeeperOptions) {
    this.#options = options;
  }

  /** The present key signs that another one, made here, signs from now on: what was exported of the present one is worth nothing then. */
  async rotate(): Promise<Outcome<VerifiedManifest>> {
    const { keeper: ofNow, successor } = this.#options;
    const keeper = await ofNow();
    if (keeper === null) return notHere;
    const next = await successor(keeper);
    const signed = await this.#sign((manifest) => moveKeeper(manifest, next.publicKey, keeper.privateKey));
    // It takes its place on disk.
    if (signed.ok) await ofNow();
    return signed;
  }

  change(change: KeeperChange): Promise<Outcome<VerifiedManifest>> {
    return this.#sign((manifest) => this.#apply(manifest, change));
  }

  /** A newcomer becomes a member; one that is a member already stays it. */
  async admit(shown: Admission): Promise<Outcome<VerifiedManifest>> {
    const { manifest, wallMs } = this.#options;
    const isMember = manifest.current.manifest.members.some(({ key }) => sameBytes(key, shown.node));
    if (isMember) return { ok: true, value: manifest.current };
    return this.#sign((current) => {
      const verdict = verifyAdmission(shown, { manifest: current, nowMs: wallMs() });
      return verdict.kind === 'rejected'
        ? { kind: 'rejected', code: 'unsound', reason: verdict.reason }
        : admit(current, verdict.member);
    });
  }

  async invite(terms: {
    roles: Role[];
    holdsForMs: number;
    contacts: InviteContact[];
  }): Promise<Outcome<{ line: string; id: string; expiresMs: number }>> {
    const keeper = await this.#options.keeper();
    if (keeper === null) return notHere;
    const { manifest, wallMs } = this.#options;
    const made = newInvite({
      ...terms,
      manifest: manifest.current.manifest,
      keeper: keeper.privateKey,
      nowMs: wallMs(),
    });
    if (made.kind === 'rejected') return rejected('invalid', made.reason);
    const { id, expiresMs } = made.invite.certificate;
    return {
      ok: true,
      value: { line: inviteLine(made.invite), id: Buffer.from(id).toString('hex'), expiresMs },
    };
  }

  /** To be called now and then: ends the change of the ring once that is safe. */
  async look(): Promise<void> {
    const { manifest, ringChange } = this.#options;
    if (manifest.current.manifest.ring.next === null || ringChange()?.kind !== 'ready') return;
    if ((await this.#options.keeper()) === null) return;
    await this.#sign((current) =>
      // Looked at again in its turn: it may have been called off.
      ringChange()?.kind === 'ready'
        ? finishRing(current)
        : { kind: 'rejected', code: 'not-under-way', reason: 'not ready any more' },
    );
  }

  #apply(manifest: Manifest, change: KeeperChange): Change {
    switch (change.do) {
      case 'ringAdd':
        return beginRing(manifest, { kind: 'addCore', node: change.node });
      case 'ringRemove':
        return beginRing(manifest, { kind: 'removeCore', node: change.node });
      case 'ringAbort':
        return abortRing(manifest);
      case 'revoke':
        return revoke(manifest, change.node);
      case 'revokeInvite':
        return revokeInvite(manifest, change.id, this.#options.wallMs());
      case 'trustRelease':
        return trustRelease(manifest, change.key);
      case 'rotateKey':
        return rotateDhtKey(manifest, randomBytes(dhtKeyBytes));
      case 'retireKey':
        return retireDhtKey(manifest);
    }
  }

  #sign(apply: (manifest: Manifest) => Change): Promise<Outcome<VerifiedManifest>> {
    const signed = this.#tail.then(() => this.#signNow(apply));
    this.#tail = signed.catch(() => {});
    return signed;
  }

  async #signNow(apply: (manifest: Manifest) => Change): Promise<Outcome<VerifiedManifest>> {
    const { manifest } = this.#options;
    const keeper = await this.#options.keeper();
    if (keeper === null) return notHere;
    if (manifest.conflict !== null)
      return rejected(
        'invalid',
        'two manifests of one epoch are about: nothing is signed until that is mended',
      );
    const { current } = manifest;
    const change = apply(current.manifest);
    if (change.kind === 'rejected') return rejected('invalid', change.reason);
    const next = signNext(current, change.manifest, keeper.privateKey);
    if (next.kind === 'rejected') return rejected('invalid', next.reason);
    // On disk first: this epoch is never signed twice, whatever happens to this process.
    const offered = await manifest.offer(next.signed, 'the keeper');
    if (offered.kind === 'taken') return { ok: true, value: next.verified };
    const reason = 'reason' in offered ? offered.reason : 'another manifest came in between: ask again';
    return rejected('unavailable', reason);
  }
}

const notHere: Outcome<never> = rejected('unavailable', 'the keeper’s key is not on this node');
