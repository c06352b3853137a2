// Draws people as rows: who they are, and a button to follow them.
import type { ComponentChildren, JSX } from 'preact';
import { Avatar } from './avatar.tsx';
import { displayName } from './display-name.ts';
import type { Account, Relationship } from './entities.ts';
import { Older } from './feed-view.tsx';
import { FollowButton } from './follow-button.tsx';
import type { People } from './people.ts';
import { routeAddress } from './route.ts';
import { Empty, Failed, Loading } from './states.tsx';
import { useStore } from './store.ts';

interface PeopleViewProps {
  readonly people: People;
  readonly label: string;
  readonly empty: ComponentChildren;
}

export function PeopleView({ people, label, empty }: PeopleViewProps): JSX.Element {
  const { accounts, relationships, older, phase, words } = useStore(people.state);
  return (
    <section aria-label={label}>
      {accounts.map((account) => (
        <PersonRow
          key={account.id}
          account={account}
          relationship={relationships.get(account.id) ?? null}
          onRelated={people.related}
        />
      ))}
      {phase === 'loading' && <Loading of="people" />}
      {phase === 'failed' && <Failed words={words} again={() => void people.extend()} />}
      {phase === 'ready' && accounts.length === 0 && <Empty>{empty}</Empty>}
      {phase === 'ready' && older !== null && <Older extend={() => void people.extend()} />}
    </section>
  );
}

interface PersonRowProps {
  readonly account: Account;
  readonly relationship: Relationship | null;
  readonly onRelated: (relationship: Relationship) => void;
}

export function PersonRow({ account, relationship, onRelated }: PersonRowProps): JSX.Element {
  return (
    <div class="person">
      <a class="person-who" href={routeAddress({ kind: 'profile', acct: account.acct, tab: 'posts' })}>
        <Avatar account={account} />
        <span class="person-names">
          <bdi class="post-name">{displayName(account)}</bdi>
          <span class="post-handle">
            @{account.acct}
            {relationship?.followed_by && ' · follows you'}
          </span>
        </span>
      </a>
      {relationship && <FollowButton account={account} relationship={relationship} onRelated={onRelated} />}
    </div>
  );
}
