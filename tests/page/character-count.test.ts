// The page counts a post as Mastodon does, and as the server will.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countCharacters } from '../../actors/text.ts';
import { characterCount } from '../../gateway/page/character-count.ts';

const counts: readonly (readonly [string, string, number])[] = [
  ['nothing', '', 0],
  ['letters', 'hello', 5],
  ['a link as 23, however long', `https://example.org/${'x'.repeat(300)}`, 23],
  ['a short link as 23 as well', 'http://a.io', 23],
  ['a link between words', 'see https://example.org now', 4 + 23 + 4],
  ['two links', 'https://a.org/1 https://b.org/2', 47],
  ['a link without the full stop after it', 'https://example.org/a.', 24],
  ['a link with the bracket it opened', 'https://example.org/a_(b)', 23],
  ['a link without the bracket around it', '(https://example.org/a)', 25],
  ['a link without its scheme as letters', 'example.org/abc', 15],
  ['a remote mention without its server', '@ada@social.example hello', '@ada hello'.length],
  ['a local mention in full', '@ada hello', 10],
  ['an address of mail as letters', 'ada@example.org', 15],
  ['a family as one', '👩‍👩‍👧‍👦', 1],
  ['a flag as one', '🇳🇱', 1],
  ['a letter with its accents as one', 'e\u0301\u0323', 1],
  ['a line break as one', 'a\nb', 3],
];

for (const [what, text, expected] of counts) {
  test(`counts ${what}`, () => {
    expect(characterCount({ text })).toBe(expected);
  });
}

test('a content warning counts as it stands, links and all', () => {
  expect(characterCount({ text: 'hello', warning: 'https://example.org/long' })).toBe(5 + 24);
});

test('a link counts what the server says it counts', () => {
  expect(characterCount({ text: 'https://example.org/long/enough', perLink: 30 })).toBe(30);
});

test('agrees with the server on any mixture of words, links, mentions, tags and punctuation', () => {
  const part = fc.oneof(
    fc.constantFrom(
      '@ada',
      '@ada@host.example',
      '@a.b-c_@x',
      '＠ada@ho.st',
      '#tag',
      '#',
      '@',
      '=',
      '/',
      'a@b.example',
    ),
    fc.constantFrom(
      'https://',
      'http://a.io',
      'https://example.org/p(q)r',
      'https://127.0.0.1:80/x?y=1&',
      'http://localhost',
    ),
    fc.constantFrom(
      'https://xn--bcher-kva.example/ü',
      'https://é.example',
      'https://a_b.example:99999999',
      '$https://x.org',
    ),
    fc.constantFrom(
      ' ',
      '\n',
      '.',
      ',',
      ')',
      '(',
      '…',
      '"',
      '!',
      '?x=',
      '#frag',
      '👍🏽',
      'e\u0301',
      '한',
      '\u200d',
      '&',
      '>',
    ),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      expect(characterCount({ text })).toBe(countCharacters(text));
    }),
    { numRuns: 3_000 },
  );
});

test('agrees with the server on a link too long to be one', () => {
  const text = `a https://example.org/${'x'.repeat(2100)} https://b.example`;
  expect(characterCount({ text })).toBe(countCharacters(text));
});
