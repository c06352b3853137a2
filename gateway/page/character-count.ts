// The length of a post as Mastodon counts it: in characters a reader sees, a link as a fixed number, a mention without its server.

/** What a link counts, however long it is, unless the server says otherwise. */
export const linkCharacters = 23;

/** A link with its scheme, not glued to a word, up to the last character that may end one. */
const link =
  /(^|[^\p{L}\p{N}_@#$/])(https?:\/\/(?:[\p{L}\p{N}_-]+\.)+(?:xn--[a-z0-9-]+|\p{L}{2,})(?::\d{1,5})?(?:[/?#][^\s<>"]*)?)/giu;
/** A mention of somebody on another server. */
const remoteMention = /(^|[^/\w])@([a-z0-9_]+)@[a-z0-9.-]+[a-z0-9]+/gi;

export interface Counted {
  readonly text: string;
  readonly warning?: string;
  readonly perLink?: number;
}

export function characterCount({ text, warning = '', perLink = linkCharacters }: Counted): number {
  const shortened = text
    .replace(link, (_whole, before: string, address: string) => {
      const kept = withoutTrail(address);
      return before + 'x'.repeat(perLink) + address.slice(kept.length);
    })
    .replace(remoteMention, '$1@$2');
  return graphemes(warning + shortened);
}

/** An address does not end in punctuation, nor in a bracket that it did not open. */
function withoutTrail(address: string): string {
  let kept = address;
  for (;;) {
    const last = kept.slice(-1);
    const unopened = last === ')' && kept.split('(').length < kept.split(')').length;
    if (!unopened && !/[.,:;!?'"\]}*…]/.test(last)) return kept;
    kept = kept.slice(0, -1);
  }
}

function graphemes(text: string): number {
  if (typeof Intl.Segmenter === 'undefined') return Array.from(text).length;
  let count = 0;
  for (const _ of new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)) count++;
  return count;
}
