// Secrets of the core: tokens and codes as clients carry them, their hashes as they are stored, and passwords by scrypt.
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { credentialRecord } from '../actors/facts.ts';
import type { AccountId } from '../runtime/account-id.ts';
import { isAccountId } from '../runtime/account-id.ts';
import type { Infer } from '../runtime/codec.ts';
import { latin1OfBytes } from '../runtime/status-id.ts';

export type Credential = Infer<typeof credentialRecord>;

const accountBytes = 7;
const secretBytes = 24;
const hashBytes = 16;
const secretForm = /^[A-Za-z0-9_-]{42}$/;

/** A token or a code: 42 URL-safe characters that name their account, so that any core knows where to look it up. */
export function newSecret(account: AccountId): string {
  const head = Buffer.alloc(accountBytes + secretBytes);
  head.writeUIntBE(Math.floor(account / 2 ** 32), 0, 3);
  head.writeUInt32BE(account % 2 ** 32, 3);
  randomBytes(secretBytes).copy(head, accountBytes);
  return head.toString('base64url');
}

export interface SecretParts {
  account: AccountId;
  /** 16 latin1 characters: the first half of SHA-256. Only this is stored. */
  hash: string;
}

/** Null when the text can't be a secret of ours. */
export function readSecret(secret: string): SecretParts | null {
  if (!secretForm.test(secret)) return null;
  const bytes = Buffer.from(secret, 'base64url');
  const account = bytes.readUIntBE(0, 3) * 2 ** 32 + bytes.readUInt32BE(3);
  if (!isAccountId(account)) return null;
  return { account, hash: latin1OfBytes(createHash('sha256').update(secret).digest(), 0, hashBytes) };
}

/** How gateways name a token without knowing it: account and hash, readable in logs. */
export function tokenIdOf({ account, hash }: SecretParts): string {
  return `${account}.${Buffer.from(hash, 'latin1').toString('base64url')}`;
}

const cost = 15;
const blockSize = 8;
const parallel = 1;
const keyBytes = 32;
const saltBytes = 16;
/** scrypt with these parameters takes 32 MiB and one thread each. */
const mostAtOnce = 2;
const mostWaiting = 100;

/** Too many passwords are waiting to be checked. */
export class PasswordsBusyError extends Error {
  override name = 'PasswordsBusyError';
}

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= mostAtOnce) {
    if (waiting.length >= mostWaiting) throw new PasswordsBusyError('Too many passwords are being checked');
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else {
    running++;
  }
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

function derive(
  password: string,
  { salt, cost: exponent, blockSize: r, parallel: p }: Omit<Credential, 'hash' | 'changedMs'>,
): Promise<Buffer> {
  const N = 2 ** exponent;
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, keyBytes, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** Rejects with a `PasswordsBusyError` when too many wait. */
export function newCredential(password: string, nowMs: number): Promise<Credential> {
  const parameters = { salt: randomBytes(saltBytes), cost, blockSize, parallel };
  return inTurn(async () => ({ ...parameters, hash: await derive(password, parameters), changedMs: nowMs }));
}

const nobody: Credential = {
  salt: randomBytes(saltBytes),
  hash: randomBytes(keyBytes),
  cost,
  blockSize,
  parallel,
  changedMs: 0,
};

/** Null takes as long as a wrong password does. */
export function isPassword(password: string, credential: Credential | null): Promise<boolean> {
  return inTurn(async () => {
    const hash = await derive(password, credential ?? nobody);
    const expected = (credential ?? nobody).hash;
    return hash.length === expected.length && timingSafeEqual(hash, expected) && credential !== null;
  });
}
