// Redirect URIs: which an app may register, and the address a browser is sent back to. Pure.

/** Instead of a redirect, the code is shown to be copied. */
export const outOfBand = 'urn:ietf:wg:oauth:2.0:oob';

export const longestUri = 2000;
export const mostUris = 20;

/** A browser that is sent there would run what stands in the address, or show the machine's own files. */
const forbiddenSchemes = new Set([
  'about',
  'blob',
  'data',
  'file',
  'filesystem',
  'javascript',
  'vbscript',
  'view-source',
]);

/** Printable ASCII only: it becomes a header's value, as it stands. */
const uriForm = /^([a-z][a-z0-9+.-]*):[!-~]+$/i;

/** Null when an app may register it; else what is wrong with it. */
export function faultOfRedirectUri(uri: string): string | null {
  const scheme = uriForm.exec(uri)?.[1]?.toLowerCase();
  if (scheme === undefined) return 'must be an absolute URI';
  if (uri.length > longestUri) return `is too long (maximum is ${longestUri} characters)`;
  if (forbiddenSchemes.has(scheme)) return 'has a forbidden scheme';
  if (uri.includes('#')) return 'cannot contain a fragment';
  if ((scheme === 'http' || scheme === 'https') && !isWebAddress(uri)) return 'must be an absolute URI';
  return null;
}

export function isWebAddress(uri: string): boolean {
  return URL.canParse(uri) && /^https?:$/.test(new URL(uri).protocol) && new URL(uri).hostname !== '';
}

/** The registered URI as it stands, with these parameters behind it. */
export function redirectTo(uri: string, parameters: Record<string, string | null>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, value);
  return `${uri}${uri.includes('?') ? '&' : '?'}${query}`;
}

/**
 * What `form-action` must let through, for browsers hold redirects after a form to it as well: a web address may itself redirect
 * to any other, an app's scheme is one.
 */
export function formTargetsOf(uri: string): string {
  if (uri === outOfBand) return "'self'";
  const scheme = uriForm.exec(uri)?.[1]?.toLowerCase() ?? '';
  return scheme === 'http' || scheme === 'https' ? "'self' http: https:" : `'self' ${scheme}:`;
}
