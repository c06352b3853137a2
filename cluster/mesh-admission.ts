// Who may link, by the manifest: members by their keys, newcomers by their invites, nobody whose key was revoked.
import type { Outcome } from '../runtime/behaviours.ts';
import { MalformedError } from '../runtime/codec.ts';
import { admission, type Admission as InviteShown, verifyAdmission } from './invite-admission.ts';
import type { Manifest, VerifiedManifest } from './manifest.ts';
import { sameBytes, unpacked } from './packed.ts';
import type { Admission, WireHello } from './wire-hello.ts';

export type Judged =
  | Admission
  /** Not known yet, and rightly invited: whether the keeper lets it in is to be asked. */
  | { ok: 'newcomer'; shown: InviteShown };

export interface LettingIn {
  manifest(): VerifiedManifest;
  /** The keeper has signed two of one epoch. */
  conflicting(reason: string, from: string): void;
  /** Asks the keeper: a command of mesh-commands.ts. */
  command(json: string): Promise<Outcome<string>>;
}

/** To a core: newcomers become members on the way. */
export async function letIn(
  hello: WireHello,
  publicKey: Uint8Array,
  { manifest: ofNow, conflicting, command }: LettingIn,
): Promise<Admission> {
  const judge = (): Judged => judgeHello(hello, publicKey, { manifest: ofNow().manifest, nowMs: Date.now() });
  const judged = judge();
  if (judged.ok !== 'newcomer') {
    const { manifest, hash } = ofNow();
    if (judged.ok && isConflicting(hello, { epoch: manifest.epoch, hash }))
      conflicting(`two manifests of epoch ${hello.epoch} are signed`, hello.name);
    return judged;
  }
  const shown = Buffer.from(hello.admission ?? []).toString('base64');
  const admitted = await command(JSON.stringify({ do: 'admit', admission: shown }));
  if (!admitted.ok)
    return {
      ok: false,
      reason: admitted.rejection.code === 'unavailable' ? 'unknown-key' : 'bad-admission',
      text: admitted.rejection.message,
    };
  const again = judge();
  // The keeper's manifest comes before its answer; if not, the newcomer dials again.
  return again.ok === 'newcomer' ? { ok: false, reason: 'unknown-key', text: 'ask again' } : again;
}

/** Both ends have a manifest of one epoch, and not the same one: the handshake refuses it, and somebody has to be told. */
function isConflicting(
  peer: { epoch: number; manifestHash: Uint8Array },
  own: { epoch: number; hash: Uint8Array },
): boolean {
  return peer.epoch === own.epoch && !sameBytes(peer.manifestHash, own.hash);
}

export function judgeHello(
  hello: WireHello,
  publicKey: Uint8Array,
  { manifest, nowMs }: { manifest: Manifest; nowMs: number },
): Judged {
  if (manifest.revokedKeys.some((key) => sameBytes(key, publicKey)))
    return { ok: false, reason: 'revoked-key', text: 'its key was revoked' };
  const member = manifest.members.find(({ key }) => sameBytes(key, publicKey));
  if (member === undefined) return judgeNewcomer(hello, publicKey, { manifest, nowMs });
  if (member.node !== hello.node)
    return { ok: false, reason: 'wrong-node', text: `its key is that of node ${member.node}` };
  const isRoleGranted =
    hello.role === 'agent' || hello.role === 'operator' || member.roles.includes(hello.role);
  return isRoleGranted
    ? { ok: true }
    : { ok: false, reason: 'wrong-node', text: `node ${member.node} is no ${hello.role}` };
}

function judgeNewcomer(
  hello: WireHello,
  publicKey: Uint8Array,
  { manifest, nowMs }: { manifest: Manifest; nowMs: number },
): Judged {
  if (hello.admission === null)
    return { ok: false, reason: 'unknown-key', text: 'it is no member of the cluster' };
  let shown: InviteShown;
  try {
    shown = unpacked(admission, hello.admission);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { ok: false, reason: 'bad-admission', text: 'what it shows is no admission' };
  }
  if (!sameBytes(shown.node, publicKey))
    return { ok: false, reason: 'bad-admission', text: 'the admission is for another key' };
  const verdict = verifyAdmission(shown, { manifest, nowMs });
  return verdict.kind === 'rejected'
    ? { ok: false, reason: 'bad-admission', text: verdict.reason }
    : { ok: 'newcomer', shown };
}
