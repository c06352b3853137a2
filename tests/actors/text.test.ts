// Text as Mastodon reads it: what counts, what is a link, a mention, a hashtag.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countCharacters,
  countGraphemes,
  localHandle,
  mentionsOf,
  tagName,
  tagsOf,
} from '../../actors/text.ts';
import { entitiesOf } from '../../actors/text-entities.ts';

const found = (text: string): string[] => entitiesOf(text).map(({ kind, value }) => `${kind} ${value}`);

describe('counting', () => {
  it.each([
    ['plain letters count one each', 'hello', 5],
    ['a link counts 23, however long', `https://example.org/${'a'.repeat(300)}`, 23],
    ['a link counts 23, however short', 'http://a.co', 23],
    ['text around a link counts as it is', 'see https://example.org/page?x=1#y now', 4 + 23 + 4],
    ['the full stop after a link is not part of it', 'https://example.org/a.', 24],
    ['a mention counts without its host', '@alice@example.org hi', 9],
    ['a family emoji counts one', '👨‍👩‍👧‍👦', 1],
    ['a flag counts one', '🇩🇪', 1],
    ['a letter with a combining mark counts one', 'e\u0301', 1],
    ['a line break counts one', 'a\nb', 3],
    ['so does CR LF', 'a\r\nb', 3],
    ['letters beyond the first plane count one', '𝔘𝔫𝔦', 3],
    ['hashtags count as they are', '#tag', 4],
  ])('%s', (_, text, characters) => {
    expect(countCharacters(text)).toBe(characters);
  });

  it('counts graphemes as the segmenter does, on any text', () => {
    const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        expect(countGraphemes(text)).toBe([...segmenter.segment(text)].length);
      }),
    );
  });
});

describe('entities', () => {
  it.each([
    ['https://example.org/a_(b)?x=1&y=2.', ['url https://example.org/a_(b)?x=1&y=2']],
    ['(see https://example.org/x)', ['url https://example.org/x']],
    ['“https://example.org/x”', ['url https://example.org/x']],
    ['https://münchen.de/straße', ['url https://münchen.de/straße']],
    ['http://localhost:8080/@alice/1', ['url http://localhost:8080/@alice/1']],
    ['https://foo and example.org', []],
    ['xhttps://example.org', []],
    ['mailto:a@example.org and a@example.org', []],
    ['@alice, @Bob_1! @carl@example.org.', ['mention alice', 'mention Bob_1', 'mention carl@example.org']],
    ['https://example.org/@alice', ['url https://example.org/@alice']],
    ['x=@alice /@alice a@alice', []],
    ['#Fun #1 #1_2 #日本 ＃wide x#no #a-b', ['tag Fun', 'tag 1_2', 'tag 日本', 'tag wide', 'tag a']],
    ['#tag#tag', ['tag tag']],
    ['https://example.org/#fragment', ['url https://example.org/#fragment']],
  ])('of %s', (text, entities) => {
    expect(found(text)).toEqual(entities);
  });

  it('never overlap, and name the place at which they stand', () => {
    const parts = fc.constantFrom(
      '@a',
      '#t',
      'https://ex.org/',
      '(',
      ')',
      '.',
      ' ',
      'b',
      '@',
      '#',
      '/',
      '·',
      'é',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('');
        let at = 0;
        for (const { kind, start, end, value } of entitiesOf(text)) {
          expect(start).toBeGreaterThanOrEqual(at);
          expect(text.slice(start, end)).toBe(kind === 'url' ? value : text.charAt(start) + value);
          at = end;
        }
      }),
    );
  });

  it.each([
    '@a'.repeat(10_000),
    `https://${'a.'.repeat(9000)}`,
    `@a${'-'.repeat(19_000)}`,
    `@a@${'.'.repeat(19_000)}`,
    `#a${'·'.repeat(19_000)}`,
    `https://ex.org/${'('.repeat(19_000)}`,
    'https://a'.repeat(2000),
    `https://${`a${'-'.repeat(60)}.`.repeat(300)}`,
  ])('take time in proportion to the text, whatever it is (%#)', (text) => {
    // A text ten times as long would take a hundred times as long if it were not so: minutes, not moments.
    entitiesOf(text);
    entitiesOf(text.repeat(10));
  });
});

describe('hashtags', () => {
  it('are given once each, in lower case and unified form', () => {
    expect(tagsOf('#A #a #ＦＯＯ #foo #Straße')).toEqual(['a', 'foo', 'straße']);
  });

  it('have the same name however they are written in an address', () => {
    expect(tagName('#Foo')).toBe('foo');
    expect(tagName('Ünï-code')).toBe('ünïcode');
    expect(tagName('...')).toBe('');
  });

  it('longer than 100 characters are plain text', () => {
    expect(tagsOf(`#${'a'.repeat(101)}`)).toEqual([]);
    expect(tagsOf(`#${'a'.repeat(100)}`)).toHaveLength(1);
  });
});

describe('mentions', () => {
  it('are those of our own people, once each', () => {
    expect(mentionsOf('@a @B @b @c@here.org @d@there.org', { host: 'here.org' })).toEqual(['a', 'B', 'c']);
  });

  it('know our host with and without its port, in any case', () => {
    expect(localHandle('@a@Here.org', { host: 'here.org:8080' })).toBe('a');
    expect(localHandle('a@here.org:8080', { host: 'here.org:8080' })).toBe('a');
    expect(localHandle('a@there.org', { host: 'here.org' })).toBeNull();
    expect(localHandle('@', { host: 'here.org' })).toBeNull();
    expect(localHandle('a@', { host: 'here.org' })).toBeNull();
  });
});
