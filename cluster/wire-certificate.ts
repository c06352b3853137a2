// TLS between nodes: whoever connects shows the certificate of its key, and what counts of the other's is the key in it.
import { connect, type TLSSocket } from 'node:tls';
import { publicKeyOfCertificate } from './node-certificate.ts';

/** `tls`: this node's, in PEM form. */
export function connectNode(
  { host, port }: { host: string; port: number },
  tls: { key: string; cert: string },
): TLSSocket {
  return connect({
    host,
    port,
    key: tls.key,
    cert: tls.cert,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // No authority signs a node's certificate: the key in it is what is expected, or not.
    rejectUnauthorized: false,
  });
}

/** 32 bytes; null when the peer has shown no certificate, or not one of an Ed25519 key. */
export function peerKeyOf(connection: TLSSocket): Uint8Array | null {
  // A resumed session would repeat what another connection has proved. Nobody here resumes any.
  if (connection.isSessionReused()) return null;
  const certificate = connection.getPeerX509Certificate();
  return certificate === undefined ? null : publicKeyOfCertificate(certificate.raw);
}
