// Whether a caller may use an endpoint: token, account, scopes. Pure; reading the token is http-server.ts's part.
import { ApiError, type Caller, type Endpoint } from './endpoint.ts';

/** What the old scope `follow` stands for. */
const followCovers = /^(?:read|write):(?:follows|blocks|mutes)$/;

export const invalidToken = (): ApiError => new ApiError(401, 'The access token is invalid');

/** Throws the 401, 403 or 422 that Mastodon gives. */
export function checkAccess(
  { access, scopes }: Pick<Endpoint, 'access' | 'scopes'>,
  caller: Caller | null,
): void {
  if (access === 'none') return;
  if (caller === null) {
    if (access === 'optional') return;
    throw invalidToken();
  }
  if (scopes.length > 0 && !scopes.some((scope) => covers(caller.scopes, scope))) {
    throw new ApiError(403, 'This action is outside the authorized scopes');
  }
  if (access === 'user' && caller.account === null) {
    throw new ApiError(422, 'This method requires an authenticated user');
  }
}

/** `read` covers `read:statuses`. */
export function covers(granted: ReadonlySet<string>, scope: string): boolean {
  if (granted.has(scope)) return true;
  const colon = scope.indexOf(':');
  if (colon !== -1 && granted.has(scope.slice(0, colon))) return true;
  return granted.has('follow') && followCovers.test(scope);
}
