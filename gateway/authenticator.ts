// Who a bearer token stands for: asked of the core once, then remembered until the core says that it is revoked, or falls silent.
import type { Changed } from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import { type AccountId, partitionOf, serverAccount } from '../runtime/account-id.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import { Generations } from '../runtime/generations.ts';
import type { Caller } from './endpoint.ts';
import { ofItsOwn, shared } from './shared-values.ts';

export interface Authenticator {
  /** `unauthorized` for a token nobody has (any more), `unavailable` without a core. Never from memory when the lease is out. */
  authenticate(token: string): Promise<Outcome<Caller>>;
  /** The same when it is remembered, else null: for paths too hot for a promise. */
  remembered(token: string): Caller | null;
  /** Forgets revoked tokens. Hand it every `changed` of the core. */
  changed(changed: Pick<Changed, 'tokens'>): void;
  /** Forgets the tokens of these partitions: hand it every `lost`. */
  lost(partitions: ReadonlySet<number>): void;
  /** Forgets the tokens that nobody has used since this was called last: who only listens does not need its own. */
  forgetUnused(): void;
}

export interface AuthenticatorOptions {
  client: Pick<CoreClient, 'call' | 'covered'>;
  /** Tokens remembered, at most: at least the half of them that were used last. */
  most?: number;
}

/** What a token may look like: RFC 6750's b64token, as long as the core takes. */
const tokenForm = /^[A-Za-z0-9._~+/-]{1,199}=*$/;
const mostLooks = 3;

export function createAuthenticator({ client, most = 50_000 }: AuthenticatorOptions): Authenticator {
  const callers = new Generations<Caller>(most);
  const scopesOf = shared((scopes) => new Set(scopes.split(' ')));
  const clientIdOf = shared((clientId) => clientId);
  /** Counts revocations: what was asked before one is asked again, not remembered. */
  let epoch = 0;

  async function look(token: string): Promise<Outcome<Caller>> {
    for (let looks = 0; looks < mostLooks; looks++) {
      const asked = epoch;
      const answered = await client.call('authenticate', { token });
      if (!answered.ok) return { ok: false, rejection: answered.rejection };
      const { tokenId, account, clientId, scopes } = answered.value;
      if (asked !== epoch) continue;
      const caller = {
        tokenId: ofItsOwn(tokenId),
        token: ofItsOwn(token),
        account,
        clientId: clientIdOf(clientId),
        scopes: scopesOf(scopes),
      };
      callers.set(caller.token, caller);
      return { ok: true, value: caller };
    }
    return { ok: false, rejection: { code: 'busy', message: 'Too many tokens are being revoked at once' } };
  }

  function remembered(token: string): Caller | null {
    const caller = callers.get(token);
    return caller !== undefined && client.covered()(homeOf(caller)) ? caller : null;
  }

  function forgetWhere(fits: (caller: Caller) => boolean): void {
    for (const [token, caller] of callers) if (fits(caller)) callers.delete(token);
  }

  return {
    async authenticate(token) {
      if (token.length > 200 || !tokenForm.test(token)) {
        return { ok: false, rejection: { code: 'unauthorized', message: 'The access token is invalid' } };
      }
      const caller = remembered(token);
      return caller === null ? look(token) : { ok: true, value: caller };
    },
    remembered,
    changed({ tokens }) {
      if (tokens.length === 0) return;
      epoch++;
      const revoked = new Set(tokens);
      forgetWhere(({ tokenId }) => revoked.has(tokenId));
    },
    lost(partitions) {
      // What is being asked meanwhile the client itself asks again, where it is served then.
      forgetWhere((caller) => partitions.has(partitionOf(homeOf(caller))));
    },
    forgetUnused: () => callers.turn(),
  };
}

/** Where a token is kept: an app's own are the server's. */
function homeOf({ account }: Caller): AccountId {
  return account ?? serverAccount;
}
