// The Link header of a list: where its older and newer neighbours are.

/** Path and query of the next (older) page, or null at the end. The origin is left out: a page asks its own server only. */
export function olderPage(header: string | null): string | null {
  if (header === null) return null;
  for (const found of header.matchAll(/<([^>]*)>([^<]*)/g)) {
    const [, address = '', parameters = ''] = found;
    if (!/;\s*rel="?next"?/.test(parameters)) continue;
    try {
      const url = new URL(address, 'http://any.invalid');
      return url.pathname + url.search;
    } catch {
      return null;
    }
  }
  return null;
}
