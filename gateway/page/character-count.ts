// The length of a post as Mastodon counts it: in characters a reader sees, a link as a fixed number, a mention without its server.
// The server decides by a rule of its own; tests/page/character-count.test.ts holds the two together.

/** What a link counts, however long it is, unless the server says otherwise. */
export const linkCharacters = 23;
/** A longer one is no link. */
const mostLinkUnits = 2048;

const word = '\\p{L}\\p{M}\\p{Nd}\\p{Pc}';
const label = '[\\p{L}\\p{M}\\p{N}](?:[\\p{L}\\p{M}\\p{N}_-]{0,61}[\\p{L}\\p{M}\\p{N}])?';
const host = `(?:(?:${label}\\.){1,10}(?:xn--[a-z0-9-]{2,59}|[\\p{L}\\p{M}]{2,63})|\\d{1,3}(?:\\.\\d{1,3}){3}|localhost)`;
const site = `(?<![${word}@＠$#＃/])(?<site>https?://${host}(?![${word}-])(?::\\d{1,5}(?!\\d))?)`;
const person = `(?<![=/${word}])(?<person>[@＠][a-z0-9_]+(?:[a-z0-9_.-]*[a-z0-9_])?)`;
/** A link of a site and the rest of it, or a mention of a person and their server. */
const shortened = new RegExp(
  `${site}(?<rest>[/?#][^\\s\\p{C}<>"]*)?|${person}(?:@[${word}.-]*[${word}])?`,
  'giu',
);
/** Ends a sentence rather than a link. */
const sentence = '.,;:!?\'"*$%[]~|@^`{}\\「」“”‘’«»…';

export interface Counted {
  readonly text: string;
  readonly warning?: string;
  readonly perLink?: number;
}

export function characterCount({ text, warning = '', perLink = linkCharacters }: Counted): number {
  let kept = '';
  let links = 0;
  let at = 0;
  shortened.lastIndex = 0;
  for (let found = shortened.exec(text); found !== null; found = shortened.exec(text)) {
    const { site: start, rest = '', person: mention } = found.groups ?? {};
    kept += text.slice(at, found.index);
    at = found.index + found[0].length;
    if (mention !== undefined) {
      kept += mention;
    } else if (start !== undefined) {
      const length = start.length + restLength(rest);
      if (length > mostLinkUnits) {
        at = found.index;
        shortened.lastIndex = found.index + 1;
        continue;
      }
      at = found.index + length;
      shortened.lastIndex = at;
      // It stands for the link, and keeps what is beside it apart.
      kept += ' ';
      links++;
    }
  }
  return graphemes(warning) + graphemes(kept + text.slice(at)) + links * (perLink - 1);
}

/** Without the punctuation at its end, and without a closing bracket that it did not open. */
function restLength(rest: string): number {
  let opened = rest.split('(').length - rest.split(')').length;
  const cut = rest.includes('?') ? sentence : `${sentence}&=`;
  let end = rest.length;
  for (; end > 0; end--) {
    const last = rest.charAt(end - 1);
    if (last === ')' && opened < 0) opened++;
    else if (last === '(') opened--;
    else if (!cut.includes(last)) break;
  }
  return end;
}

function graphemes(text: string): number {
  if (typeof Intl.Segmenter === 'undefined') return Array.from(text).length;
  let count = 0;
  for (const _ of new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)) count++;
  return count;
}
