// megalodon hands out the Link header and leaves the rest to its user, who follows it as megalodon's own `get_all` does.
import type { Mastodon } from 'megalodon';

interface Answer<T> {
  data: T[];
  headers: { link?: string };
}

/** All pages from one on, by `rel="next"`. */
export async function followedPages<T extends { id: string }>(
  client: Mastodon,
  first: Answer<T>,
  between: () => Promise<unknown> = async () => {},
): Promise<string[][]> {
  const pages = [first.data.map(({ id }) => id)];
  let next = nextOf(first.headers.link);
  while (next !== null) {
    await between();
    const answer: Answer<T> = await client.client.get(next, {}, {}, true);
    pages.push(answer.data.map(({ id }) => id));
    next = nextOf(answer.headers.link);
  }
  return pages;
}

/** As megalodon splits it: at commas, then at semicolons. */
export function nextOf(link: string | undefined): string | null {
  return linkOf(link, 'next');
}

export function linkOf(link: string | undefined, wanted: string): string | null {
  for (const part of (link ?? '').split(',')) {
    const [url, name] = part.split(';');
    if (name?.trim() === `rel="${wanted}"`) return url?.trim().replace(/^<(.*)>$/, '$1') ?? null;
  }
  return null;
}
