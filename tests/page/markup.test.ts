// The sanitiser: of any markup only a few harmless pieces come through. Real HTML in a real browser is page.test.ts's.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  deepest,
  type MarkupNode,
  mostNodes,
  type Piece,
  safeAddress,
  safePieces,
} from '../../gateway/page/markup.ts';

type Child = MarkupNode | string;

function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly Child[]
): MarkupNode {
  return {
    nodeType: 1,
    nodeName: name.toUpperCase(),
    nodeValue: null,
    childNodes: children.map((child) => (typeof child === 'string' ? text(child) : child)),
    getAttribute: (wanted) => attributes[wanted] ?? null,
  };
}

function text(value: string): MarkupNode {
  return { nodeType: 3, nodeName: '#text', nodeValue: value, childNodes: [] };
}

const body = (...children: readonly Child[]): MarkupNode => element('body', {}, ...children);

/** What a reader would read. */
function words(pieces: readonly Piece[]): string {
  return pieces
    .map((piece) => {
      if (piece.kind === 'text') return piece.text;
      return piece.kind === 'break' ? '\n' : words(piece.pieces);
    })
    .join('');
}

describe('the sanitiser', () => {
  test('keeps paragraphs, breaks, links and spans with the classes that Mastodon uses', () => {
    const link = element(
      'a',
      { href: 'https://x.org/', class: 'u-url mention compose', onclick: 'evil()' },
      'x',
    );

    expect(safePieces(body(element('p', { style: 'color:red' }, 'a', element('br', {}), link)))).toEqual([
      {
        kind: 'paragraph',
        classes: '',
        pieces: [
          { kind: 'text', text: 'a' },
          { kind: 'break' },
          {
            kind: 'link',
            href: 'https://x.org/',
            classes: 'u-url mention',
            pieces: [{ kind: 'text', text: 'x' }],
          },
        ],
      },
    ]);
  });

  test('keeps the words of harmless elements, and drops others with all that is in them', () => {
    const pieces = safePieces(
      body(
        element('strong', {}, 'kept'),
        element('script', {}, 'evil()'),
        element('style', {}, 'p { }'),
        element('svg', {}, element('p', {}, 'dropped')),
        element('form', {}, element('button', {}, 'dropped')),
      ),
    );

    expect(words(pieces)).toBe('kept');
  });

  test('makes words of links that lead anywhere but to the web', () => {
    for (const href of [
      'javascript:alert(1)',
      'data:text/html,x',
      '/settings',
      '#/settings',
      'java\nscript:x',
      'vbscript:x',
      '//x.org',
      'ftp://x.org',
      '',
    ]) {
      expect(safePieces(body(element('a', { href }, 'word')))).toEqual([{ kind: 'text', text: 'word' }]);
    }
    expect(safeAddress('HTTPS://X.org/a b')).toBe('https://x.org/a%20b');
  });

  test('ignores comments', () => {
    const comment: MarkupNode = { nodeType: 8, nodeName: '#comment', nodeValue: 'x', childNodes: [] };
    expect(safePieces(body(comment))).toEqual([]);
  });

  test('cuts what is too deep or too much', () => {
    let deep: MarkupNode = element('span', {}, 'bottom');
    for (let level = 0; level < deepest + 5; level++) deep = element('span', {}, 'x', deep);
    expect(words(safePieces(body(deep)))).not.toContain('bottom');

    const wide = body(...Array.from({ length: mostNodes + 100 }, () => 'x'));
    expect(safePieces(wide)).toHaveLength(mostNodes);
  });

  test('whatever it is given, yields nothing but known pieces with web addresses and known classes', () => {
    const name = fc.constantFrom(
      'p',
      'a',
      'span',
      'br',
      'div',
      'script',
      'img',
      'iframe',
      'math',
      'b',
      'template',
      'object',
    );
    const attributes = fc.record({
      href: fc.oneof(
        fc.constantFrom('javascript:x', ' https://x.org', 'https://x.org', 'data:x'),
        fc.string(),
      ),
      class: fc.oneof(fc.constantFrom('mention', 'dialog', 'u-url primary'), fc.string()),
      onclick: fc.string(),
    });
    const { node } = fc.letrec<{ node: Child }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        fc.string(),
        fc
          .tuple(name, attributes, fc.array(tie('node'), { maxLength: 4 }))
          .map(([tag, given, inside]) => element(tag, given, ...inside)),
      ),
    }));
    const check = (pieces: readonly Piece[]): void => {
      for (const piece of pieces) {
        if (piece.kind === 'text' || piece.kind === 'break') continue;
        expect(piece.classes).toMatch(/^(?:(?:mention|hashtag|u-url|h-card|invisible|ellipsis)(?: |$))*$/);
        if (piece.kind === 'link') expect(piece.href).toMatch(/^https?:\/\//);
        check(piece.pieces);
      }
    };
    fc.assert(
      fc.property(fc.array(node, { maxLength: 5 }), (children) => check(safePieces(body(...children)))),
    );
  });
});
