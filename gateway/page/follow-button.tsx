// The button that follows and unfollows. It says what is, and on hover or focus what a press would do.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { relateTo } from './deed.ts';
import type { Account, Relationship } from './entities.ts';

interface FollowButtonProps {
  readonly account: Account;
  readonly relationship: Relationship;
  readonly onRelated: (relationship: Relationship) => void;
}

export function FollowButton({ account, relationship, onRelated }: FollowButtonProps): JSX.Element {
  const [busy, setBusy] = useState(false);
  const { following, blocking, requested } = relationship;
  const deed = blocking ? 'unblock' : following || requested ? 'unfollow' : 'follow';
  const word = { unblock: 'Unblock', unfollow: requested ? 'Requested' : 'Following', follow: 'Follow' }[
    deed
  ];
  const press = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    const related = await relateTo(account, deed);
    setBusy(false);
    if (related) onRelated(related);
  };
  return (
    <button
      type="button"
      class={deed === 'follow' ? 'follow primary' : 'follow quiet'}
      aria-pressed={following}
      aria-disabled={busy}
      aria-label={`${word} @${account.acct}`}
      onClick={() => void press()}
    >
      <span class="follow-is">{word}</span>
      {deed === 'unfollow' && <span class="follow-would">Unfollow</span>}
    </button>
  );
}
