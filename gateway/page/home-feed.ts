// The home timeline: one for as long as somebody is logged in, wherever on the page they are.
import { homeTimeline } from './api.ts';
import { createFeed } from './feed.ts';
import { visit } from './visit.ts';

/** Further down than this, somebody reads. */
const readingBelowPx = 60;

export const homeFeed = createFeed({
  page: homeTimeline,
  live: 'user',
  reading: () => visit.get().route.kind !== 'home' || window.scrollY > readingBelowPx,
});

/** A press on a link home, at home, leads back up to what is new. */
export function attendHomeLinks(): void {
  document.addEventListener('click', ({ target }) => {
    const link = target instanceof Element ? target.closest('a') : null;
    if (link?.getAttribute('href') !== '#/' || visit.get().route.kind !== 'home') return;
    homeFeed.reveal();
    window.scrollTo(0, 0);
  });
}
