// The release pointer: the one small signed object that says which release a channel runs, the same bytes on links and in the DHT
// (BEP 44). Whether one that came is to be followed is release-pointer-judgement.ts's.
import { type KeyObject, sign } from 'node:crypto';
import { type Bencoded, readBencode, writeBencode } from './dht-bencode.ts';
import { itemBytes } from './dht-items.ts';
import { isSigned, publicKeyBytes, publicKeyOf, signatureBytes } from './ed25519.ts';
import { sameBytes } from './packed.ts';
import { holdMostS, readWaves, type Wave, WavesError, writeWaves } from './release-waves.ts';

export interface ReleasePointer {
  /** Lower-case letters, digits and `-`. */
  channel: string;
  version: string;
  /** SHA-1 of the torrent's info dictionary: how it is fetched. */
  infoHash: Uint8Array;
  /** SHA-256 of manifest.json: what is trusted. The release's id. */
  manifestHash: Uint8Array;
  /** Of the info dictionary. */
  infoBytes: number;
  /** None: everywhere at once. */
  waves: readonly Wave[];
  /** Between a wave that is healthy and the next. */
  holdS: number;
  /** From then on nobody takes it up anew; who runs it goes on. */
  expiryMs: number;
  /** It writes state that the release before it cannot read. */
  isOneWay: boolean;
}

/** As it travels. `value` is BEP 44's `v`: a byte string that holds the pointer, bencoded. */
export interface SignedPointer {
  publicKey: Uint8Array;
  /** Only counts up; each is used for one value, for ever. */
  seq: number;
  signature: Uint8Array;
  value: Uint8Array;
}

/** BEP 44 allows 999 bytes for `v` as it is bencoded, and ours is a byte string. */
export const pointerMostBytes = 999 - '999:'.length;
/** Of a signed pointer as bytes, see `encodeSignedPointer`. */
export const signedPointerMostBytes = 1_200;
export const infoMostBytes = 4 * 1024 * 1024;
/** Unless told otherwise: for so long a new machine may take it up, or one that was away. */
export const pointerLifeMs = 90 * 86_400_000;

/** Raised when older agents cannot read what it says. */
const format = 1;
const channelForm = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** As manifests say it: see release-manifest.ts. */
const versionForm = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,59}$/;

export const isReleaseVersion = (text: string): boolean => versionForm.test(text);

