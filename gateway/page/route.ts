// Routes: what the part of the address after # means. Which visit is current is visit.ts's.

export const profileTabs = ['posts', 'replies', 'followers', 'following'] as const;
export type ProfileTab = (typeof profileTabs)[number];

export type Route =
  | { readonly kind: 'home' }
  | { readonly kind: 'public' }
  | { readonly kind: 'notifications' }
  | { readonly kind: 'bookmarks' }
  | { readonly kind: 'favourites' }
  | { readonly kind: 'settings' }
  | { readonly kind: 'blocked' }
  | { readonly kind: 'muted' }
  | { readonly kind: 'search'; readonly query: string }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'post'; readonly id: string }
  | { readonly kind: 'profile'; readonly acct: string; readonly tab: ProfileTab }
  | { readonly kind: 'unknown' };

const plain = ['public', 'notifications', 'bookmarks', 'favourites', 'settings', 'blocked', 'muted'] as const;

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const parts = path.split('/').filter(Boolean).map(decoded);
  const [first, second, ...rest] = parts;
  if (first === undefined) return { kind: 'home' };
  if (rest.length > 0) return { kind: 'unknown' };
  if (first.startsWith('@') && first.length > 1) {
    const tab = second === undefined ? 'posts' : profileTabs.find((name) => name === second);
    return tab ? { kind: 'profile', acct: first.slice(1), tab } : { kind: 'unknown' };
  }
  if (first === 'tag' && second !== undefined) return { kind: 'tag', tag: second };
  if (first === 'post' && second !== undefined && /^\d+$/.test(second)) return { kind: 'post', id: second };
  if (second !== undefined) return { kind: 'unknown' };
  if (first === 'search') return { kind: 'search', query: new URLSearchParams(query).get('q') ?? '' };
  const kind = plain.find((name) => name === first);
  return kind ? { kind } : { kind: 'unknown' };
}

export function routeAddress(route: Route): string {
  switch (route.kind) {
    case 'home':
    case 'unknown':
      return '#/';
    case 'search':
      return route.query ? `#/search?${new URLSearchParams({ q: route.query })}` : '#/search';
    case 'tag':
      return `#/tag/${encodeURIComponent(route.tag)}`;
    case 'post':
      return `#/post/${route.id}`;
    case 'profile':
      return `#/@${encodeURIComponent(route.acct)}${route.tab === 'posts' ? '' : `/${route.tab}`}`;
    default:
      return `#/${route.kind}`;
  }
}

/** The route of an address that the server hands out for a profile, a post or a tag, so that such links open in the page. */
export function routeOfPath(pathname: string): Route | null {
  const [first, second, ...rest] = pathname.split('/').filter(Boolean).map(decoded);
  if (first === undefined || rest.length > 0) return null;
  if (first === 'tags' && second !== undefined) return { kind: 'tag', tag: second };
  if (!first.startsWith('@') || first.length < 2) return null;
  if (second === undefined) return { kind: 'profile', acct: first.slice(1), tab: 'posts' };
  return /^\d+$/.test(second) ? { kind: 'post', id: second } : null;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
