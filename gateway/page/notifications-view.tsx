// Notifications: who did what to whose post, and the post.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Ago } from './ago.tsx';
import { Avatar } from './avatar.tsx';
import { displayName } from './display-name.ts';
import { type Notification, postOf } from './entities.ts';
import { Older } from './feed-view.tsx';
import { Heading } from './heading.tsx';
import { Icon, type IconName } from './icon.tsx';
import { clearInbox, dismiss, extendInbox, inbox, loadInbox, markSeen } from './inbox.ts';
import { confirmed } from './overlay.ts';
import { PostCard } from './post-card.tsx';
import { RichText } from './rich-text.ts';
import { routeAddress } from './route.ts';
import { Empty, Failed, Loading } from './states.tsx';
import { useStore } from './store.ts';

export function NotificationsView(): JSX.Element {
  const { entries, older, phase, words, unseen } = useStore(inbox);
  // What was new when one came stays marked while one looks.
  const fresh = useRef(new Set<string>());
  for (const { id } of entries.slice(0, unseen)) fresh.current.add(id);
  useEffect(() => {
    if (unseen > 0 && document.visibilityState === 'visible') markSeen();
  }, [unseen]);
  return (
    <>
      <Heading title="Notifications">
        {entries.length > 0 && (
          <button type="button" class="quiet" onClick={() => void askToClear()}>
            Clear all
          </button>
        )}
      </Heading>
      <section class="feed" aria-label="Notifications">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} fresh={fresh.current.has(entry.id)} />
        ))}
        {phase === 'loading' && <Loading of="notifications" />}
        {phase === 'failed' && (
          <Failed words={words} again={() => void (entries.length > 0 ? extendInbox() : loadInbox())} />
        )}
        {phase === 'ready' && older !== null && <Older extend={() => void extendInbox()} />}
        {phase === 'ready' && entries.length === 0 && (
          <Empty>
            <h2>Nothing yet</h2>
            <p>When somebody follows you, mentions you, or likes what you post, it says so here.</p>
          </Empty>
        )}
      </section>
    </>
  );
}

async function askToClear(): Promise<void> {
  const words = 'They go on all your devices. The posts themselves stay.';
  if (await confirmed({ title: 'Clear all notifications?', words, deed: 'Clear all' })) await clearInbox();
}

const happened: Readonly<Record<string, { readonly icon: IconName; readonly words: string }>> = {
  follow: { icon: 'person', words: 'follows you' },
  favourite: { icon: 'heart', words: 'likes your post' },
  reblog: { icon: 'boost', words: 'boosted your post' },
  mention: { icon: 'reply', words: 'mentioned you' },
};

function Entry({ entry, fresh }: { readonly entry: Notification; readonly fresh: boolean }): JSX.Element {
  const { account, status, type, created_at, id } = entry;
  const { icon, words } = happened[type] ?? { icon: 'bell', words: 'did something new to this page' };
  return (
    <div class={fresh ? 'notification notification-fresh' : 'notification'} data-kind={type}>
      <div class="notification-head">
        <Icon name={icon} />
        <p>
          <a href={routeAddress({ kind: 'profile', acct: account.acct, tab: 'posts' })}>
            <Avatar account={account} />
            <bdi class="post-name">{displayName(account)}</bdi>
          </a>{' '}
          {words} · <Ago at={created_at} />
        </p>
        <button
          type="button"
          class="act"
          aria-label="Dismiss"
          title="Dismiss"
          onClick={() => void dismiss(id)}
        >
          <Icon name="close" />
        </button>
      </div>
      {status && type === 'mention' && <PostCard entry={status} />}
      {status && type !== 'mention' && (
        <a class="notification-post" href={routeAddress({ kind: 'post', id: postOf(status).id })}>
          <Excerpt html={postOf(status).content} warning={postOf(status).spoiler_text} />
        </a>
      )}
    </div>
  );
}

/** Its own words, without links: the whole of it is one. */
function Excerpt({ html, warning }: { readonly html: string; readonly warning: string }): JSX.Element {
  return warning === '' ? <RichText html={html} plain /> : <p>{warning}</p>;
}
