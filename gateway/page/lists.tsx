// The plain lists: everybody's posts, a tag's, one's own favourites and bookmarks, the muted and the blocked.
import type { JSX } from 'preact';
import { blockedAccounts, bookmarks, favourites, mutedAccounts, publicTimeline, tagTimeline } from './api.ts';
import { FeedView } from './feed-view.tsx';
import { Heading } from './heading.tsx';
import { PeopleView } from './people-view.tsx';
import type { Visit } from './visit.ts';
import { feedOf, peopleOf } from './visit-feed.ts';

interface ListProps {
  readonly at: Visit;
}

/** What everybody says comes too fast to be read as it comes: it waits until it is asked for. */
const always = (): boolean => true;
const never = (): boolean => false;

export function Public({ at }: ListProps): JSX.Element {
  const feed = feedOf(`${at.key}/public`, {
    page: publicTimeline,
    live: { stream: 'public' },
    reading: always,
  });
  return (
    <>
      <Heading title="Everyone" />
      <FeedView
        feed={feed}
        label="Everyone’s posts"
        empty={<p>Nobody has posted yet. You could be the first.</p>}
      />
    </>
  );
}

export function Tag({ at, tag }: ListProps & { readonly tag: string }): JSX.Element {
  const feed = feedOf(`${at.key}/tag/${tag}`, {
    page: (older) => tagTimeline(tag, older),
    live: { stream: 'hashtag', tag: tag.toLowerCase() },
    reading: always,
  });
  return (
    <>
      <Heading title={`#${tag}`} back />
      <FeedView feed={feed} label={`Posts with #${tag}`} empty={<p>Nobody has used #{tag} yet.</p>} />
    </>
  );
}

export function Favourites({ at }: ListProps): JSX.Element {
  const feed = feedOf(`${at.key}/favourites`, { page: favourites, reading: never });
  return (
    <>
      <Heading title="Favourites" back />
      <FeedView
        feed={feed}
        label="Favourites"
        empty={<p>Posts that you favourite are kept here. Only you see the list.</p>}
      />
    </>
  );
}

export function Bookmarks({ at }: ListProps): JSX.Element {
  const feed = feedOf(`${at.key}/bookmarks`, { page: bookmarks, reading: never });
  return (
    <>
      <Heading title="Bookmarks" />
      <FeedView
        feed={feed}
        label="Bookmarks"
        empty={<p>Bookmark a post to find it again. Nobody else sees your bookmarks.</p>}
      />
    </>
  );
}

export function Muted({ at }: ListProps): JSX.Element {
  return (
    <>
      <Heading title="Muted people" back />
      <PeopleView
        people={peopleOf(`${at.key}/muted`, mutedAccounts)}
        label="Muted people"
        empty={<p>You have muted nobody.</p>}
      />
    </>
  );
}

export function Blocked({ at }: ListProps): JSX.Element {
  return (
    <>
      <Heading title="Blocked people" back />
      <PeopleView
        people={peopleOf(`${at.key}/blocked`, blockedAccounts)}
        label="Blocked people"
        empty={<p>You have blocked nobody.</p>}
      />
    </>
  );
}
