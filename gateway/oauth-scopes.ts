// Scopes: which there are, and what of them a token gets. What a scope opens is access.ts's part.
import { covers } from './access.ts';

const readParts =
  'accounts blocks bookmarks favourites filters follows lists mutes notifications search statuses';
const writeParts =
  'accounts blocks bookmarks conversations favourites filters follows lists media mutes notifications reports statuses';
const adminParts =
  'accounts canonical_email_blocks domain_allows domain_blocks email_domain_blocks ip_blocks reports';

/** All that may be asked for. `push` and `admin:` can be held, as Mastodon's apps ask for them at sign-in, and open nothing here. */
export const knownScopes: readonly string[] = [
  'profile',
  'read',
  'write',
  'follow',
  'push',
  'admin:read',
  'admin:write',
  ...under('read', readParts),
  ...under('write', writeParts),
  ...under('admin:read', adminParts),
  ...under('admin:write', adminParts),
];

/** What an app has that names no scopes. */
export const defaultScopes = 'read';

const known: ReadonlySet<string> = new Set(knownScopes);

/** Each scope once, in order; null when one is unknown, or none is there. Separated by spaces or pluses. */
export function parseScopes(text: string): string[] | null {
  const scopes = [...new Set(text.split(/[\s+]+/).filter((scope) => scope !== ''))];
  return scopes.length > 0 && scopes.every((scope) => known.has(scope)) ? scopes : null;
}

/**
 * What a token gets of the scopes its app has: what was asked for when the app has all of it; when nothing was asked for,
 * `read`, or else all the app has. Null: too much was asked for.
 */
export function grantScopes(appScopes: string, asked: string | null): string[] | null {
  const has = new Set(parseScopes(appScopes) ?? []);
  if (asked === null || asked.trim() === '') return has.has(defaultScopes) ? [defaultScopes] : [...has];
  const wanted = parseScopes(asked);
  return wanted?.every((scope) => covers(has, scope)) ? wanted : null;
}

function under(parent: string, parts: string): string[] {
  return parts.split(' ').map((part) => `${parent}:${part}`);
}
