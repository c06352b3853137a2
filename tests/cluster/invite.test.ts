// Invites: one line that is read whole or refused with a reason, and the proof a newcomer makes of it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyPairOf, signUnder } from '../../cluster/ed25519.ts';
import { type Invite, type InviteTerms, inviteLine, newInvite, readInvite } from '../../cluster/invite.ts';
import {
  type Admission,
  type AdmissionRequest,
  admission,
  admissionOf,
  verifyAdmission,
  weightUnlessTold,
} from '../../cluster/invite-admission.ts';
import { inviteLifeMostMs } from '../../cluster/invite-certificate.ts';
import { clusterOf } from '../../cluster/manifest.ts';
import { admit, moveKeeper, revoke, revokeInvite } from '../../cluster/manifest-change.ts';
import { packed, unpacked } from '../../cluster/packed.ts';
import { founded, keeper, made, memberOf, next, pairOf } from './manifest-samples.ts';

const { manifest } = founded();
const nowMs = 1_800_000_000_000;
const hourMs = 3_600_000;
const newcomer = pairOf('newcomer');
const contact = { host: 'one.example', linkPort: 4000, dhtPort: 4001 };

function terms(change: Partial<InviteTerms> = {}): InviteTerms {
  return {
    manifest,
    keeper: keeper.privateKey,
    roles: ['gateway', 'core'],
    contacts: [contact, { host: '10.0.0.2', linkPort: null, dhtPort: 4001 }],
    nowMs,
    holdsForMs: hourMs,
    ...change,
  };
}

function invited(change: Partial<InviteTerms> = {}): Invite {
  const result = newInvite(terms(change));
  if (result.kind === 'rejected') throw new Error(result.reason);
  return result.invite;
}

describe('an invite', () => {
  test('is one line, and says what it said', () => {
    const invite = invited();
    const line = inviteLine(invite);
    expect(line).toMatch(/^mur1-[A-Za-z0-9_-]{300,900}$/);
    const read = readInvite(line, nowMs);
    expect(read).toMatchObject({ kind: 'invite', invite: { contacts: invite.contacts } });
    expect(read.kind === 'invite' && inviteLine(read.invite)).toBe(line);
  });

  test('is made by the keeper alone, for somebody, with an address, and not for ever', () => {
    const codeOf = (change: Partial<InviteTerms>) => {
      const result = newInvite(terms(change));
      return result.kind === 'rejected' ? result.code : result.kind;
    };
    expect(codeOf({ keeper: newcomer.privateKey })).toBe('not-the-keeper');
    expect(codeOf({ roles: [] })).toBe('no-roles');
    expect(codeOf({ contacts: [] })).toBe('no-contacts');
    expect(codeOf({ contacts: new Array(9).fill(contact) })).toBe('too-many-contacts');
    expect(codeOf({ holdsForMs: inviteLifeMostMs + 1 })).toBe('holds-too-long');
    expect(codeOf({ holdsForMs: inviteLifeMostMs })).toBe('made');
  });

  test('is read although a terminal has broken it into lines', () => {
    const line = inviteLine(invited());
    const broken = ` ${line.slice(0, 80)}\n${line.slice(80, 160)}\r\n  ${line.slice(160)}\n`;
    expect(readInvite(broken, nowMs).kind).toBe('invite');
  });

  test('with one character changed is mistyped', () => {
    const line = inviteLine(invited());
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    fc.assert(
      fc.property(fc.integer({ min: 5, max: line.length - 1 }), fc.constantFrom(...letters), (at, letter) => {
        fc.pre(line[at] !== letter);
        const typed = `${line.slice(0, at)}${letter}${line.slice(at + 1)}`;
        expect(readInvite(typed, nowMs)).toMatchObject({ code: 'mistyped' });
      }),
      { numRuns: 500 },
    );
  });

  test('that was cut, or has something in it that is no base64url, is mistyped', () => {
    const line = inviteLine(invited());
    for (let length = 6; length < line.length; length += 7) {
      expect(readInvite(line.slice(0, length), nowMs)).toMatchObject({ code: 'mistyped' });
    }
    expect(readInvite(`${line}=`, nowMs)).toMatchObject({ code: 'mistyped' });
    expect(readInvite(`${line.slice(0, 50)}!${line.slice(50)}`, nowMs)).toMatchObject({ code: 'mistyped' });
    expect(readInvite('mur1-', nowMs)).toMatchObject({ code: 'mistyped' });
  });

  test('is told from other texts, and from what a later release makes', () => {
    expect(readInvite('', nowMs)).toMatchObject({ code: 'no-invite' });
    expect(readInvite('ssh-ed25519 AAAA', nowMs)).toMatchObject({ code: 'no-invite' });
    expect(readInvite(`mur1-${'A'.repeat(9000)}`, nowMs)).toMatchObject({ code: 'no-invite' });
    expect(readInvite('mur2-AAAA', nowMs)).toMatchObject({ code: 'newer' });
  });

  test('that has expired says since when', () => {
    expect(readInvite(inviteLine(invited()), nowMs + hourMs)).toEqual({
      kind: 'rejected',
      code: 'expired',
      reason: 'the invite expired at 2027-01-15T09:00:00.000Z: ask for another one',
    });
  });

  test('made of any bytes throws nothing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(readInvite(text, nowMs).kind).toBe('rejected');
      }),
    );
  });
});

