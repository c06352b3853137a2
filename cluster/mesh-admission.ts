// Who may link, by the manifest: members by their keys, newcomers by their invites, nobody whose key was revoked.
import { MalformedError } from '../runtime/codec.ts';
import { admission, type Admission as InviteShown, verifyAdmission } from './invite-admission.ts';
import type { Manifest } from './manifest.ts';
import { sameBytes, unpacked } from './packed.ts';
import type { Admission, WireHello } from './wire-hello.ts';

export type Judged =
  | Admission
  /** Not known yet, and rightly invited: whether the keeper lets it in is to be asked. */
  | { ok: 'newcomer'; shown: InviteShown };

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
