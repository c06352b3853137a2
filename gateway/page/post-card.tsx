// One post as a card: who, when, what, and what one can do with it. In a thread the post one came for is drawn large.
import { Component, type JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Ago } from './ago.tsx';
import { audiences } from './audience.ts';
import { Avatar } from './avatar.tsx';
import { displayName } from './display-name.ts';
import { type Account, type Post, postOf, type Status } from './entities.ts';
import { Icon, type IconName } from './icon.tsx';
import { PostActions } from './post-actions.tsx';
import { RichText } from './rich-text.ts';
import { routeAddress } from './route.ts';
import { timeInFull } from './time-ago.ts';
import { go } from './visit.ts';

interface PostCardProps {
  readonly entry: Status;
  readonly large?: boolean;
  /** How far a reply is set in below the post it answers. */
  readonly depth?: number;
}

/** Drawn anew only when its post is another version: a long timeline stays quick. */
export class PostCard extends Component<PostCardProps> {
  override shouldComponentUpdate(next: PostCardProps): boolean {
    return (
      next.entry !== this.props.entry || next.large !== this.props.large || next.depth !== this.props.depth
    );
  }

  override render({ entry, large = false, depth = 0 }: PostCardProps): JSX.Element {
    return <Card entry={entry} large={large} depth={depth} />;
  }
}

function Card({ entry, large, depth }: Required<PostCardProps>): JSX.Element {
  const post = postOf(entry);
  const open = (): void => go({ kind: 'post', id: post.id });
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a press anywhere is for the mouse; the time is the link, and `o` opens it too.
    <article
      class={large ? 'post post-large' : 'post'}
      data-post={post.id}
      data-depth={Math.min(depth, 3)}
      tabIndex={-1}
      aria-label={`${displayName(post.account)}: ${timeInFull(Date.parse(post.created_at))}`}
      onClick={(event) => {
        if (!large && isPlainPress(event)) open();
      }}
    >
      {entry.reblog && <Booster account={entry.account} />}
      {/* biome-ignore lint/a11y/useAnchorContent: a larger target for the mouse; the name beside it is the link for everybody. */}
      <a class="post-avatar" href={profileOf(post.account)} tabIndex={-1} aria-hidden="true">
        <Avatar account={post.account} />
      </a>
      <header class="post-head">
        <a class="post-author" href={profileOf(post.account)}>
          <bdi class="post-name">{displayName(post.account)}</bdi>{' '}
          <span class="post-handle">@{post.account.acct}</span>
        </a>
        {!large && <When post={post} />}
      </header>
      <div class="post-body">
        {post.in_reply_to_id && <ReplyLine post={post} />}
        <Words post={post} />
        {large && (
          <p class="post-when">
            {timeInFull(Date.parse(post.created_at))} · <AudienceIcon post={post} />{' '}
            {audiences[post.visibility].name}
          </p>
        )}
        <PostActions post={post} />
      </div>
    </article>
  );
}

function Booster({ account }: { readonly account: Account }): JSX.Element {
  return (
    <p class="post-why">
      <Icon name="boost" />
      <span>
        <a href={profileOf(account)}>
          <bdi>{displayName(account)}</bdi>
        </a>{' '}
        boosted
      </span>
    </p>
  );
}

function ReplyLine({ post }: { readonly post: Post }): JSX.Element {
  const whom =
    post.in_reply_to_account_id === post.account.id
      ? post.account
      : post.mentions.find(({ id }) => id === post.in_reply_to_account_id);
  return (
    <p class="post-reply">
      {whom ? (
        <>
          replying to{' '}
          <a href={routeAddress({ kind: 'profile', acct: whom.acct, tab: 'posts' })}>@{whom.acct}</a>
        </>
      ) : (
        'a reply'
      )}
    </p>
  );
}

function Words({ post }: { readonly post: Post }): JSX.Element {
  const [shown, setShown] = useState(false);
  const text = <RichText html={post.content} mentions={post.mentions} language={post.language} />;
  if (post.spoiler_text === '') return text;
  return (
    <>
      <p class="post-warning">
        {post.spoiler_text}
        <button type="button" class="quiet" aria-expanded={shown} onClick={() => setShown(!shown)}>
          {shown ? 'Hide' : 'Show'}
        </button>
      </p>
      {shown && text}
    </>
  );
}

function When({ post }: { readonly post: Post }): JSX.Element {
  return (
    <span class="post-time">
      {post.visibility !== 'public' && <AudienceIcon post={post} />}
      <a href={routeAddress({ kind: 'post', id: post.id })} data-open>
        <Ago at={post.created_at} />
      </a>
    </span>
  );
}

const audienceIcons = {
  public: 'globe',
  unlisted: 'unlisted',
  private: 'lock',
  direct: 'letter',
} satisfies Record<string, IconName>;

function AudienceIcon({ post }: { readonly post: Post }): JSX.Element {
  const { name, words } = audiences[post.visibility];
  return (
    <span class="audience" title={`${name}: ${words}`}>
      <Icon name={audienceIcons[post.visibility]} />
      <span class="unseen">{name}</span>
    </span>
  );
}

function profileOf({ acct }: Pick<Account, 'acct'>): string {
  return routeAddress({ kind: 'profile', acct, tab: 'posts' });
}

/** Not on something that does something itself, and not the end of marking text. */
function isPlainPress(event: MouseEvent): boolean {
  const onControl =
    event.target instanceof Element && event.target.closest('a, button, input, textarea, select, .menu');
  return !onControl && (window.getSelection()?.isCollapsed ?? true);
}
