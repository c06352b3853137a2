// Text as HTML: what strangers write must never become markup.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderContent, renderLine } from '../../gateway/render-content.ts';

const options = { origin: 'http://here.org:8080', mentions: [{ handle: 'Bob' }] };
const html = (text: string): string => renderContent(text, options);

describe('a text', () => {
  it('has paragraphs and line breaks', () => {
    expect(html('a\nb\n\n\nc\r\nd')).toBe('<p>a<br />b</p><p>c<br />d</p>');
  });

  it('without anything in it is nothing', () => {
    expect(html(' \n ')).toBe('');
  });

  it('is escaped', () => {
    expect(html(`<script>alert("1" & '2')</script>`)).toBe(
      '<p>&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;</p>',
    );
  });

  it('links the people it names who exist, by their name as they write it, and leaves others as text', () => {
    expect(html('@bob @BOB@here.org @zed @bob@there.org')).toBe(
      '<p><span class="h-card" translate="no"><a href="http://here.org:8080/@Bob" class="u-url mention">@<span>Bob</span></a></span> ' +
        '<span class="h-card" translate="no"><a href="http://here.org:8080/@Bob" class="u-url mention">@<span>Bob</span></a></span> ' +
        '@zed @bob@there.org</p>',
    );
  });

  it('links hashtags to their page', () => {
    expect(html('#Fün')).toBe(
      '<p><a href="http://here.org:8080/tags/f%C3%BCn" class="mention hashtag" rel="tag">#<span>Fün</span></a></p>',
    );
  });

  it('shows a long link short, with all of it there to copy', () => {
    const url = 'https://www.example.org/a/rather/long/path?with=1&more=2';
    const shown = html(url);
    expect(shown).toContain('href="https://www.example.org/a/rather/long/path?with=1&amp;more=2"');
    expect(shown).toContain('rel="nofollow noopener noreferrer"');
    expect(shown).toContain('<span class="ellipsis">example.org/a/rather/long/path</span>');
    expect(shown.replace(/<[^>]+>/g, '').replaceAll('&amp;', '&')).toBe(url);
  });

  it('shows a short link whole', () => {
    expect(html('http://a.org/b')).toContain('<span class="">a.org/b</span><span class="invisible"></span>');
  });
});

it('a field of a profile has no paragraphs', () => {
  expect(renderLine('a & https://a.org', { origin: options.origin, mentions: [] })).toMatch(
    /^a &amp; <a href="https:\/\/a.org"/,
  );
});

it('no text becomes markup of its own, or loses a character', () => {
  const bits = fc.constantFrom(
    '<',
    '>',
    '"',
    "'",
    '&',
    'javascript:',
    'https://ex.org/',
    '@Bob',
    '#t',
    ' ',
    'a',
    '&lt;',
    '\\',
    '`',
    '(',
    ')',
    '=',
  );
  fc.assert(
    fc.property(fc.array(bits, { maxLength: 40 }), (parts) => {
      const text = parts.join('').trim();
      const shown = html(text);
      const tags = shown.match(/<[^>]*>/g) ?? [];
      for (const tag of tags) {
        expect(tag).toMatch(
          /^<(?:\/?p|br \/|\/?span(?: class="(?:invisible|ellipsis|h-card|)"(?: translate="no")?)?|\/a|a href="https?:\/\/[^"<>]*"(?: (?:target|rel|translate|class)="[a-z_ -]*")+)>$/,
        );
      }
      const plain = shown.replace(/<[^>]*>/g, '');
      expect(plain).not.toMatch(/[<>"']/);
      const entities: Record<string, string> = {
        '&lt;': '<',
        '&gt;': '>',
        '&quot;': '"',
        '&#39;': "'",
        '&amp;': '&',
      };
      expect(plain.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => entities[entity] ?? '')).toBe(text);
    }),
  );
});
