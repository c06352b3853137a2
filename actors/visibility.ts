// Who may see a status: the one function, asked at delivery and at reading.
import type { AccountId } from '../runtime/account-id.ts';
import type { Mention, Visibility } from './facts.ts';

export interface Seen {
  author: AccountId;
  visibility: Visibility;
  mentions: readonly Mention[];
}

export interface Viewer {
  account: AccountId;
  /** The viewer follows the author, by a follow that no later block has ended. */
  follows: boolean;
  /** The author blocks the viewer. */
  blockedByAuthor: boolean;
}

/** A null viewer is somebody without a login. */
export function maySee(status: Seen, viewer: Viewer | null): boolean {
  if (viewer === null) return status.visibility === 'public' || status.visibility === 'unlisted';
  if (viewer.account === status.author) return true;
  if (viewer.blockedByAuthor) return false;
  switch (status.visibility) {
    case 'public':
    case 'unlisted':
      return true;
    case 'private':
      return viewer.follows || status.mentions.some((mention) => mention.account === viewer.account);
    case 'direct':
      return status.mentions.some((mention) => mention.account === viewer.account);
  }
}
