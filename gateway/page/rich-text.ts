// Draws the safe pieces of a post or a note; links to people and tags of this server stay in the page.
import { type ComponentChild, h, type JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Mention } from './entities.ts';
import { type Piece, safePieces } from './markup.ts';
import { routeAddress, routeOfPath } from './route.ts';

interface RichTextProps {
  readonly html: string;
  readonly mentions?: readonly Mention[];
  /** Links as mere words, for text that is inside a link itself. */
  readonly plain?: boolean;
  /** So that it is read aloud and broken into lines as its language wants. */
  readonly language?: string | null;
}

export function RichText({
  html,
  mentions = [],
  plain = false,
  language = null,
}: RichTextProps): JSX.Element {
  const pieces = useMemo(() => {
    // A parsed document of its own runs nothing and loads nothing.
    const parsed = new DOMParser().parseFromString(html, 'text/html');
    return safePieces(parsed.body);
  }, [html]);
  return h(
    'div',
    { class: 'rich', ...(language ? { lang: language } : {}) },
    ...drawn(pieces, plain ? null : mentions),
  );
}

/** `mentions` null: no links. */
function drawn(pieces: readonly Piece[], mentions: readonly Mention[] | null): ComponentChild[] {
  return pieces.map((piece) => drawnPiece(piece, mentions));
}

function drawnPiece(piece: Piece, mentions: readonly Mention[] | null): ComponentChild {
  switch (piece.kind) {
    case 'text':
      return piece.text;
    case 'break':
      return h('br', null);
    case 'paragraph':
      return h('p', { class: piece.classes, dir: 'auto' }, ...drawn(piece.pieces, mentions));
    case 'span':
      return h('span', { class: piece.classes }, ...drawn(piece.pieces, mentions));
    case 'link': {
      const inside = drawn(piece.pieces, mentions);
      if (mentions === null) return h('span', { class: piece.classes }, ...inside);
      const inPage = addressInPage(piece.href, mentions);
      const away = inPage === null ? { target: '_blank', rel: 'nofollow noopener noreferrer' } : {};
      return h('a', { class: piece.classes, href: inPage ?? piece.href, ...away }, ...inside);
    }
  }
}

/** The page's own address for a link that it can show itself. */
function addressInPage(href: string, mentions: readonly Mention[]): string | null {
  const mention = mentions.find(({ url }) => url === href);
  if (mention) return routeAddress({ kind: 'profile', acct: mention.acct, tab: 'posts' });
  const url = new URL(href);
  const route = url.origin === location.origin ? routeOfPath(url.pathname) : null;
  return route && routeAddress(route);
}
