// What one can do with a post: reply, boost, favourite, bookmark, and the rarer deeds behind "More".
import type { JSX } from 'preact';
import { deletePost, relateTo, toggleMark } from './deed.ts';
import type { Account, Post, Relationship } from './entities.ts';
import { Icon, type IconName } from './icon.tsx';
import { Menu, type MenuItem } from './menu.tsx';
import { notify } from './notice.ts';
import { confirmed, overlay } from './overlay.ts';
import { session } from './session.ts';
import { useStore } from './store.ts';

export function PostActions({ post }: { readonly post: Post }): JSX.Element {
  const person = useStore(session);
  const ownId = person.kind === 'person' ? person.account.id : null;
  const own = post.account.id === ownId;
  // What only some may see cannot be passed on to others.
  const closed = post.visibility === 'direct' || (post.visibility === 'private' && !own);
  const known = (act: () => void) => () => {
    if (ownId === null) notify('trouble', 'Log in or sign up to do that.');
    else act();
  };
  return (
    <div class="post-actions">
      <Action
        name="reply"
        label="Reply"
        count={post.replies_count}
        act={known(() => overlay.set({ kind: 'compose', replyTo: post }))}
      />
      <Action
        name="boost"
        label={closed ? 'This post cannot be boosted' : 'Boost'}
        count={post.reblogs_count}
        on={post.reblogged}
        disabled={closed}
        act={known(() => void toggleMark(post, 'reblog'))}
      />
      <Action
        name="heart"
        label="Favourite"
        count={post.favourites_count}
        on={post.favourited}
        act={known(() => void toggleMark(post, 'favourite'))}
      />
      <Action
        name="bookmark"
        label="Bookmark"
        on={post.bookmarked}
        act={known(() => void toggleMark(post, 'bookmark'))}
      />
      <Menu label="More" items={ownId === null ? [copyLink(post)] : [copyLink(post), ...rarer(post, own)]} />
    </div>
  );
}

interface ActionProps {
  readonly name: IconName;
  readonly label: string;
  readonly act: () => void;
  readonly count?: number;
  readonly on?: boolean;
  readonly disabled?: boolean;
}

function Action({ name, label, act, count = 0, on, disabled = false }: ActionProps): JSX.Element {
  return (
    <button
      type="button"
      class={`act act-${name}`}
      data-act={name}
      aria-label={count > 0 ? `${label}, ${count}` : label}
      title={label}
      {...(on === undefined ? {} : { 'aria-pressed': on })}
      disabled={disabled}
      onClick={act}
    >
      <Icon name={name} />
      <span class="act-count">{count > 0 ? short(count) : ''}</span>
    </button>
  );
}

/** 1,234 is as good as 1.2K here. */
export function short(count: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(count);
}

function copyLink(post: Post): MenuItem {
  return {
    label: 'Copy link',
    act: () => {
      const address = post.url ?? location.href;
      const copied = navigator.clipboard?.writeText(address) ?? Promise.reject(new Error('no clipboard'));
      copied.then(
        () => notify('done', 'Link copied.'),
        () => notify('trouble', `The browser does not let this page copy. The link is ${address}`),
      );
    },
  };
}

function rarer(post: Post, own: boolean): readonly MenuItem[] {
  const { account } = post;
  if (own) {
    return [
      {
        label: 'Delete',
        grave: true,
        act: () => void askToDelete(post),
      },
    ];
  }
  return [
    { label: `Mute @${account.acct}`, act: () => void relateTo(account, 'mute') },
    { label: `Block @${account.acct}`, grave: true, act: () => void askToBlock(account) },
  ];
}

async function askToDelete(post: Post): Promise<void> {
  const words = 'It disappears for everybody, and cannot be brought back.';
  if (await confirmed({ title: 'Delete this post?', words, deed: 'Delete' })) await deletePost(post);
}

/** The relationship as it is then; null when nothing came of it. */
export async function askToBlock(account: Account): Promise<Relationship | null> {
  const words = 'You will not see each other’s posts, and they cannot follow you.';
  if (!(await confirmed({ title: `Block @${account.acct}?`, words, deed: 'Block' }))) return null;
  return relateTo(account, 'block');
}
