// What one does to a post or a person: shown at once, told to the server, taken back with its words if it refuses.
import { deleteStatus, type Marking, mark, type Relating, relate } from './api.ts';
import { type Account, type Post, postOf, type Relationship } from './entities.ts';
import { tell } from './happening.ts';
import { notify } from './notice.ts';

export type MarkKind = 'favourite' | 'reblog' | 'bookmark';

/** Sets the mark, or takes it away again. */
export async function toggleMark(post: Post, kind: MarkKind): Promise<void> {
  const marked = { favourite: post.favourited, reblog: post.reblogged, bookmark: post.bookmarked }[kind];
  tell({ kind: 'changed', post: withMark(post, kind, !marked) });
  const deed: Marking = marked ? `un${kind}` : kind;
  const reply = await mark(post.id, deed);
  if (reply.kind === 'done') {
    const answered = postOf(reply.value);
    // An answer about another post (a boost taken back) says nothing of this one.
    if (answered.id === post.id) tell({ kind: 'changed', post: answered });
  } else {
    tell({ kind: 'changed', post });
    notify('trouble', reply.words);
  }
}

function withMark(post: Post, kind: MarkKind, marked: boolean): Post {
  const step = marked ? 1 : -1;
  switch (kind) {
    case 'favourite':
      return { ...post, favourited: marked, favourites_count: Math.max(0, post.favourites_count + step) };
    case 'reblog':
      return { ...post, reblogged: marked, reblogs_count: Math.max(0, post.reblogs_count + step) };
    case 'bookmark':
      return { ...post, bookmarked: marked };
  }
}

/** Whether it is gone. */
export async function deletePost(post: Post): Promise<boolean> {
  const reply = await deleteStatus(post.id);
  // What somebody else has deleted already is deleted.
  const gone = reply.kind === 'done' || (reply.kind === 'refused' && reply.status === 404);
  if (gone) tell({ kind: 'deleted', id: post.id });
  notify(
    gone ? 'done' : 'trouble',
    reply.kind === 'done' ? 'Post deleted.' : gone ? 'That post was gone already.' : reply.words,
  );
  return gone;
}

const said: Record<Relating, (name: string) => string> = {
  follow: (name) => `You follow ${name} now.`,
  unfollow: (name) => `You no longer follow ${name}.`,
  mute: (name) => `${name} is muted: you will not see their posts.`,
  unmute: (name) => `${name} is no longer muted.`,
  block: (name) => `${name} is blocked.`,
  unblock: (name) => `${name} is no longer blocked.`,
};

/** The relationship as it is afterwards; null when the server refused. */
export async function relateTo(account: Account, deed: Relating): Promise<Relationship | null> {
  const reply = await relate(account.id, deed);
  if (reply.kind !== 'done') {
    notify('trouble', reply.words);
    return null;
  }
  notify('done', said[deed](`@${account.acct}`));
  if (deed === 'follow' || deed === 'unmute') tell({ kind: 'followed' });
  if (deed === 'mute' || deed === 'block') tell({ kind: 'silenced', accountId: account.id });
  if (deed === 'unfollow') tell({ kind: 'unfollowed', accountId: account.id });
  return reply.value;
}
