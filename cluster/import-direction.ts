// Which way the pairs of a file point: each a follow, or each a friendship that counts both ways. Never decided without saying why.
import { type Header, type PairsRead, wordsOf } from './import-pairs.ts';

export interface Direction {
  /** Every pair is a follow in both directions. */
  isMutual: boolean;
  /** The second of each pair follows the first. */
  isSwapped: boolean;
  /** For the report: `each line is a follow in both directions, because ...`. */
  why: string;
}

export interface Evidence {
  /** From the command line; null: look at the file. */
  wanted: 'mutual' | 'directed' | null;
  read: Pick<PairsRead, 'header' | 'said'>;
  /** How many pairs stand there the other way round, too. */
  reversed: number;
}

/**
 * In this order: what was asked for; what a comment in the file says; a header that names both roles; a header that does not tell
 * its columns apart (`id_1,id_2`) over pairs of which none is named both ways; otherwise the first follows the second.
 */
export function directionOf({ wanted, read, reversed }: Evidence): Direction {
  const roles = read.header === null ? null : rolesOf(read.header);
  const isSwapped = roles === 'swapped';
  if (wanted === 'mutual') return mutual('--mutual says so');
  if (wanted === 'directed') return { ...directed('--directed says so', isSwapped) };
  if (read.said === 'undirected') return mutual('a comment in the file calls the graph undirected');
  const names = read.header === null ? '' : `${read.header.first},${read.header.second}`;
  if (read.said === 'directed') return directed('a comment in the file calls the graph directed', isSwapped);
  if (roles === 'forward' || roles === 'swapped') return directed(`the header says so (${names})`, isSwapped);
  if (reversed > 0) {
    return directed(`${reversed.toLocaleString('en')} pairs are named in both directions`, false);
  }
  if (roles === 'equal') {
    return mutual(
      `the header (${names}) does not tell its columns apart, and no pair is named in both directions`,
    );
  }
  return directed('nothing in the file says otherwise', false);
}

function mutual(because: string): Direction {
  return {
    isMutual: true,
    isSwapped: false,
    why: `each line is a follow in both directions, because ${because}`,
  };
}

function directed(because: string, isSwapped: boolean): Direction {
  const who = isSwapped ? 'the second name follows the first' : 'the first name follows the second';
  return { isMutual: false, isSwapped, why: `${who}, because ${because}` };
}

const followerWords = new Set(['follower', 'from', 'source', 'src', 'start', 'who']);
const followeeWords = new Set([
  'followee',
  'followed',
  'follows',
  'following',
  'friend',
  'to',
  'target',
  'dst',
  'dest',
  'destination',
  'end',
  'whom',
]);

function rolesOf({ first, second }: Header): 'forward' | 'swapped' | 'equal' | null {
  const has = (name: string, words: Set<string>) => wordsOf(name).some((word) => words.has(word));
  if (has(second, followerWords) && !has(first, followerWords)) return 'swapped';
  if (has(first, followeeWords) && !has(second, followeeWords)) return 'swapped';
  if (has(first, followerWords) || has(second, followeeWords)) return 'forward';
  return stem(first) === stem(second) ? 'equal' : null;
}

/** `id_1` and `id_2` are the same but for their ends. */
function stem(name: string): string {
  return wordsOf(name)
    .filter((word) => !/^([0-9]+|[ab])$/.test(word))
    .join(' ');
}