/** Bytes that are no pointer, or one of a later format. */
export class PointerError extends Error {
  override name = 'PointerError';
  code: 'malformed' | 'newer';
  constructor(code: PointerError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** BEP 44's salt: pointers of several channels lie beside each other. */
export function pointerSalt(channel: string): Uint8Array {
  return Buffer.from(`release/${channel}`, 'latin1');
}

/** The same pointer gives the same bytes. Throws a `PointerError` for one that nobody would read. */
export function encodePointer(pointer: ReleasePointer): Uint8Array {
  const fields = new Map<string, Bencoded>([
    ['channel', Buffer.from(pointer.channel, 'latin1')],
    ['expires', pointer.expiryMs],
    ['format', format],
    ['hold', pointer.holdS],
    ['info', Buffer.from(pointer.infoHash)],
    ['infobytes', pointer.infoBytes],
    ['manifest', Buffer.from(pointer.manifestHash)],
    ['oneway', pointer.isOneWay ? 1 : 0],
    ['version', Buffer.from(pointer.version, 'latin1')],
    ['waves', Buffer.from(writeWaves(pointer.waves), 'latin1')],
  ]);
  const value = writeBencode(fields);
  readPointer(value);
  return Uint8Array.from(value);
}

/** Throws a `PointerError` for everything but the only bytes of a pointer. */
export function readPointer(value: Uint8Array): ReleasePointer {
  if (value.length > pointerMostBytes) throw malformed(`${value.length} bytes, ${pointerMostBytes} at most`);
  const bytes = Buffer.from(value);
  const fields = readBencode(bytes);
  if (!(fields instanceof Map)) throw malformed('no dictionary');
  const said = wholeNumber(fields, 'format', 1, Number.MAX_SAFE_INTEGER);
  if (said > format)
    throw new PointerError('newer', `the pointer has format ${said}: update this agent first`);
  const pointer: ReleasePointer = {
    channel: text(fields, 'channel', channelForm),
    version: text(fields, 'version', versionForm),
    infoHash: hash(fields, 'info', 20),
    manifestHash: hash(fields, 'manifest', 32),
    infoBytes: wholeNumber(fields, 'infobytes', 1, infoMostBytes),
    waves: wavesOf(text(fields, 'waves', /^[0-9%,]{0,100}$/)),
    holdS: wholeNumber(fields, 'hold', 0, holdMostS),
    expiryMs: wholeNumber(fields, 'expires', 0, Number.MAX_SAFE_INTEGER),
    isOneWay: wholeNumber(fields, 'oneway', 0, 1) === 1,
  };
  if (fields.size !== 10) throw malformed('a field too many');
  if (!sameBytes(writeBencode(fields), bytes)) throw malformed('its fields are not in order');
  return pointer;
}

/** Signs what BEP 44 signs. Throws a `RangeError` for a seq that is no whole number above 0. */
export function signPointer(pointer: ReleasePointer, seq: number, privateKey: KeyObject): SignedPointer {
  if (!Number.isSafeInteger(seq) || seq < 1) throw new RangeError('a seq is a whole number above 0');
  const value = encodePointer(pointer);
  const signature = sign(null, signedBytes(pointer.channel, seq, value), privateKey);
  return { publicKey: publicKeyOf(privateKey), seq, signature, value };
}

/** Looks at the signature alone. */
export function isSignedPointer(
  { publicKey, seq, signature, value }: SignedPointer,
  channel: string,
): boolean {
  return isSigned(signedBytes(channel, seq, value), { publicKey, signature });
}

function signedBytes(channel: string, seq: number, value: Uint8Array): Uint8Array {
  return itemBytes({ value, seq, salt: pointerSalt(channel) });
}

/** One byte string, for a link or a file: at most `signedPointerMostBytes`. */
export function encodeSignedPointer({ publicKey, seq, signature, value }: SignedPointer): Uint8Array {
  const fields = new Map<string, Bencoded>([
    ['k', Buffer.from(publicKey)],
    ['seq', seq],
    ['sig', Buffer.from(signature)],
    ['v', Buffer.from(value)],
  ]);
  return Uint8Array.from(writeBencode(fields));
}

/** Reads the form only: neither the signature nor the pointer in it was looked at. Throws a `PointerError`. */
export function readSignedPointer(bytes: Uint8Array): SignedPointer {
  if (bytes.length > signedPointerMostBytes) throw malformed('too long');
  const given = Buffer.from(bytes);
  const fields = readBencode(given);
  if (!(fields instanceof Map)) throw malformed('no dictionary');
  const value = fields.get('v');
  if (!Buffer.isBuffer(value) || value.length > pointerMostBytes) throw malformed('v is no byte string');
  const signed: SignedPointer = {
    publicKey: hash(fields, 'k', publicKeyBytes),
    seq: wholeNumber(fields, 'seq', 1, Number.MAX_SAFE_INTEGER),
    signature: hash(fields, 'sig', signatureBytes),
    value: Uint8Array.from(value),
  };
  if (fields.size !== 4 || !sameBytes(writeBencode(fields), given)) throw malformed('not in its only form');
  return signed;
}

function malformed(what: string): PointerError {
  return new PointerError('malformed', `no release pointer: ${what}`);
}

type Fields = ReadonlyMap<string, Bencoded>;

function wholeNumber(fields: Fields, name: string, min: number, max: number): number {
  const value = fields.get(name);
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw malformed(`${name} is no whole number from ${min} to ${max}`);
}

function text(fields: Fields, name: string, form: RegExp): string {
  const value = fields.get(name);
  const read = Buffer.isBuffer(value) ? value.toString('latin1') : null;
  if (read !== null && form.test(read)) return read;
  throw malformed(`${name} is wrong`);
}

function hash(fields: Fields, name: string, bytes: number): Uint8Array {
  const value = fields.get(name);
  if (Buffer.isBuffer(value) && value.length === bytes) return Uint8Array.from(value);
  throw malformed(`${name} has not ${bytes} bytes`);
}

function wavesOf(said: string): Wave[] {
  let waves: Wave[];
  try {
    waves = readWaves(said);
  } catch (error) {
    if (!(error instanceof WavesError)) throw error;
    throw malformed(`waves: ${error.message}`);
  }
  if (writeWaves(waves) !== said) throw malformed('waves are not in their only form');
  return waves;
}
