// Draws the safe pieces of a post or a note; links to people and tags of this server stay in the page.
import type { ComponentChild, JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Mention } from './entities.ts';
import { type Piece, safePieces } from './markup.ts';
import { routeAddress, routeOfPath } from './route.ts';

interface RichTextProps {
  readonly html: string;
  readonly mentions?: readonly Mention[];
  /** Links as mere words, for text that is inside a link itself. */
  readonly plain?: boolean;
}

export function RichText({ html, mentions = [], plain = false }: RichTextProps): JSX.Element {
  const pieces = useMemo(() => {
    // A parsed document of its own runs nothing and loads nothing.
    const parsed = new DOMParser().parseFromString(html, 'text/html');
    return safePieces(parsed.body);
  }, [html]);
  return <div class="rich">{drawn(pieces, plain ? null : mentions)}</div>;
}

/** `mentions` null: no links. */
function drawn(pieces: readonly Piece[], mentions: readonly Mention[] | null): ComponentChild[] {
  return pieces.map((piece) => {
    switch (piece.kind) {
      case 'text':
        return piece.text;
      case 'break':
        return <br />;
      case 'paragraph':
        return <p class={piece.classes}>{drawn(piece.pieces, mentions)}</p>;
      case 'span':
        return <span class={piece.classes}>{drawn(piece.pieces, mentions)}</span>;
      case 'link': {
        if (mentions === null) return <span class={piece.classes}>{drawn(piece.pieces, null)}</span>;
        const inner = addressInPage(piece.href, mentions);
        const away = inner === null ? { target: '_blank', rel: 'nofollow noopener noreferrer' } : {};
        return (
          <a class={piece.classes} href={inner ?? piece.href} {...away}>
            {drawn(piece.pieces, mentions)}
          </a>
        );
      }
    }
  });
}

/** The page's own address for a link that it can show itself. */
function addressInPage(href: string, mentions: readonly Mention[]): string | null {
  const mention = mentions.find(({ url }) => url === href);
  if (mention) return routeAddress({ kind: 'profile', acct: mention.acct, tab: 'posts' });
  const url = new URL(href);
  const route = url.origin === location.origin ? routeOfPath(url.pathname) : null;
  return route && routeAddress(route);
}
