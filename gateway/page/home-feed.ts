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
