// Draws a feed: new posts on demand at the top, the posts, older ones as one scrolls, and what to say when there are none.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Feed } from './feed.ts';
import { Icon } from './icon.tsx';
import { PostCard } from './post-card.tsx';
import { Empty, Failed, Loading } from './states.tsx';
import { useStore } from './store.ts';

interface FeedViewProps {
  readonly feed: Feed;
  readonly label: string;
  /** What stands here while there are no posts. */
  readonly empty: ComponentChildren;
}

export function FeedView({ feed, label, empty }: FeedViewProps): JSX.Element {
  const { shown, older } = useStore(feed.timeline);
  const phase = useStore(feed.phase);
  useEffect(() => feed.attend(), [feed]);
  return (
    <section class="feed" aria-label={label} aria-busy={phase.kind === 'loading'}>
      <NewPosts feed={feed} />
      {shown.map((entry) => (
        <PostCard key={entry.id} entry={entry} />
      ))}
      {shown.length === 0 && phase.kind === 'ready' && <Empty>{empty}</Empty>}
      {(phase.kind === 'loading' || phase.kind === 'extending') && <Loading of="posts" />}
      {phase.kind === 'failed' && <Failed words={phase.words} again={() => void feed[phase.tried]()} />}
      {phase.kind === 'ready' && older !== null && <Older extend={() => void feed.extend()} />}
      {phase.kind === 'ready' && older === null && shown.length > 10 && (
        <p class="end">That is all there is.</p>
      )}
    </section>
  );
}

function NewPosts({ feed }: { readonly feed: Feed }): JSX.Element {
  const { waiting, gap } = useStore(feed.timeline);
  const count = waiting.length;
  return (
    <div class="pill-place" aria-live="polite">
      {count > 0 && (
        <button type="button" class="pill" data-reveal onClick={() => revealNew(feed)}>
          <Icon name="up" />
          {count}
          {gap ? '+' : ''} new {count === 1 ? 'post' : 'posts'}
        </button>
      )}
    </div>
  );
}

function revealNew(feed: Feed): void {
  feed.reveal();
  window.scrollTo(0, 0);
  // The button that was pressed is gone; the newest post is what it was pressed for.
  requestAnimationFrame(() =>
    document.querySelector<HTMLElement>('.feed .post')?.focus({ preventScroll: true }),
  );
}

/** Reads on by itself shortly before one arrives here; the button is for those who come by keyboard. */
export function Older({ extend }: { readonly extend: () => void }): JSX.Element {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!button.current) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) extend();
      },
      { rootMargin: '0px 0px 900px 0px' },
    );
    observer.observe(button.current);
    return () => observer.disconnect();
  });
  return (
    <button type="button" class="older" ref={button} onClick={extend}>
      Load older
    </button>
  );
}
