// Lines as pairs of names: CSV, TSV or spaces, with or without a header. Which of the two follows which is import-direction.ts's.

export interface Header {
  first: string;
  second: string;
}

export interface PairsRead {
  header: Header | null;
  /** A comment of the file says which kind of graph it is. */
  said: 'directed' | 'undirected' | null;
  lines: number;
  bad: number;
  /** The first few bad ones. */
  badLines: { number: number; text: string }[];
}

const shownBad = 3;
const mostNameCharacters = 200;

/** Calls `onPair` for each line that holds two names or more (what follows them is left aside). Bad lines are counted. */
export async function readPairs(
  lines: AsyncIterable<string>,
  onPair: (first: string, second: string) => void,
): Promise<PairsRead> {
  const read: PairsRead = { header: null, said: null, lines: 0, bad: 0, badLines: [] };
  let separator: RegExp | null = null;
  /** The first line that is not blank, until the second one shows whether it is a header. */
  let held: [string, string] | null = null;
  let isFirst = true;
  for await (const raw of lines) {
    read.lines++;
    const line = (read.lines === 1 ? raw.replace(/^\uFEFF/, '') : raw).trim();
    if (line === '') continue;
    if (/^[#%]/.test(line)) {
      read.said ??= saidBy(line);
      continue;
    }
    separator ??= separatorOf(line);
    const pair = pairOf(line, separator);
    if (pair === null) {
      read.bad++;
      if (read.badLines.length < shownBad)
        read.badLines.push({ number: read.lines, text: line.slice(0, 80) });
      continue;
    }
    if (isFirst) {
      isFirst = false;
      held = pair;
      continue;
    }
    if (held !== null) {
      if (isHeader(held, pair)) read.header = { first: held[0], second: held[1] };
      else onPair(...held);
      held = null;
    }
    onPair(...pair);
  }
  if (held !== null) {
    if (isHeader(held, null)) read.header = { first: held[0], second: held[1] };
    else onPair(...held);
  }
  return read;
}

function separatorOf(line: string): RegExp {
  if (line.includes('\t')) return /\t/;
  if (line.includes(',')) return /,/;
  if (line.includes(';')) return /;/;
  return /\s+/;
}

function pairOf(line: string, separator: RegExp): [string, string] | null {
  const [first = '', second = ''] = line.split(separator, 2).map(unquoted);
  const fits = (name: string) => name !== '' && name.length <= mostNameCharacters;
  return fits(first) && fits(second) ? [first, second] : null;
}

function unquoted(field: string): string {
  const text = field.trim();
  const quoted = /^"(.*)"$/.exec(text) ?? /^'(.*)'$/.exec(text);
  return quoted?.[1]?.replaceAll('""', '"') ?? text;
}

const isNumber = (name: string): boolean => /^-?[0-9]+$/.test(name);

/** Words over numbers are a header; words over words are one when they are words that name columns. */
function isHeader([first, second]: [string, string], next: [string, string] | null): boolean {
  if (isNumber(first) || isNumber(second)) return false;
  if (next !== null && isNumber(next[0]) && isNumber(next[1])) return true;
  return namesColumn(first) && namesColumn(second);
}

const columnWords =
  /^(from|to|source|target|src|dst|dest|destination|follower|follows|followee|followed|following|friend|who|whom|user|node|account|person|people|handle|name|id|vertex|start|end)$/;

function namesColumn(name: string): boolean {
  const words = wordsOf(name);
  return words.length > 0 && words.some((word) => columnWords.test(word)) && words.every(isColumnPart);
}

function isColumnPart(word: string): boolean {
  return columnWords.test(word) || /^([0-9]+|[ab]|name)$/.test(word);
}

/** `FromNodeId`, `from_node_id`, `id_1`: the words in it, lower case. */
export function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z])([A-Z0-9])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

function saidBy(comment: string): PairsRead['said'] {
  if (/\bundirected\b/i.test(comment)) return 'undirected';
  if (/\bdirected\b/i.test(comment)) return 'directed';
  return null;
}
