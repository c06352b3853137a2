// A node's key and certificate: kept once, and seen by the other end of a TLS connection as what they are.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isSigned, keyPairOf, newKeyPair } from '../../cluster/ed25519.ts';
import { certificateOf, publicKeyOfCertificate } from '../../cluster/node-certificate.ts';
import {
  identityOf,
  type NodeIdentity,
  nodeKeyFileName,
  openNodeIdentity,
  readNodeIdentity,
} from '../../cluster/node-identity.ts';
import { fingerprintOf, nodeNumberMost, nodeNumberOf } from '../../cluster/node-number.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-node-key-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const hex = (raw: Uint8Array | null) => (raw === null ? null : Buffer.from(raw).toString('hex'));

describe('node.key', () => {
  test('is made when there is none, and is the node’s from then on', async () => {
    const made = await openNodeIdentity(folder);
    const again = await openNodeIdentity(folder);
    expect([again.number, hex(again.publicKey), again.tls]).toEqual([
      made.number,
      hex(made.publicKey),
      made.tls,
    ]);
    expect(await readdir(folder)).toEqual([nodeKeyFileName]);
  });

  test('is one line that only its owner may read', async () => {
    const { number } = await openNodeIdentity(folder);
    const path = join(folder, nodeKeyFileName);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const content = await readFile(path, 'utf8');
    expect(content.split('\n').length).toBe(2);
    expect(JSON.parse(content)).toMatchObject({ node: number });
  });

  test('is the same for all who make it at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => openNodeIdentity(folder)));
    expect(new Set(made.map(({ number }) => number)).size).toBe(1);
    expect(await readdir(folder)).toEqual([nodeKeyFileName]);
  });

  test('is not made by who only reads it', async () => {
    await expect(readNodeIdentity(folder)).rejects.toMatchObject({ name: 'KeyFileError', reason: 'absent' });
  });

  test.each([
    ['no JSON', () => '{'],
    ['something else', () => '{"node":1}'],
    ['another number', (good: string) => good.replace(/"node":\d+/, '"node":7')],
    [
      'another public key',
      (good: string) => good.replace(/"publicKey":"[0-9a-f]+"/, `"publicKey":"${'ab'.repeat(32)}"`),
    ],
  ])('with %s in it is malformed, and is left as it is', async (_what, spoil) => {
    await openNodeIdentity(folder);
    const path = join(folder, nodeKeyFileName);
    const spoilt = spoil(await readFile(path, 'utf8'));
    await writeFile(path, spoilt);
    await expect(openNodeIdentity(folder)).rejects.toMatchObject({ reason: 'malformed' });
    expect(await readFile(path, 'utf8')).toBe(spoilt);
  });

  test('cannot be made where nothing can be written', async () => {
    const nowhere = join(folder, 'absent');
    await expect(openNodeIdentity(nowhere)).rejects.toMatchObject({ reason: 'unwritable' });
  });
});

describe('a node’s number', () => {
  test('is within its bounds and comes from the key alone', () => {
    const keys = Array.from({ length: 200 }, () => newKeyPair().publicKey);
    const numbers = keys.map(nodeNumberOf);
    expect(numbers.every((number) => number >= 1 && number <= nodeNumberMost)).toBe(true);
    expect(keys.map(nodeNumberOf)).toEqual(numbers);
    expect(nodeNumberOf(Buffer.alloc(32))).toBe(
      Number.parseInt(fingerprintOf(Buffer.alloc(32)).slice(0, 8), 16) >>> 1,
    );
  });
});

