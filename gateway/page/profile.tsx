// A profile: who somebody is, how one stands to them, what they post and whom they know.
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { accountStatuses, followers, following } from './api.ts';
import { Avatar } from './avatar.tsx';
import { relateTo } from './deed.ts';
import { displayName } from './display-name.ts';
import type { Account, Relationship } from './entities.ts';
import { FeedView } from './feed-view.tsx';
import { FollowButton } from './follow-button.tsx';
import { Heading } from './heading.tsx';
import { Menu } from './menu.tsx';
import { overlay } from './overlay.ts';
import { PeopleView } from './people-view.tsx';
import { createPerson, type Person } from './person.ts';
import { askToBlock, short } from './post-actions.tsx';
import { createRecent } from './recent.ts';
import { RichText } from './rich-text.ts';
import { type ProfileTab, routeAddress } from './route.ts';
import { session } from './session.ts';
import { Failed, Loading } from './states.tsx';
import { useStore } from './store.ts';
import type { Visit } from './visit.ts';
import { feedOf, peopleOf } from './visit-feed.ts';

/** By name: the tabs of one profile are visits of their own, and share who it is about. */
const persons = createRecent<Person>(12);

interface ProfileProps {
  readonly acct: string;
  readonly tab: ProfileTab;
  readonly at: Visit;
}

export function Profile({ acct, tab, at }: ProfileProps): JSX.Element {
  const person = persons.of(acct.toLowerCase(), () => createPerson(acct));
  const state = useStore(person.state);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each visit is a reason to look again.
  useEffect(() => {
    void person.load();
  }, [person, at.key]);
  if (state.kind === 'there') {
    const { account, relationship } = state;
    return (
      <>
        <Heading title={displayName(account)} back />
        <Card account={account} relationship={relationship} onRelated={person.related} />
        <Tabs account={account} tab={tab} />
        {relationship?.blocking ? (
          <p class="end">You have blocked @{account.acct}.</p>
        ) : (
          <Below account={account} tab={tab} at={at} />
        )}
      </>
    );
  }
  return (
    <>
      <Heading title={`@${acct}`} back />
      {state.kind === 'loading' ? (
        <Loading of="the profile" />
      ) : (
        <Failed words={state.words} again={() => void person.load()} />
      )}
    </>
  );
}

interface CardProps {
  readonly account: Account;
  readonly relationship: Relationship | null;
  readonly onRelated: (relationship: Relationship) => void;
}

function Card({ account, relationship, onRelated }: CardProps): JSX.Element {
  const current = useStore(session);
  const own = current.kind === 'person' && current.account.id === account.id;
  const marks = relationship ? marksOf(relationship) : [];
  return (
    <section class="profile" aria-label="Profile">
      <div class="profile-top">
        <Avatar account={account} large />
        <div class="profile-deeds">
          {own && (
            <a class="button quiet" href="#/settings">
              Edit profile
            </a>
          )}
          {relationship && <Rarer account={account} relationship={relationship} onRelated={onRelated} />}
          {relationship && (
            <FollowButton account={account} relationship={relationship} onRelated={onRelated} />
          )}
        </div>
      </div>
      <p class="profile-name">
        <bdi>{displayName(account)}</bdi>
      </p>
      <p class="profile-handle">
        @{account.acct}
        {account.bot && <span class="mark-word">Automated</span>}
        {marks.map((word) => (
          <span key={word} class="mark-word">
            {word}
          </span>
        ))}
      </p>
      {account.note !== '' && <RichText html={account.note} />}
      <p class="profile-since">
        Here since{' '}
        {new Date(account.created_at).toLocaleDateString(undefined, { month: 'long', year: 'numeric' })}
      </p>
    </section>
  );
}

function marksOf({ followed_by, muting, blocking, blocked_by }: Relationship): readonly string[] {
  return [
    ...(followed_by ? ['Follows you'] : []),
    ...(muting ? ['Muted'] : []),
    ...(blocking ? ['Blocked'] : []),
    ...(blocked_by ? ['Blocks you'] : []),
  ];
}

function Rarer({
  account,
  relationship,
  onRelated,
}: CardProps & { readonly relationship: Relationship }): JSX.Element {
  const relates = (deed: () => Promise<Relationship | null>) => () => {
    void deed().then((related) => related && onRelated(related));
  };
  return (
    <Menu
      label="More"
      items={[
        {
          label: `Mention @${account.acct}`,
          act: () => overlay.set({ kind: 'compose', replyTo: null, text: `@${account.acct} ` }),
        },
        relationship.muting
          ? { label: 'Unmute', act: relates(() => relateTo(account, 'unmute')) }
          : { label: 'Mute', act: relates(() => relateTo(account, 'mute')) },
        relationship.blocking
          ? { label: 'Unblock', act: relates(() => relateTo(account, 'unblock')) }
          : { label: 'Block', grave: true, act: relates(() => askToBlock(account)) },
      ]}
    />
  );
}

function Tabs({ account, tab }: { readonly account: Account; readonly tab: ProfileTab }): JSX.Element {
  const tabs: readonly (readonly [ProfileTab, string, number | null])[] = [
    ['posts', 'Posts', account.statuses_count],
    ['replies', 'With replies', null],
    ['following', 'Following', account.following_count],
    ['followers', 'Followers', account.followers_count],
  ];
  return (
    <nav class="tabs" aria-label="Profile">
      {tabs.map(([name, label, count]) => (
        <a
          key={name}
          href={routeAddress({ kind: 'profile', acct: account.acct, tab: name })}
          aria-current={name === tab ? 'page' : undefined}
        >
          {count !== null && <b>{short(count)}</b>} {label}
        </a>
      ))}
    </nav>
  );
}

function Below({
  account,
  tab,
  at,
}: {
  readonly account: Account;
  readonly tab: ProfileTab;
  readonly at: Visit;
}): JSX.Element {
  const key = `${at.key}/${account.id}/${tab}`;
  const name = displayName(account);
  if (tab === 'followers' || tab === 'following') {
    const page = tab === 'followers' ? followers : following;
    return (
      <PeopleView
        people={peopleOf(key, (older) => page(account.id, older))}
        label={tab === 'followers' ? 'Followers' : 'Following'}
        empty={<p>{tab === 'followers' ? `Nobody follows ${name} yet.` : `${name} follows nobody yet.`}</p>}
      />
    );
  }
  return (
    <FeedView
      feed={feedOf(key, {
        page: (older) => accountStatuses(account.id, tab === 'replies', older),
        reading: () => false,
      })}
      label={`Posts of ${name}`}
      empty={<p>Nothing here yet.</p>}
    />
  );
}
