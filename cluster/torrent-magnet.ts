// Magnet links (BEP 9): a torrent's hash, its name for people, and where peers are.
import { isIPv6 } from 'node:net';
import type { SwarmAddress } from './swarm-order.ts';
import { TorrentError } from './torrent-error.ts';
import { asBuffer } from './torrent-info.ts';

export interface Magnet {
  /** 20 bytes. */
  readonly hash: Uint8Array;
  readonly name: string | null;
  /** Where the link says that peers are (`x.pe`). */
  readonly peers: readonly SwarmAddress[];
}

const linkMostChars = 8192;
const peersMost = 64;
const nameMostChars = 255;

export function writeMagnet({ hash, name, peers }: Magnet): string {
  const parts = [`xt=urn:btih:${asBuffer(hash).toString('hex')}`];
  if (name !== null) parts.push(`dn=${encodeURIComponent(name)}`);
  for (const { host, port } of peers) parts.push(`x.pe=${isIPv6(host) ? `[${host}]` : host}:${port}`);
  return `magnet:?${parts.join('&')}`;
}

/** Throws a `TorrentError` when the link names no torrent. Addresses that are none are passed over. */
export function readMagnet(link: string): Magnet {
  if (link.length > linkMostChars || !/^magnet:\?/i.test(link))
    throw new TorrentError('malformed', 'no magnet link');
  const said = new URLSearchParams(link.slice('magnet:?'.length));
  let hash: Buffer | null = null;
  for (const topic of said.getAll('xt')) hash ??= hashOf(topic);
  if (hash === null) throw new TorrentError('malformed', 'a magnet link without a torrent’s hash');
  const name = said.get('dn');
  const peers: SwarmAddress[] = [];
  for (const text of said.getAll('x.pe').slice(0, peersMost)) {
    const peer = addressOf(text);
    if (peer !== null) peers.push(peer);
  }
  return { hash, name: name === null || name === '' ? null : name.slice(0, nameMostChars), peers };
}

/** `host:port`, `[IPv6]:port`; null for all else. */
export function addressOf(text: string): SwarmAddress | null {
  const found = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([0-9A-Za-z.-]{1,253})):(\d{1,5})$/.exec(text);
  if (found === null) return null;
  const [, six, host = six, digits] = found;
  const port = Number(digits);
  if (host === undefined || (six !== undefined && !isIPv6(six)) || port < 1 || port > 65_535) return null;
  return { host, port };
}

function hashOf(topic: string): Buffer | null {
  const found = /^urn:btih:(?:([0-9a-fA-F]{40})|([A-Za-z2-7]{32}))$/.exec(topic);
  if (found === null) return null;
  const [, hex, base32] = found;
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  return base32 === undefined ? null : fromBase32(base32);
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text.toUpperCase()) {
    held = (held << 5) | 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
    held &= (1 << bits) - 1;
  }
  return Buffer.from(bytes);
}
