// Where links, mentions and hashtags stand in a text, as Mastodon finds them. What they count for, and how they are shown, is others' part.

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

/** The ends of a sentence, which a link does not take with it. `&` and `=` stay, in a query. */
const sentence = '.,;:!?\'"*$%[]~|@^`{}\\「」“”‘’«»…';
/** A number is no hashtag; `1_2` is. */
const tagForm = /[\p{L}\p{M}]|[\p{L}\p{M}\p{Nd}\p{Pc}][\p{Pc}·・\u200C][\p{L}\p{M}\p{Nd}\p{Pc}]/u;
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
  return { kind: 'tag', start, end: start + 1 + name.length, value: name };
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
