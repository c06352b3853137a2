// Addresses of the page: each route has one, and each one leads back to its route.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRoute, profileTabs, type Route, routeAddress, routeOfPath } from '../../gateway/page/route.ts';

const word = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });

const route: fc.Arbitrary<Route> = fc.oneof(
  fc.constantFrom<Route>(
    { kind: 'home' },
    { kind: 'public' },
    { kind: 'notifications' },
    { kind: 'bookmarks' },
    { kind: 'favourites' },
    { kind: 'settings' },
    { kind: 'blocked' },
    { kind: 'muted' },
  ),
  fc.string({ unit: 'grapheme' }).map((query): Route => ({ kind: 'search', query })),
  word.map((tag): Route => ({ kind: 'tag', tag })),
  fc.bigInt({ min: 1n, max: 2n ** 112n }).map((id): Route => ({ kind: 'post', id: String(id) })),
  fc
    .tuple(word, fc.constantFrom(...profileTabs))
    .map(([acct, tab]): Route => ({ kind: 'profile', acct, tab })),
);

test('an address leads back to the route it was made of', () => {
  fc.assert(
    fc.property(route, (made) => {
      expect(parseRoute(routeAddress(made))).toEqual(made);
    }),
  );
});

test('any address is some route', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('/', '%', '@', '?', 'a', '1', '%E2', 'é', 'post', 'tag') }),
      (hash) => {
        expect(parseRoute(`#${hash}`).kind).toBeTypeOf('string');
      },
    ),
  );
});

test('what is no address of the page is unknown', () => {
  for (const hash of ['#/nowhere', '#/post/abc', '#/@ada/drafts', '#/public/more', '#/@', '#/tag/a/b']) {
    expect([hash, parseRoute(hash)]).toEqual([hash, { kind: 'unknown' }]);
  }
});

test('the addresses that the server gives to people, posts and tags lead into the page', () => {
  expect(routeOfPath('/@ada')).toEqual({ kind: 'profile', acct: 'ada', tab: 'posts' });
  expect(routeOfPath('/@ada/123')).toEqual({ kind: 'post', id: '123' });
  expect(routeOfPath('/tags/caf%C3%A9')).toEqual({ kind: 'tag', tag: 'café' });
  for (const path of ['/', '/about', '/@', '/@ada/with_replies', '/tags', '/a/b/c'])
    expect(routeOfPath(path)).toBeNull();
});
