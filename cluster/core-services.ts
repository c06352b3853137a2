// What the core does itself, beside its actors: sign-up and login, apps, codes and tokens, and the operator's requests.
import { createHash, randomBytes } from 'node:crypto';
import {
  accountFact,
  accountRecord,
  appFact,
  appRecord,
  codeRecord,
  credentialRecord,
  factKind,
  tokenRecord,
} from '../actors/facts.ts';
import type { Answer, Ask, RequestKind, services } from '../actors/messages.ts';
import { type AccountId, serverAccount } from '../runtime/account-id.ts';
import type { FoundFact, Outcome } from '../runtime/behaviours.ts';
import type { FactWrite } from '../runtime/fact.ts';
import { accountIdOf, handleForm } from '../runtime/handle.ts';
import { accountAt, afterPrefix, type Key, keyOf, restOf } from '../runtime/key.ts';
import type { Store } from '../runtime/store.ts';
import type { Limit } from './core-limits.ts';
import {
  type Credential,
  isPassword,
  newCredential,
  newSecret,
  PasswordsBusyError,
  readSecret,
  tokenIdOf,
} from './core-secrets.ts';
import { rejected } from './rejection.ts';

export type ServiceKind = keyof typeof services;
type Served<K extends RequestKind> = Promise<Outcome<Answer<K>>>;

export interface CoreServicesOptions {
  store: Pick<Store, 'reader' | 'writerReader' | 'refusal' | 'submit'>;
  now: () => number;
  signUps: Limit;
  logIns: Limit;
  /** Tells an account's actor, if it is awake, that its account is there now. */
  accountMade(account: AccountId): void;
  /** Deletes the account through its actor. */
  retire(account: AccountId): Promise<Outcome<unknown>>;
  /** Every gateway drops these tokens; resolves when all have, or have lost their lease. */
  forget(tokenIds: string[]): Promise<void>;
}

const codeMs = 10 * 60 * 1000;
const shortestPassword = 8;
const forGood = { deletes: false, live: true } as const;
const deletes = { deletes: true, live: true } as const;

/** The app that tokens of operators belong to. It is no fact: whoever serves an account can give it a token. */
const operatorClientId = createHash('sha256').update('murmuration token').digest('hex').slice(0, 16);

/** Nobody can act as this app: its secret is another one every time. */
function operatorApp(): Answer<'app'> {
  return {
    name: 'murmuration token',
    website: null,
    redirectUris: ['urn:ietf:wg:oauth:2.0:oob'],
    scopes: 'read write follow push',
    clientSecret: randomBytes(32).toString('base64url'),
  };
}

function agree<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

const tombstone = (key: Key): FactWrite => ({ key, value: null });

const tokenIdOfKey = (key: Key): string => tokenIdOf({ account: accountAt(key), hash: restOf(key) });

export class CoreServices {
  readonly #options: CoreServicesOptions;
  /** Handles whose passwords are being hashed: two sign-ups for one name at once. */
  readonly #claimed = new Set<AccountId>();

  constructor(options: CoreServicesOptions) {
    this.#options = options;
  }

