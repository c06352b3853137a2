// Words by which texts and names are found: folded to lower case, without accents, at most 200 a text.

const mostWords = 200;
const longestWord = 64;

/** Distinct words in order of appearance. */
export function wordsOf(text: string): string[] {
  const folded = text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
  const words = new Set<string>();
  for (const [word] of folded.matchAll(/[\p{L}\p{N}_]+/gu)) {
    words.add(word.slice(0, longestWord));
    if (words.size === mostWords) break;
  }
  return [...words];
}
