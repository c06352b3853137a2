// The key of who is at the other end of a TLS connection, which TLS has had proved.
import type { TLSSocket } from 'node:tls';
import { publicKeyOfCertificate } from './node-certificate.ts';

/** 32 bytes; null when the peer has shown no certificate, or not one of an Ed25519 key. */
export function peerKeyOf(connection: TLSSocket): Uint8Array | null {
  // A resumed session would repeat what another connection has proved. Nobody here resumes any.
  if (connection.isSessionReused()) return null;
  const certificate = connection.getPeerX509Certificate();
  return certificate === undefined ? null : publicKeyOfCertificate(certificate.raw);
}
