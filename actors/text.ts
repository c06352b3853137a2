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

/** The ends of a sentence, which a link does not take with it. `&` and `=` stay, in a query. */
const sentence = '.,;:!?\'"*$%[]~|@^`{}\\「」“”‘’«»…';
/** A number is no hashtag; `1_2` is. */
const tagForm = /[\p{L}\p{M}]|[\p{L}\p{M}\p{Nd}\p{Pc}][\p{Pc}·・\u200C][\p{L}\p{M}\p{Nd}\p{Pc}]/u;
const notOfTag = /[^\p{L}\p{M}\p{Nd}\p{Pc}·・\u200C]+/gu;
const wordForm = /^[\p{L}\p{M}\p{Nd}\p{Pc}]$/u;
const numberForm = /^\p{N}$/u;
const gapForm = /^[\s\p{Cc}\p{Cf}]$/u;
const labelForm = /^[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}_-]{0,61}[\p{L}\p{M}\p{N}])?$/u;
const topLabelForm = /^(?:xn--[a-z0-9-]{2,59}|[\p{L}\p{M}]{2,63})$/iu;
const asciiHostForm =
  /^(?:[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\.){1,10}(?:xn--[a-z0-9-]{2,59}|[a-z]{2,63})$/i;
const addressForm = /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/;
const mostLabels = 11;
/** Of what a link may be, or a mention: more is not looked at. */
const mostRun = 4096;

const plainAscii = /^[\n\x20-\x7e]*$/;
/** What may join with its neighbour to one character: marks, joiners, skin tones, flags, Hangul parts, CR LF. */
const mayJoin =
  /[\p{M}\p{Cf}\p{Grapheme_Extend}\r\u0D4E\u0E33\u0EB3\u1100-\u11FF\uA960-\uA97F\uD7B0-\uD7FF\u{111C2}\u{111C3}\u{1193F}\u{11941}\u{11A3A}\u{11A84}-\u{11A89}\u{11D46}\u{11F02}\u{1F1E6}-\u{1F1FF}\u{1F3FB}-\u{1F3FF}]/u;
const surrogatePair = /[\u{10000}-\u{10FFFF}]/gu;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Every link, mention and hashtag, in order; they never overlap. Whether a mention names somebody is not looked up.
 * Read by hand: one expression for all of it, over all of Unicode, takes milliseconds to compile and microseconds a character.
 */
export function entitiesOf(text: string): Entity[] {
  const entities: Entity[] = [];
  for (let at = 0; at < text.length; at++) {
    const entity = entityAt(text, at);
    if (entity === null) continue;
    const last = entities.at(-1);
    // A link is found by its colon: its beginning may be part of what came before.
    if (last !== undefined && entity.start < last.end) continue;
    entities.push(entity);
    at = entity.end - 1;
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
  if (/^\w*$/.test(tag)) return tag.toLowerCase();
  return tag.normalize('NFKC').toLowerCase().replace(notOfTag, '');
}

function entityAt(text: string, at: number): Entity | null {
  switch (text.charCodeAt(at)) {
    case 0x23: // #
    case 0xff03: // ＃
      return readTag(text, at);
    case 0x40: // @
    case 0xff20: // ＠
      return readMention(text, at);
    case 0x3a: // :
      return text.startsWith('//', at + 1) ? readUrl(text, at) : null;
    default:
      return null;
  }
}

/** `colon`: of `https://`. */
function readUrl(text: string, colon: number): Entity | null {
  const scheme = /https?$/i.exec(text.slice(Math.max(0, colon - 5), colon))?.[0];
  if (scheme === undefined) return null;
  const start = colon - scheme.length;
  const before = characterBefore(text, start);
  if (isWord(before) || '@＠$#＃/'.includes(before || ' ')) return null;
  const hostEnd = readHost(text, colon + 3);
  if (hostEnd === null) return null;
  const port = /^:[0-9]{1,5}(?![0-9])/.exec(text.slice(hostEnd, hostEnd + 7))?.[0] ?? '';
  const tailStart = hostEnd + port.length;
  const opening = text.charAt(tailStart);
  const tail = opening !== '' && '/?#'.includes(opening) ? trimTail(runOf(text, tailStart, isOfTail)) : '';
  const end = tailStart + tail.length;
  return end - start > mostUrlCharacters ? null : { kind: 'url', start, end, value: text.slice(start, end) };
}

/** Where the host that begins at `start` ends; null when there is none. */
function readHost(text: string, start: number): number | null {
  const host = runOf(text, start, isOfHost).replace(/\.+$/, '');
  return isHost(host) ? start + host.length : null;
}

function isHost(host: string): boolean {
  if (asciiHostForm.test(host) || addressForm.test(host) || host.toLowerCase() === 'localhost') return true;
  if (isAscii(host)) return false;
  const labels = host.split('.');
  const top = labels.pop() ?? '';
  return (
    labels.length > 0 &&
    labels.length < mostLabels &&
    topLabelForm.test(top) &&
    labels.every((label) => labelForm.test(label))
  );
}

function readMention(text: string, start: number): Entity | null {
  const before = characterBefore(text, start);
  if (before === '=' || before === '/' || isWord(before)) return null;
  const first = text.charCodeAt(start + 1);
  if (!(first < 128 && isAsciiWord(first))) return null;
  const name = runOf(text, start + 1, isOfName).replace(/[.-]+$/, '');
  let end = start + 1 + name.length;
  if (text.charAt(end) === '@') {
    const host = runOf(text, end + 1, isOfAddress).replace(/[.-]+$/, '');
    if (host !== '') end += 1 + host.length;
  }
  return { kind: 'mention', start, end, value: text.slice(start + 1, end) };
}

function readTag(text: string, start: number): Entity | null {
  const before = characterBefore(text, start);
  if (before !== '' && ('=/)'.includes(before) || isLetterOrNumber(before))) return null;
  const name = runOf(text, start + 1, isOfTag).replace(/[·・\u200C]+$/, '');
  if (name === '' || name.length > mostTagCharacters) return null;
  if (!isWord(String.fromCodePoint(name.codePointAt(0) ?? 0))) return null;
  if (!/[a-z]/i.test(name) && !tagForm.test(name)) return null;
  return tagName(name) === '' ? null : { kind: 'tag', start, end: start + 1 + name.length, value: name };
}

/** The longest run from `start` of characters that belong to it, up to a bound. */
function runOf(text: string, start: number, belongs: (character: string, code: number) => boolean): string {
  let at = start;
  while (at < text.length && at - start < mostRun) {
    const code = text.charCodeAt(at);
    const character =
      code < 0xd800 || code > 0xdbff ? text.charAt(at) : String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (!belongs(character, code)) break;
    at += character.length;
  }
  return text.slice(start, at);
}

function isOfTail(character: string, code: number): boolean {
  if (code < 128)
    return code > 0x20 && code !== 0x7f && character !== '<' && character !== '>' && character !== '"';
  return !gapForm.test(character);
}

function isOfHost(character: string, code: number): boolean {
  if (code < 128) return isAsciiWord(code) || character === '.' || character === '-';
  return wordForm.test(character) || numberForm.test(character);
}

function isOfName(character: string, code: number): boolean {
  return code < 128 && (isAsciiWord(code) || character === '.' || character === '-');
}

function isOfAddress(character: string, code: number): boolean {
  return isOfName(character, code) || (code >= 128 && wordForm.test(character));
}

function isOfTag(character: string, code: number): boolean {
  return code < 128 ? isAsciiWord(code) : wordForm.test(character) || '·・\u200C'.includes(character);
}

/** Empty at the beginning. */
function characterBefore(text: string, at: number): string {
  if (at === 0) return '';
  const code = text.charCodeAt(at - 1);
  const isSecondHalf = code >= 0xdc00 && code <= 0xdfff && at > 1;
  return isSecondHalf ? text.slice(at - 2, at) : text.charAt(at - 1);
}

function isWord(character: string): boolean {
  if (character === '') return false;
  const code = character.charCodeAt(0);
  return code < 128 ? isAsciiWord(code) : wordForm.test(character);
}

function isLetterOrNumber(character: string): boolean {
  if (character === '_') return false;
  return isWord(character) || (!isAscii(character) && numberForm.test(character));
}

function isAsciiWord(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f
  );
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= 128) return false;
  return true;
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
