// The text of a post as Mastodon reads it: how long it counts, whom it names, which hashtags it has. Showing it is the gateway's part.
import { entitiesOf } from './text-entities.ts';

/** How many characters of a post count, whatever its links' length. */
export const mostCharacters = 500;
/** What a link counts, whatever its length. */
export const urlCharacters = 23;

export interface MentionOptions {
  /** Our own host: `@name@host` is then `name`. With or without a port. */
  host?: string;
}

const notOfTag = /[^\p{L}\p{M}\p{Nd}\p{Pc}·・\u200C]+/gu;
const plainAscii = /^[\n\x20-\x7e]*$/;
/** What may join with its neighbour to one character: marks, joiners, skin tones, flags, Hangul parts, CR LF. */
const mayJoin =
  /[\p{M}\p{Cf}\p{Grapheme_Extend}\r\u0D4E\u0E33\u0EB3\u1100-\u11FF\uA960-\uA97F\uD7B0-\uD7FF\u{111C2}\u{111C3}\u{1193F}\u{11941}\u{11A3A}\u{11A84}-\u{11A89}\u{11D46}\u{11F02}\u{1F1E6}-\u{1F1FF}\u{1F3FB}-\u{1F3FF}]/u;
const surrogatePair = /[\u{10000}-\u{10FFFF}]/gu;
/** Not there in browsers from before 2024: they count code points. */
const graphemes =
  typeof Intl.Segmenter === 'undefined' ? null : new Intl.Segmenter('en', { granularity: 'grapheme' });

/** What a post counts: graphemes, a link as 23 (or as `perLink`), a mention without its host. Content warnings count beside it, by `countGraphemes`. */
export function countCharacters(text: string, perLink = urlCharacters): number {
  let counted = '';
  let characters = 0;
  let at = 0;
  for (const { kind, start, end, value } of entitiesOf(text)) {
    if (kind === 'tag') continue;
    counted += text.slice(at, start);
    at = end;
    if (kind === 'mention') {
      counted += `@${value.replace(/@.*$/u, '')}`;
    } else {
      // A space keeps what stands before and after the link from growing together.
      counted += ' ';
      characters += perLink - 1;
    }
  }
  return characters + countGraphemes(counted + text.slice(at));
}

/** Characters as a reader sees them: a family emoji is one. */
export function countGraphemes(text: string): number {
  if (plainAscii.test(text)) return text.length;
  // The segmenter costs microseconds a character: most scripts do without it.
  if (!mayJoin.test(text)) return text.length - (text.match(surrogatePair)?.length ?? 0);
  if (graphemes === null) return [...text].length;
  let count = 0;
  for (const _ of graphemes.segment(text)) count++;
  return count;
}

/** The hashtags of a text, each once, normalised by `tagName`, in order. */
export function tagsOf(text: string): string[] {
  const tags = new Set<string>();
  for (const { kind, value } of entitiesOf(text)) {
    const name = kind === 'tag' ? tagName(value) : '';
    if (name !== '') tags.add(name);
  }
  return [...tags];
}

/** The handles of our own people that a text names, each once (whatever its case), as first written. Those of other hosts are left out. */
export function mentionsOf(text: string, options: MentionOptions = {}): string[] {
  const handles = new Map<string, string>();
  for (const { kind, value } of entitiesOf(text)) {
    const handle = kind === 'mention' ? localHandle(value, options) : null;
    if (handle !== null && !handles.has(handle.toLowerCase())) handles.set(handle.toLowerCase(), handle);
  }
  return [...handles.values()];
}

/** `name` of `name`, `@name`, and of `name@host` when the host is ours; null for anybody else's. */
export function localHandle(address: string, options: MentionOptions = {}): string | null {
  const [handle = '', at] = address.replace(/^[@＠]/u, '').split('@');
  if (handle === '') return null;
  if (at === undefined) return handle;
  const ours = options.host?.toLowerCase() ?? '';
  const theirs = at.toLowerCase();
  return theirs !== '' && (theirs === ours || theirs === ours.replace(/:[0-9]+$/, '')) ? handle : null;
}

/** A hashtag as it is filed: compatibility forms unified, lower case, no `#`. Empty when nothing of it is left. */
export function tagName(tag: string): string {
  if (/^\w*$/.test(tag)) return tag.toLowerCase();
  return tag.normalize('NFKC').toLowerCase().replace(notOfTag, '');
}