  #live(key: string): unknown {
    return this.#options.store.writerReader.fact(key)?.value ?? null;
  }

  /** Writes and waits for the disk. Null when it is there, a rejection when it was not taken. */
  async #write(
    writes: FactWrite[],
    options: { deletes: boolean; live: boolean },
  ): Promise<ReturnType<typeof rejected> | null> {
    const refusal = this.#options.store.refusal(options);
    if (refusal !== null) return { ok: false, rejection: refusal };
    const submitted = this.#options.store.submit(writes, options);
    if (!submitted.ok) return submitted;
    await submitted.value.done;
    return null;
  }

  #newAccount(account: AccountId, handle: string, displayName: string, createdMs: number): FactWrite {
    const record = {
      handle,
      createdMs,
      displayName,
      note: '',
      bot: false,
      locked: false,
      discoverable: true,
      fields: [],
      visibility: 'public',
      sensitive: false,
      language: null,
    } as const;
    return { key: accountFact(account), value: accountRecord.encode({ ...record, fields: [] }) };
  }

  #credentialOf(account: AccountId): Credential | null {
    const wire = this.#live(keyOf(account, factKind.credential));
    return wire === null ? null : credentialRecord.decode(wire);
  }

  async signUp({ handle, password, displayName, ip }: Ask<'signUp'>): Served<'signUp'> {
    const { store, signUps, now } = this.#options;
    if (!handleForm.test(handle)) {
      return rejected(
        'invalid',
        'Validation failed: Username must contain only letters, numbers and underscores, at most 30',
      );
    }
    if (password.length < shortestPassword) {
      return rejected(
        'invalid',
        `Validation failed: Password is too short (minimum is ${shortestPassword} characters)`,
      );
    }
    const account = accountIdOf(handle);
    // A tombstone counts: names are never given out again.
    if (store.writerReader.fact(accountFact(account)) !== null || this.#claimed.has(account)) {
      return rejected('taken', 'Validation failed: Username has already been taken');
    }
    if (signUps.count(`ip:${ip}`, now())?.isOver === true)
      return rejected('rate-limited', 'Too many sign-ups from this address');
    const refusal = store.refusal({ deletes: false });
    if (refusal !== null) return { ok: false, rejection: refusal };
    this.#claimed.add(account);
    try {
      const credential = await newCredential(password, now());
      const writes = [
        this.#newAccount(account, handle, displayName, now()),
        { key: keyOf(account, factKind.credential), value: credentialRecord.encode(credential) },
      ];
      const failed = await this.#write(writes, forGood);
      if (failed !== null) return failed;
    } catch (error) {
      if (error instanceof PasswordsBusyError) return rejected('busy', error.message);
      throw error;
    } finally {
      this.#claimed.delete(account);
    }
    this.#options.accountMade(account);
    return agree({ account });
  }

  /** Counts what failed against the address and the name; a right password costs nothing. */
  async #isRight(
    account: AccountId,
    password: string,
    ip: string,
  ): Promise<'yes' | 'no' | 'too-many' | 'busy'> {
    const { logIns, now } = this.#options;
    const keys = [`ip:${ip}`, `account:${account}`];
    if (keys.some((key) => logIns.isOver(key, now()))) return 'too-many';
    try {
      if (await isPassword(password, this.#credentialOf(account))) return 'yes';
    } catch (error) {
      if (error instanceof PasswordsBusyError) return 'busy';
      throw error;
    }
    for (const key of keys) logIns.count(key, now());
    return 'no';
  }

  async logIn({ handle, password, ip }: Ask<'logIn'>): Served<'logIn'> {
    const account = accountIdOf(handle.trim().replace(/^@/, '').replace(/@.*$/, ''));
    switch (await this.#isRight(account, password, ip)) {
      case 'yes':
        return this.#live(accountFact(account)) === null
          ? rejected('unauthorized', 'Wrong handle or password')
          : agree({ account });
      case 'no':
        return rejected('unauthorized', 'Wrong handle or password');
      case 'too-many':
        return rejected('rate-limited', 'Too many failed logins: try again in some minutes');
      case 'busy':
        return rejected('busy', 'Too many logins at once: try again');
    }
  }

  async changePassword(ask: Ask<'changePassword'>): Served<'changePassword'> {
    const { account, current, next, ip, keep } = ask;
    if (next.length < shortestPassword) {
      return rejected(
        'invalid',
        `Validation failed: Password is too short (minimum is ${shortestPassword} characters)`,
      );
    }
    const right = await this.#isRight(account, current, ip);
    if (right === 'too-many')
      return rejected('rate-limited', 'Too many wrong passwords: try again in some minutes');
    if (right === 'busy') return rejected('busy', 'Too many passwords are being checked: try again');
    if (right === 'no') return rejected('invalid', 'Validation failed: Current password is wrong');
    return this.#savePassword(account, next, keep);
  }

  async setPassword({ handle, password }: Ask<'setPassword'>): Served<'setPassword'> {
    const account = accountIdOf(handle);
    if (this.#live(accountFact(account)) === null)
      return rejected('not-found', `There is no account ${handle}`);
    if (password.length < shortestPassword) {
      return rejected('invalid', `The password is too short (minimum is ${shortestPassword} characters)`);
    }
    return this.#savePassword(account, password, null);
  }

  /** Whoever was let in with the old password is out: all tokens but `keep`, and all codes, end with it. */
  async #savePassword(account: AccountId, password: string, keep: string | null): Served<'changePassword'> {
    const credential = await newCredential(password, this.#options.now());
    const write = { key: keyOf(account, factKind.credential), value: credentialRecord.encode(credential) };
    const ended = this.#secretsOf(account, keep);
    const failed = await this.#write([write, ...ended.map(tombstone)], forGood);
    if (failed !== null) return failed;
    // What was on its way to the disk is found only now.
    const late = this.#secretsOf(account, keep);
    const failedLate = late.length === 0 ? null : await this.#write(late.map(tombstone), deletes);
    await this.#options.forget([...ended, ...late].map(tokenIdOfKey));
    return failedLate ?? agree({});
  }

  /** Keys of the account's tokens, without the one with the id `keep`, and of codes that are still to become tokens. */
  #secretsOf(account: AccountId, keep: string | null): Key[] {
    return [factKind.token, factKind.code]
      .flatMap((kind) => this.#factsOf(account, kind))
      .filter(({ key, value }) => value !== null && tokenIdOfKey(key) !== keep)
      .map(({ key }) => key);
  }

  /** Tombstones included. */
  #factsOf(account: AccountId, kind: string): FoundFact[] {
    const from = keyOf(account, kind);
    return this.#options.store.reader.facts({ from, to: afterPrefix(from), most: 100_000 });
  }

  async deleteAccount({ account, password, ip }: Ask<'deleteAccount'>): Served<'deleteAccount'> {
    const right = await this.#isRight(account, password, ip);
    if (right === 'too-many')
      return rejected('rate-limited', 'Too many wrong passwords: try again in some minutes');
    if (right === 'busy') return rejected('busy', 'Too many passwords are being checked: try again');
    if (right === 'no') return rejected('invalid', 'Validation failed: Password is wrong');
    const retired = await this.#options.retire(account);
    if (!retired.ok) return retired;
    const tokens = this.#factsOf(account, factKind.token);
    await this.#options.forget(tokens.map(({ key }) => tokenIdOfKey(key)));
    return agree({});
  }

  async createApp({ name, website, redirectUris, scopes, ip }: Ask<'createApp'>): Served<'createApp'> {
    if (this.#options.signUps.count(`app:${ip}`, this.#options.now())?.isOver === true) {
      return rejected('rate-limited', 'Too many apps from this address');
    }
    const clientId = randomBytes(8).toString('hex');
    const secret = randomBytes(32).toString('base64url');
    const record = { name, website, redirectUris, scopes, secret, createdMs: this.#options.now() };
    const failed = await this.#write([{ key: appFact(clientId), value: appRecord.encode(record) }], forGood);
    return failed ?? agree({ clientId, clientSecret: secret });
  }

  async app({ clientId }: Ask<'app'>): Served<'app'> {
    if (clientId === operatorClientId) return agree(operatorApp());
    const wire = /^[0-9a-f]{16}$/.test(clientId) ? this.#live(appFact(clientId)) : null;
    if (wire === null) return rejected('not-found', 'Record not found');
    const { name, website, redirectUris, scopes, secret } = appRecord.decode(wire);
    return agree({ name, website, redirectUris, scopes, clientSecret: secret });
  }

  async createCode(ask: Ask<'createCode'>): Served<'createCode'> {
    const { account, clientId, redirectUri, scopes, challenge } = ask;
    const code = newSecret(account);
    const record = { app: clientId, redirectUri, scopes, challenge, expiresMs: this.#options.now() + codeMs };
    const write = { key: this.#keyOfSecret(code, factKind.code), value: codeRecord.encode(record) };
    return (await this.#write([write], forGood)) ?? agree({ code });
  }

  #keyOfSecret(secret: string, kind: string): string {
    const parts = readSecret(secret);
    if (parts === null) throw new Error('a secret of our own making must be readable');
    return keyOf(parts.account, kind, parts.hash);
  }

  async takeCode({ code }: Ask<'takeCode'>): Served<'takeCode'> {
    const parts = readSecret(code);
    const key = parts === null ? null : keyOf(parts.account, factKind.code, parts.hash);
    const wire = key === null ? null : this.#live(key);
    if (parts === null || key === null || wire === null)
      return rejected('invalid', 'The code is unknown, used or expired');
    const { app, redirectUri, scopes, challenge, expiresMs } = codeRecord.decode(wire);
    const failed = await this.#write([{ key, value: null }], deletes);
    if (failed !== null) return failed;
    if (expiresMs < this.#options.now()) return rejected('invalid', 'The code is unknown, used or expired');
    return agree({ account: parts.account, clientId: app, redirectUri, scopes, challenge });
  }

  async createToken({ account, clientId, scopes }: Ask<'createToken'>): Served<'createToken'> {
    const token = newSecret(account ?? serverAccount);
    const createdMs = this.#options.now();
    const write = {
      key: this.#keyOfSecret(token, factKind.token),
      value: tokenRecord.encode({ app: clientId, scopes, createdMs }),
    };
    return (await this.#write([write], forGood)) ?? agree({ token, createdMs });
  }

  async authenticate({ token }: Ask<'authenticate'>): Served<'authenticate'> {
    const parts = readSecret(token);
    const wire = parts === null ? null : this.#live(keyOf(parts.account, factKind.token, parts.hash));
    const isUser = parts !== null && parts.account !== serverAccount;
    if (parts === null || wire === null || (isUser && this.#live(accountFact(parts.account)) === null)) {
      return rejected('unauthorized', 'The access token is invalid');
    }
    const { app, scopes } = tokenRecord.decode(wire);
    return agree({
      tokenId: tokenIdOf(parts),
      account: isUser ? parts.account : null,
      clientId: app,
      scopes,
    });
  }

  async revoke({ token }: Ask<'revoke'>): Served<'revoke'> {
    const parts = readSecret(token);
    const key = parts === null ? null : keyOf(parts.account, factKind.token, parts.hash);
    if (parts === null || key === null || this.#live(key) === null) return agree({});
    const failed = await this.#write([{ key, value: null }], deletes);
    if (failed !== null) return failed;
    await this.#options.forget([tokenIdOf(parts)]);
    return agree({});
  }

  /** Display names are the handles; accounts have no password until one is set. */
  async adoptAccounts({ handles, createdMs }: Ask<'adoptAccounts'>): Served<'adoptAccounts'> {
    const writes = new Map<AccountId, FactWrite>();
    for (const handle of handles) {
      if (!handleForm.test(handle)) return rejected('invalid', `${JSON.stringify(handle)} is no handle`);
      const account = accountIdOf(handle);
      if (this.#options.store.writerReader.fact(accountFact(account)) !== null) continue;
      writes.set(account, this.#newAccount(account, handle, '', createdMs));
    }
    const failed = await this.#write([...writes.values()], { deletes: false, live: false });
    if (failed !== null) return failed;
    for (const account of writes.keys()) this.#options.accountMade(account);
    return agree({ made: writes.size });
  }

  async issueToken({ handle, scopes }: Ask<'issueToken'>): Served<'issueToken'> {
    const account = accountIdOf(handle);
    if (this.#live(accountFact(account)) === null)
      return rejected('not-found', `There is no account ${handle}`);
    const clientId = operatorClientId;
    const made = await this.createToken({ account, clientId, scopes });
    return made.ok ? agree({ token: made.value.token }) : made;
  }
}
