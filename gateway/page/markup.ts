// Sanitiser: the HTML of a post or a note, already parsed, as a tree of the few pieces the page shows. Nothing of the HTML itself
// reaches the page: what is not on the list below does not come through. Drawing the pieces is rich-text.ts's.

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'break' }
  | { readonly kind: 'paragraph' | 'span'; readonly classes: string; readonly pieces: readonly Piece[] }
  | {
      readonly kind: 'link';
      readonly href: string;
      readonly classes: string;
      readonly pieces: readonly Piece[];
    };

/** What is read of a DOM node; an element of any other parser will do as well. */
export interface MarkupNode {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly nodeValue: string | null;
  readonly childNodes: ArrayLike<MarkupNode>;
  getAttribute?(name: string): string | null;
}

/** Deeper than this, and after this many nodes, the rest is left out. */
export const deepest = 24;
export const mostNodes = 4_000;

/** Classes that Mastodon's own markup uses; any other could borrow the looks of the page's controls. */
const knownClasses = new Set(['mention', 'hashtag', 'u-url', 'h-card', 'invisible', 'ellipsis']);
/** Elements that are dropped for their contents. All that is on neither list goes with what is in it. */
const transparent = new Set(
  'B I EM STRONG U S DEL CODE PRE BLOCKQUOTE UL OL LI H1 H2 H3 H4 H5 H6 DIV SMALL SUB SUP'.split(' '),
);

export function safePieces(parent: MarkupNode): readonly Piece[] {
  const budget = { nodes: mostNodes };
  return piecesOf(parent, 0, budget);
}

function piecesOf(parent: MarkupNode, depth: number, budget: { nodes: number }): readonly Piece[] {
  if (depth > deepest) return [];
  const pieces: Piece[] = [];
  for (let index = 0; index < parent.childNodes.length && budget.nodes > 0; index++) {
    const node = parent.childNodes[index];
    if (!node) continue;
    budget.nodes--;
    pieces.push(...pieceOf(node, depth, budget));
  }
  return pieces;
}

const elementNode = 1;
const textNode = 3;

function pieceOf(node: MarkupNode, depth: number, budget: { nodes: number }): readonly Piece[] {
  if (node.nodeType === textNode) return [{ kind: 'text', text: node.nodeValue ?? '' }];
  if (node.nodeType !== elementNode) return [];
  const name = node.nodeName.toUpperCase();
  if (name === 'BR') return [{ kind: 'break' }];
  if (name !== 'P' && name !== 'SPAN' && name !== 'A' && !transparent.has(name)) return [];
  const pieces = piecesOf(node, depth + 1, budget);
  const classes = classesOf(node);
  if (name === 'P') return [{ kind: 'paragraph', classes, pieces }];
  if (name === 'SPAN') return [{ kind: 'span', classes, pieces }];
  const href = name === 'A' ? safeAddress(node.getAttribute?.('href') ?? null) : null;
  return href === null ? pieces : [{ kind: 'link', href, classes, pieces }];
}

/** Absolute web addresses only: no scripts, no data, nothing relative to the page. */
export function safeAddress(address: string | null): string | null {
  if (address === null) return null;
  try {
    const { protocol, href } = new URL(address);
    return protocol === 'http:' || protocol === 'https:' ? href : null;
  } catch {
    return null;
  }
}

function classesOf(node: MarkupNode): string {
  const given = node.getAttribute?.('class') ?? '';
  return given
    .split(/\s+/)
    .filter((name) => knownClasses.has(name))
    .join(' ');
}
