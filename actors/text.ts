// The text of a post as Mastodon reads it: where its links, mentions and hashtags stand, and how long it counts. Showing it is the gateway's part.

/** How many characters of a post count, whatever its links' length. */
export const mostCharacters = 500;
/** What a link counts, whatever its length. */
export const urlCharacters = 23;
/** A longer run after `#` is plain text. */
export const mostTagCharacters = 100;
/** A longer link is plain text. */
const mostUrlCharacters = 2048;

export interface Entity {
  kind: 'url' | 'mention' | 'tag';
  /** UTF-16 units; `start` included, `end` not. */
  start: number;
  end: number;
  /** url: the link as written; mention: `name` or `name@host` as written; tag: the name as written, without `#`. */
  value: string;
}

export interface MentionOptions {
  /** Our own host: `@name@host` is then `name`. With or without a port. */
  host?: string;
}

const word = '\\p{L}\\p{M}\\p{Nd}\\p{Pc}';
/** Joins the parts of a hashtag, and never ends one: middle dot, katakana middle dot, zero-width non-joiner. */
const joiners = '\\u00B7\\u30FB\\u200C';
const label = '[\\p{L}\\p{M}\\p{N}](?:[\\p{L}\\p{M}\\p{N}_-]{0,61}[\\p{L}\\p{M}\\p{N}])?';
const host = `(?:(?:${label}\\.){1,10}(?:xn--[a-z0-9-]{2,59}|[\\p{L}\\p{M}]{2,63})|[0-9]{1,3}(?:\\.[0-9]{1,3}){3}|localhost)`;
const url = `(?<![${word}@＠$#＃/])(?<url>https?://${host}(?![${word}-])(?::[0-9]{1,5}(?![0-9]))?(?<tail>[/?#][^\\s\\p{C}<>"]*)?)`;
const name = '[a-z0-9_]+(?:[a-z0-9_.-]*[a-z0-9_])?';
const mention = `(?<![=/${word}])[@＠](?<mention>${name}(?:@[${word}.-]*[${word}])?)`;
const tag = `(?<![=/)\\p{L}\\p{N}])[#＃](?<tag>[${word}][${word}${joiners}]*)`;
const anyEntity = new RegExp(`${url}|${mention}|${tag}`, 'giu');
const mayHaveEntities = /[@＠#＃]|:\/\//u;

const trailingJoiners = new RegExp(`[${joiners}]+$`, 'u');
/** A number is no hashtag; `1_2` is. */
const tagForm = new RegExp(`[\\p{L}\\p{M}]|[${word}][\\p{Pc}${joiners}][${word}]`, 'u');
/** Never the last character of a link. `&` and `=` are, in a query. */
const sentence = '.,;:!?\'"*$%[]~|@^`{}\\「」“”‘’«»…';
const notOfTag = new RegExp(`[^${word}${joiners}]+`, 'gu');

const plainAscii = /^[\n\x20-\x7e]*$/;
/** What may join with its neighbour to one character: marks, joiners, skin tones, flags, Hangul parts, CR LF. */
const mayJoin =
  /[\p{M}\p{Cf}\p{Grapheme_Extend}\r\u0D4E\u0E33\u0EB3\u1100-\u11FF\uA960-\uA97F\uD7B0-\uD7FF\u{111C2}\u{111C3}\u{1193F}\u{11941}\u{11A3A}\u{11A84}-\u{11A89}\u{11D46}\u{11F02}\u{1F1E6}-\u{1F1FF}\u{1F3FB}-\u{1F3FF}]/u;
const surrogatePair = /[\u{10000}-\u{10FFFF}]/gu;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Every link, mention and hashtag, in order; they never overlap. Whether a mention names somebody is not looked up. */
export function entitiesOf(text: string): Entity[] {
  const entities: Entity[] = [];
  if (!mayHaveEntities.test(text)) return entities;
  anyEntity.lastIndex = 0;
  for (let found = anyEntity.exec(text); found !== null; found = anyEntity.exec(text)) {
    const start = found.index;
    const groups = found.groups ?? {};
    const entity = readUrl(groups, start) ?? readMention(groups, start) ?? readTag(groups, start);
    if (entity === null) continue;
    entities.push(entity);
    anyEntity.lastIndex = entity.end;
  }
  return entities;
}

/** What a post counts: graphemes, a link as 23, a mention without its host. Content warnings count beside it, by `countGraphemes`. */
export function countCharacters(text: string): number {
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
      characters += urlCharacters - 1;
    }
  }
  return characters + countGraphemes(counted + text.slice(at));
}

/** Characters as a reader sees them: a family emoji is one. */
export function countGraphemes(text: string): number {
  if (plainAscii.test(text)) return text.length;
  // The segmenter costs microseconds a character: most scripts do without it.
  if (!mayJoin.test(text)) return text.length - (text.match(surrogatePair)?.length ?? 0);
  let count = 0;
  for (const _ of graphemes.segment(text)) count++;
  return count;
}

/** The hashtags of a text, each once, normalised by `tagName`, in order. */
export function tagsOf(text: string): string[] {
  const tags = new Set<string>();
  for (const { kind, value } of entitiesOf(text)) {
    if (kind === 'tag') tags.add(tagName(value));
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
  return tag.normalize('NFKC').toLowerCase().replace(notOfTag, '');
}

type Groups = Record<string, string | undefined>;

function readUrl(groups: Groups, start: number): Entity | null {
  const whole = groups['url'];
  if (whole === undefined) return null;
  const tail = groups['tail'] ?? '';
  const value = whole.slice(0, whole.length - tail.length) + trimTail(tail);
  if (value.length > mostUrlCharacters) return null;
  return { kind: 'url', start, end: start + value.length, value };
}

function readMention(groups: Groups, start: number): Entity | null {
  const value = groups['mention'];
  if (value === undefined) return null;
  return { kind: 'mention', start, end: start + 1 + value.length, value };
}

function readTag(groups: Groups, start: number): Entity | null {
  const value = groups['tag']?.replace(trailingJoiners, '');
  if (value === undefined || value.length > mostTagCharacters || !tagForm.test(value)) return null;
  return tagName(value) === '' ? null : { kind: 'tag', start, end: start + 1 + value.length, value };
}

/** Cuts what belongs to the sentence: punctuation at the end, and a closing bracket that the link did not open. */
function trimTail(tail: string): string {
  let opened = 0;
  for (const character of tail) {
    if (character === '(') opened++;
    else if (character === ')') opened--;
  }
  const trimmed = tail.includes('?') ? sentence : `${sentence}&=`;
  let end = tail.length;
  while (end > 0) {
    const last = tail.charAt(end - 1);
    if (last === ')' && opened < 0) opened++;
    else if (last === '(') opened--;
    else if (!trimmed.includes(last)) break;
    end--;
  }
  return tail.slice(0, end);
}
