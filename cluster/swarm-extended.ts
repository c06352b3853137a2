// Extended messages (BEP 9, 10, 11) as bytes and as values, read with suspicion. Pure.
import { type Bencoded, readBencode, readBencodeStart, writeBencode } from './dht-bencode.ts';
import type { SwarmAddress } from './swarm-order.ts';

/** The numbers that this program gives to the extensions it knows. */
export const extensionIds = { ut_metadata: 1, ut_pex: 2 } as const;
export type ExtensionName = keyof typeof extensionIds;

/** The metadata goes in parts of this length. */
export const metadataPartBytes = 16 * 1024;
export const handshakeMostBytes = 16 * 1024;
/** Peers told or taken at once (BEP 11 has fifty, and a hundred at first). */
export const pexMost = 100;

/** What a peer may say of itself. Whatever is of another shape is left out. */
export interface ExtendedHandshake {
  /** Null: not supported. */
  ids: Record<ExtensionName, number | null>;
  /** Where it listens. */
  port: number | null;
  /** Requests that it queues. */
  queueMost: number | null;
  metadataBytes: number | null;
}

/** Null when it is no dictionary. */
export function readHandshake(bytes: Buffer): ExtendedHandshake | null {
  const said = readBencode(bytes, { deepest: 6, keyMostBytes: 64 });
  if (!(said instanceof Map)) return null;
  const names = said.get('m');
  const id = (name: string): number | null => (names instanceof Map ? within(names.get(name), 1, 255) : null);
  return {
    ids: { ut_metadata: id('ut_metadata'), ut_pex: id('ut_pex') },
    port: within(said.get('p'), 1, 65_535),
    queueMost: within(said.get('reqq'), 1, 65_535),
    metadataBytes: within(said.get('metadata_size'), 1, Number.MAX_SAFE_INTEGER),
  };
}

/** In its only form, for a library that throws over others. */
export function writeHandshake({ ids, port, queueMost, metadataBytes }: ExtendedHandshake): Buffer {
  const names = Object.entries(ids).flatMap(([name, id]): [string, Bencoded][] =>
    id === null ? [] : [[name, id]],
  );
  return writeBencode(
    new Map<string, Bencoded>([
      ['m', new Map(names)],
      ...(metadataBytes === null ? [] : [['metadata_size', metadataBytes] as const]),
      ...(port === null ? [] : [['p', port] as const]),
      ...(queueMost === null ? [] : [['reqq', queueMost] as const]),
    ]),
  );
}

export type MetadataMessage =
  | { kind: 'request'; part: number }
  | { kind: 'data'; part: number; totalBytes: number; bytes: Buffer }
  | { kind: 'reject'; part: number };

/** Null for what is none, and for kinds that later rules may bring. */
export function readMetadataMessage(message: Buffer): MetadataMessage | null {
  const start = readBencodeStart(message);
  if (start === null || !(start.value instanceof Map)) return null;
  const part = within(start.value.get('piece'), 0, 2 ** 20);
  if (part === null) return null;
  switch (start.value.get('msg_type')) {
    case 0:
      return { kind: 'request', part };
    case 1: {
      const totalBytes = within(start.value.get('total_size'), 1, Number.MAX_SAFE_INTEGER);
      const bytes = message.subarray(start.length);
      return totalBytes === null ? null : { kind: 'data', part, totalBytes, bytes };
    }
    case 2:
      return { kind: 'reject', part };
    default:
      return null;
  }
}

export function writeMetadataMessage(message: MetadataMessage): Buffer {
  const kinds = { request: 0, data: 1, reject: 2 } as const;
  const said = new Map<string, Bencoded>([
    ['msg_type', kinds[message.kind]],
    ['piece', message.part],
  ]);
  if (message.kind !== 'data') return writeBencode(said);
  said.set('total_size', message.totalBytes);
  return Buffer.concat([writeBencode(said), message.bytes]);
}

export interface PexMessage {
  added: SwarmAddress[];
  dropped: SwarmAddress[];
}

/** Null for what is none. Addresses that nobody can have are left out; so are those past the bound. */
export function readPex(bytes: Buffer): PexMessage | null {
  const said = readBencode(bytes);
  if (!(said instanceof Map)) return null;
  const list = (name: string): SwarmAddress[] =>
    [...compact(said.get(name), 4), ...compact(said.get(`${name}6`), 16)].slice(0, pexMost);
  return { added: list('added'), dropped: list('dropped') };
}

/** Addresses that are no plain IPv4 address are left out. */
export function writePex({ added, dropped }: PexMessage): Buffer {
  const four = (addresses: SwarmAddress[]): Buffer =>
    Buffer.concat(addresses.slice(0, pexMost).flatMap((address) => compactOf(address) ?? []));
  const news = four(added);
  return writeBencode(
    new Map<string, Bencoded>([
      ['added', news],
      ['added.f', Buffer.alloc(news.length / 6)],
      ['dropped', four(dropped)],
    ]),
  );
}

function compact(value: Bencoded | undefined, hostBytes: 4 | 16): SwarmAddress[] {
  const length = hostBytes + 2;
  if (!Buffer.isBuffer(value) || value.length % length !== 0) return [];
  const addresses: SwarmAddress[] = [];
  for (let at = 0; at < value.length; at += length) {
    const port = value.readUInt16BE(at + hostBytes);
    if (port > 0) addresses.push({ host: hostOf(value.subarray(at, at + hostBytes)), port });
  }
  return addresses;
}

function hostOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(bytes.readUInt16BE(at).toString(16));
  return groups.join(':');
}

function compactOf({ host, port }: SwarmAddress): Buffer | null {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return null;
  return Buffer.from([...parts, port >> 8, port & 0xff]);
}

function within(value: Bencoded | undefined, least: number, most: number): number | null {
  return typeof value === 'number' && value >= least && value <= most ? value : null;
}
