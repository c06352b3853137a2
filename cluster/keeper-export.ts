// The keeper's key as a text that can lie in a drawer: sealed with a passphrase (scrypt, AES-256-GCM). To move or recover a cluster.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  type ScryptOptions,
  scrypt,
} from 'node:crypto';
import { type Infer, MalformedError, struct, uint } from '../runtime/codec.ts';
import { keyPairOf, seedBytes, seedOf } from './ed25519.ts';
import type { Keeper } from './keeper.ts';
import { hashBytes } from './manifest.ts';
import { fixedBytes, packed, sameBytes, unpacked } from './packed.ts';

export const passphraseLeast = 8;

const head = '-----BEGIN MURMURATION KEEPER KEY-----';
const foot = '-----END MURMURATION KEEPER KEY-----';
const checkBytes = 8;
/** 128 MB and about half a second for each guess. */
const costUnlessTold = { costLog2: 17, blockSize: 8, parallel: 1 };
/** What a file may ask of the machine that opens it. */
const costLog2Most = 20;

const sealed = struct({
  version: uint,
  cluster: fixedBytes(hashBytes),
  costLog2: uint,
  blockSize: uint,
  parallel: uint,
  salt: fixedBytes(16),
  nonce: fixedBytes(12),
  tag: fixedBytes(16),
  seed: fixedBytes(seedBytes),
});
type Sealed = Infer<typeof sealed>;

/** `malformed`: not such a text. `damaged`: part of it was changed or lost. `weak`: the passphrase for a new one is too short. */
export class KeeperExportError extends Error {
  override name = 'KeeperExportError';
  code: 'malformed' | 'damaged' | 'newer' | 'wrong-passphrase' | 'weak';
  constructor(code: KeeperExportError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Rejects with a `KeeperExportError` when the passphrase is too short. `costLog2` is for tests. */
export async function exportKeeper(
  keeper: Keeper,
  passphrase: string,
  { costLog2 = costUnlessTold.costLog2 }: { costLog2?: number } = {},
): Promise<string> {
  if (passphrase.length < passphraseLeast) {
    throw new KeeperExportError('weak', `the passphrase must have at least ${passphraseLeast} characters`);
  }
  const terms = {
    ...costUnlessTold,
    costLog2,
    version: 1,
    cluster: keeper.cluster,
    salt: randomBytes(16),
    nonce: randomBytes(12),
  };
  const cipher = createCipheriv('aes-256-gcm', await keyOf(passphrase, terms), terms.nonce);
  cipher.setAAD(termsBytes(terms));
  const seed = Buffer.concat([cipher.update(seedOf(keeper.privateKey)), cipher.final()]);
  const content = packed(sealed, { ...terms, tag: cipher.getAuthTag(), seed });
  const whole = Buffer.concat([content, checkOf(content)]).toString('base64');
  return [head, ...(whole.match(/.{1,64}/g) ?? []), foot, ''].join('\n');
}

/** Rejects with a `KeeperExportError`. What stands around the text, as in a mail, is overlooked. */
export async function importKeeper(text: string, passphrase: string): Promise<Keeper> {
  const content = readSealed(text);
  const decipher = createDecipheriv('aes-256-gcm', await keyOf(passphrase, content), content.nonce);
  decipher.setAAD(termsBytes(content));
  decipher.setAuthTag(content.tag);
  let seed: Buffer;
  try {
    seed = Buffer.concat([decipher.update(content.seed), decipher.final()]);
  } catch (error) {
    throw new KeeperExportError(
      'wrong-passphrase',
      'the passphrase is not the one it was sealed with',
      error,
    );
  }
  return { ...keyPairOf(seed), cluster: content.cluster };
}

function readSealed(text: string): Sealed {
  const from = text.indexOf(head);
  const to = text.indexOf(foot);
  if (from < 0 || to < from) {
    throw new KeeperExportError('malformed', `that is no exported keeper key: it begins with "${head}"`);
  }
  const base64 = text.slice(from + head.length, to).replace(/\s+/g, '');
  const whole = Buffer.from(base64, 'base64');
  const content = whole.subarray(0, -checkBytes);
  const damaged = 'the exported keeper key is damaged: a part of it was changed or lost';
  if (whole.toString('base64') !== base64 || !sameBytes(checkOf(content), whole.subarray(-checkBytes))) {
    throw new KeeperExportError('damaged', damaged);
  }
  let read: Sealed;
  try {
    read = unpacked(sealed, content);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new KeeperExportError('damaged', damaged, error);
  }
  if (read.version !== 1) {
    throw new KeeperExportError('newer', 'it was exported by a newer release: update this one first');
  }
  const { costLog2, blockSize, parallel } = read;
  if (costLog2 < 1 || costLog2 > costLog2Most || blockSize !== 8 || parallel !== 1) {
    throw new KeeperExportError('malformed', 'opening it would ask too much of this machine');
  }
  return read;
}

/** All but the sealed seed is signed along: nobody can make it say another cluster. */
function termsBytes(terms: Omit<Sealed, 'tag' | 'seed'>): Uint8Array {
  return packed(sealed, { ...terms, tag: Buffer.alloc(16), seed: Buffer.alloc(seedBytes) });
}

function keyOf(
  passphrase: string,
  { costLog2, blockSize, parallel, salt }: Pick<Sealed, 'costLog2' | 'blockSize' | 'parallel' | 'salt'>,
): Promise<Buffer> {
  const cost = 2 ** costLog2;
  const options: ScryptOptions = {
    N: cost,
    r: blockSize,
    p: parallel,
    // Twice what it takes: Node counts a little more than the algorithm does.
    maxmem: 2 * 128 * cost * blockSize,
  };
  return new Promise((resolve, reject) => {
    // The same passphrase gives the same bytes on every keyboard.
    scrypt(passphrase.normalize('NFKC'), salt, 32, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function checkOf(content: Uint8Array): Uint8Array {
  return createHash('sha256').update(content).digest().subarray(0, checkBytes);
}
