// Home: a place to write, and the timeline below it.
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { Composer } from './composer.tsx';
import { FeedView } from './feed-view.tsx';
import { Heading } from './heading.tsx';
import { homeFeed } from './home-feed.ts';
import { visit } from './visit.ts';

export function Home(): JSX.Element {
  useEffect(() => {
    // Who comes here anew, and not back, comes for the newest.
    if (!visit.get().returned) homeFeed.reveal();
  }, []);
  return (
    <>
      <Heading title="Home" />
      <Composer />
      <FeedView
        feed={homeFeed}
        label="Home timeline"
        empty={
          <>
            <h2>It is quiet here</h2>
            <p>Follow people, and what they post appears here the moment they post it.</p>
            <p class="state-links">
              <a class="button" href="#/search">
                Find people
              </a>
              <a class="button quiet" href="#/public">
                See what everyone says
              </a>
            </p>
          </>
        }
      />
    </>
  );
}