describe('a certificate', () => {
  test('is signed by the very key it names, without end', () => {
    const pair = newKeyPair();
    const certificate = new X509Certificate(certificateOf(pair));
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe(`CN=murmuration node ${nodeNumberOf(pair.publicKey)}`);
    expect(certificate.validTo).toMatch(/9999/);
    expect(hex(publicKeyOfCertificate(certificate.raw))).toBe(hex(pair.publicKey));
  });

  test('is the same whenever it is made', () => {
    const seed = Buffer.alloc(32, 5);
    expect(hex(certificateOf(keyPairOf(seed)))).toBe(hex(certificateOf(keyPairOf(seed))));
  });

  test('with anything else in it gives no key', () => {
    const certificate = certificateOf(newKeyPair());
    expect(publicKeyOfCertificate(Buffer.alloc(0))).toBeNull();
    expect(publicKeyOfCertificate(Buffer.from('certificate'))).toBeNull();
    expect(publicKeyOfCertificate(certificate.subarray(0, 100))).toBeNull();
    expect(publicKeyOfCertificate(Buffer.from(p256, 'base64'))).toBeNull();
  });
});

test('a signature of the wrong length, or by bytes that are no key, is none', () => {
  const said = Buffer.from('said');
  expect(isSigned(said, { signature: Buffer.alloc(63), publicKey: newKeyPair().publicKey })).toBe(false);
  expect(isSigned(said, { signature: Buffer.alloc(64), publicKey: Buffer.alloc(31) })).toBe(false);
  expect(isSigned(said, { signature: Buffer.alloc(64), publicKey: Buffer.alloc(32, 255) })).toBe(false);
});

describe('over TLS 1.3', () => {
  test('each end sees the other’s raw key', async () => {
    const [one, other] = [identityOf(Buffer.alloc(32, 1)), identityOf(Buffer.alloc(32, 2))];
    const seen = await met(one, other);
    expect(seen).toEqual({
      protocol: 'TLSv1.3',
      byServer: hex(other.publicKey),
      byClient: hex(one.publicKey),
    });
  });

  test('a certificate shown without its key opens nothing', async () => {
    const [server, victim, thief] = [1, 2, 3].map((fill) => identityOf(Buffer.alloc(32, fill)));
    if (server === undefined || victim === undefined || thief === undefined) throw new Error('unreachable');
    const stolen = { ...thief, tls: { ...thief.tls, cert: victim.tls.cert } };
    await expect(met(server, stolen)).rejects.toThrow();
  });
});

/** What the two see of each other. */
async function met(server: NodeIdentity, client: NodeIdentity) {
  const accepting = createServer({ ...server.tls });
  accepting.on('tlsClientError', () => {});
  accepting.listen(0, '127.0.0.1');
  await once(accepting, 'listening');
  const { port } = accepting.address() as AddressInfo;
  try {
    const accepted = once(accepting, 'secureConnection') as Promise<[TLSSocket]>;
    const socket = connect({ ...client.tls, port, host: '127.0.0.1' });
    await once(socket, 'secureConnect');
    const [peer] = await accepted;
    const keySeenBy = (end: TLSSocket) => {
      const certificate = end.getPeerX509Certificate();
      return certificate === undefined ? null : hex(publicKeyOfCertificate(certificate.raw));
    };
    const seen = { protocol: peer.getProtocol(), byServer: keySeenBy(peer), byClient: keySeenBy(socket) };
    socket.destroy();
    peer.destroy();
    return seen;
  } finally {
    accepting.close();
  }
}

/** A certificate of another kind of key. */
const p256 = [
  'MIIBbjCCARWgAwIBAgIUJ48UyewM+cw9RcKs6+FAhmGLrP8wCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAgFw0yNj',
  'ExMjIwNDAwMTNaGA8yMTI2MTAyOTA0MDAxM1owDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA',
  'BDshd9GrC1eXhrVzeDdFIH3gBH++EnwPq/0YgkI5KNIvOAqZ4R4yWvoP+pyp23E+mqI/Iq/J0mhoWvtiSZJqXkSjUz',
  'BRMB0GA1UdDgQWBBSPLAl/25Kdfd264O0wgoUnxt34PDAfBgNVHSMEGDAWgBSPLAl/25Kdfd264O0wgoUnxt34PDAP',
  'BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIGamEuLtkcxPMjQYabF86+7/0YA1hbv2UpkyPrT48UiiAi',
  'B+jKcP9Kw1o+ied1YHJghRJak32OnI2geeawBXpxJF+g==',
].join('');
