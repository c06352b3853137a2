// A timeline on the page: reads its pages, takes what the stream brings, and applies what happens to its posts. Merging is timeline.ts's.
import type { Status } from './entities.ts';
import { listen } from './happening.ts';
import { type Channel, channelName, watchChannel } from './live.ts';
import type { Reply } from './server.ts';
import { createStore, type Store } from './store.ts';
import { advanceTimeline, emptyTimeline, type Timeline, type TimelineEvent } from './timeline.ts';

export type FeedPhase =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'extending' }
  | { readonly kind: 'failed'; readonly words: string; readonly tried: 'load' | 'extend' };

export interface Feed {
  readonly timeline: Store<Timeline>;
  readonly phase: Store<FeedPhase>;
  /** Whether it was ever read, or is being read. */
  begun(): boolean;
  /** Reads the newest page, and keeps what it can of what is there. */
  load(): Promise<void>;
  /** Reads the next older page, if there is one and none is being read. */
  extend(): Promise<void>;
  /** Shows what waits at the top. */
  reveal(): void;
  /** Starts to receive what is said on its channel; until the returned function is called. */
  attend(): () => void;
  /** Ends it: nothing is applied to it any more. */
  end(): void;
}

export interface FeedSource {
  /** The newest page, or the one at this address. */
  readonly page: (older: string | null) => Promise<Reply<readonly Status[]>>;
  /** What is live on it: the user's own stream, a channel, or nothing. */
  readonly live?: 'user' | Channel;
  /** Whether somebody reads further down just now, so that new posts must wait. */
  readonly reading: () => boolean;
}

export function createFeed({ page, live, reading }: FeedSource): Feed {
  const timeline = createStore(emptyTimeline);
  const phase = createStore<FeedPhase>({ kind: 'loading' });
  const stream = typeof live === 'object' ? channelName(live) : live;
  const apply = (event: TimelineEvent): void => timeline.set(advanceTimeline(timeline.get(), event));
  /** Counts the reads of the newest page: an answer that was overtaken is dropped. */
  let reads = 0;

  const load = async (): Promise<void> => {
    const read = ++reads;
    if (timeline.get().shown.length === 0) phase.set({ kind: 'loading' });
    apply({ kind: 'refreshing' });
    const reply = await page(null);
    if (read !== reads) return;
    if (reply.kind === 'done') {
      apply({ kind: 'refreshed', statuses: reply.value, older: reply.older, hold: reading() });
      phase.set({ kind: 'ready' });
    } else {
      phase.set({ kind: 'failed', words: reply.words, tried: 'load' });
    }
  };

  const extend = async (): Promise<void> => {
    const { older } = timeline.get();
    if (older === null || phase.get().kind === 'extending' || phase.get().kind === 'loading') return;
    phase.set({ kind: 'extending' });
    const reply = await page(older);
    if (reply.kind === 'done' && timeline.get().older === older) {
      apply({ kind: 'extended', statuses: reply.value, older: reply.older });
    }
    phase.set(
      reply.kind === 'done' ? { kind: 'ready' } : { kind: 'failed', words: reply.words, tried: 'extend' },
    );
  };

  const end = listen((happening) => {
    switch (happening.kind) {
      case 'arrived':
        if (happening.stream === stream)
          apply({ kind: 'arrived', statuses: happening.statuses, hold: reading() });
        break;
      case 'changed':
      case 'edited':
      case 'deleted':
      case 'silenced':
        apply(happening);
        break;
      case 'unfollowed':
        if (live === 'user') apply(happening);
        break;
      case 'followed':
      case 'reload':
        if (live === 'user') void load();
        break;
      case 'posted':
        if (live === 'user') apply({ kind: 'arrived', statuses: [happening.status], hold: reading() });
        break;
      case 'notified':
      case 'connected':
        break;
    }
  });

  return {
    timeline,
    phase,
    begun: () => reads > 0,
    load,
    extend,
    end,
    reveal: () => {
      apply({ kind: 'revealed' });
      if (timeline.get().shown.length === 0) void load();
    },
    attend: () => {
      if (typeof live !== 'object') return () => {};
      const unwatch = watchChannel(live);
      // What went by while nobody listened is read.
      const unlisten = listen((happening) => {
        if (happening.kind === 'connected') void load();
      });
      return () => {
        unwatch();
        unlisten();
      };
    },
  };
}