describe('an admission', () => {
  const wanted: AdmissionRequest = {
    node: newcomer.publicKey,
    name: 'newcomer',
    machine: 'rack-1',
    roles: ['core'],
    weight: null,
  };
  const invite = invited();
  const shown = admissionOf(invite, wanted);
  const judged = (change: Partial<Admission>, at = nowMs, by = manifest) =>
    verifyAdmission({ ...shown, ...change }, { manifest: by, nowMs: at });
  const withCertificate = (change: Partial<Admission['certificate']>) =>
    judged({ certificate: { ...shown.certificate, ...change } });

  test('says what share its machine can take', () => {
    const strong = admissionOf(invite, { ...wanted, weight: 250 });
    expect(verifyAdmission(strong, { manifest, nowMs })).toMatchObject({ member: { weight: 250 } });
    for (const weight of [0, 10_001]) {
      const odd = admissionOf(invite, { ...wanted, weight });
      expect(verifyAdmission(odd, { manifest, nowMs })).toMatchObject({ code: 'no-weight' });
    }
  });

  test('makes a member, once it has travelled', () => {
    const travelled = unpacked(admission, packed(admission, shown));
    const verdict = verifyAdmission(travelled, { manifest, nowMs });
    if (verdict.kind === 'rejected') throw new Error(verdict.reason);
    expect(verdict.member).toMatchObject({ name: 'newcomer', roles: ['core'], weight: weightUnlessTold });
    expect(made(admit(manifest, verdict.member)).members.length).toBe(2);
  });

  test('admits several nodes with one invite, each by its own proof', () => {
    const other = admissionOf(invite, { ...wanted, node: pairOf('other').publicKey });
    expect(verifyAdmission(other, { manifest, nowMs }).kind).toBe('member');
  });

  test('is for the key it was made for', () => {
    expect(judged({ node: pairOf('thief').publicKey })).toMatchObject({ code: 'forged' });
  });

  test('is forged when anything of what was signed is changed', () => {
    expect(judged({ name: 'another' })).toMatchObject({ code: 'forged' });
    expect(judged({ machine: 'another' })).toMatchObject({ code: 'forged' });
    expect(judged({ roles: ['gateway'] })).toMatchObject({ code: 'forged' });
    expect(withCertificate({ expiresMs: nowMs + 2 * hourMs })).toMatchObject({ code: 'forged' });
    expect(withCertificate({ id: Buffer.alloc(16) })).toMatchObject({ code: 'forged' });
    expect(withCertificate({ roles: ['core'] })).toMatchObject({ code: 'forged' });
  });

  test('by an invite that no keeper certified is forged', () => {
    const own = keyPairOf(Buffer.alloc(32, 9));
    const certificate = { ...invite.certificate, inviteKey: own.publicKey };
    const forged = admissionOf({ ...invite, certificate, seed: Buffer.alloc(32, 9) }, wanted);
    expect(verifyAdmission(forged, { manifest, nowMs })).toMatchObject({ code: 'forged' });
  });

  test('with a signature that was made for something else is forged', () => {
    const { privateKey } = keyPairOf(invite.seed);
    const signature = signUnder('invite', Buffer.alloc(100), privateKey);
    expect(judged({ signature })).toMatchObject({ code: 'forged' });
  });

  test('expires', () => {
    expect(judged({}, nowMs + hourMs - 1).kind).toBe('member');
    expect(judged({}, nowMs + hourMs)).toMatchObject({ code: 'expired' });
  });

  test('from the future is refused, but for clocks that differ a little', () => {
    expect(judged({}, nowMs - 60_000).kind).toBe('member');
    expect(judged({}, nowMs - hourMs)).toMatchObject({ code: 'not-yet' });
  });

  test('by a revoked invite is refused', () => {
    const revoked = made(revokeInvite(manifest, invite.certificate.id, nowMs));
    expect(judged({}, nowMs, revoked)).toMatchObject({ code: 'invite-revoked' });
  });

  test('of a node that was thrown out is refused', () => {
    const outcast = memberOf('newcomer');
    const without = made(revoke(made(admit(manifest, outcast)), outcast.node));
    expect(judged({}, nowMs, without)).toMatchObject({ code: 'key-revoked' });
  });

  test('to another cluster is refused', () => {
    const cluster = clusterOf(newcomer.publicKey);
    expect(judged({}, nowMs, { ...manifest, cluster })).toMatchObject({ code: 'wrong-cluster' });
  });

  test('by a keeper that has handed over is refused', () => {
    const successor = pairOf('successor');
    const moved = next(founded(), (body) => moveKeeper(body, successor.publicKey, keeper.privateKey));
    expect(judged({}, nowMs, moved.manifest)).toMatchObject({ code: 'wrong-keeper' });
  });

  test('for more than the invite grants is refused', () => {
    const forGateways = invited({ roles: ['gateway'] });
    const greedy = admissionOf(forGateways, { ...wanted, roles: ['gateway', 'core'] });
    expect(verifyAdmission(greedy, { manifest, nowMs })).toMatchObject({ code: 'roles-not-granted' });
    const idle = admissionOf(forGateways, { ...wanted, roles: [] });
    expect(verifyAdmission(idle, { manifest, nowMs })).toMatchObject({ code: 'roles-not-granted' });
  });

  test('with a name that is none is refused', () => {
    for (const name of ['', 'a b', '../x', '\u0007']) {
      const odd = admissionOf(invite, { ...wanted, name });
      expect(verifyAdmission(odd, { manifest, nowMs })).toMatchObject({ code: 'no-name' });
    }
  });
});
