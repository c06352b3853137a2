// Feeds and lists of people that belong to a visit: made at the first look, found again on the way back.
import { createFeed, type Feed, type FeedSource } from './feed.ts';
import { createPeople, type People } from './people.ts';
import { createRecent } from './recent.ts';

const mostKept = 12;
const feeds = createRecent<Feed>(mostKept, (feed) => feed.end());
const peoples = createRecent<People>(mostKept);

/** `source` counts only the first time. */
export function feedOf(key: string, source: FeedSource): Feed {
  return feeds.of(key, () => {
    const feed = createFeed(source);
    void feed.load();
    return feed;
  });
}

export function peopleOf(key: string, page: Parameters<typeof createPeople>[0]): People {
  return peoples.of(key, () => {
    const people = createPeople(page);
    void people.extend();
    return people;
  });
}
