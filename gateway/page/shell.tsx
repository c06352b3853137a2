// The shell: the masthead and the ways around, and between them the view of the current visit.
import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Avatar } from './avatar.tsx';
import { displayName } from './display-name.ts';
import type { OwnAccount } from './entities.ts';
import { Heading } from './heading.tsx';
import { Home } from './home.tsx';
import { Icon, type IconName, Mark } from './icon.tsx';
import { inbox } from './inbox.ts';
import { instance } from './instance.ts';
import { Blocked, Bookmarks, Favourites, Muted, Public, Tag } from './lists.tsx';
import { NoticesView } from './notices-view.tsx';
import { NotificationsView } from './notifications-view.tsx';
import { overlay } from './overlay.ts';
import { OverlayView } from './overlay-view.tsx';
import { Profile } from './profile.tsx';
import { type Route, routeAddress } from './route.ts';
import { SearchView } from './search-view.tsx';
import { confirmSession, session } from './session.ts';
import { Settings } from './settings.tsx';
import { Empty, Failed, Loading } from './states.tsx';
import { StatusLine } from './status-line.tsx';
import { useStore } from './store.ts';
import { ThreadView } from './thread-view.tsx';
import { placeOf, type Visit, visit } from './visit.ts';
import { LoginButton, Welcome } from './welcome.tsx';

export function Shell(): JSX.Element {
  const at = useStore(visit);
  const current = useStore(session);
  const main = useRef<HTMLElement>(null);
  const arrivals = useRef(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a visit.
  useLayoutEffect(() => {
    window.scrollTo(0, at.returned ? placeOf(at.key) : 0);
    // The first time the browser's own focus is right; after that, a new view is where one is.
    if (arrivals.current++ > 0 && !main.current?.contains(document.activeElement)) {
      main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
    }
  }, [at.key]);
  const person = current.kind === 'person' ? current.account : null;
  const door =
    current.kind === 'anonymous' && !['public', 'tag', 'post', 'profile', 'unknown'].includes(at.route.kind);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <div class={door ? 'frame frame-door' : 'frame'}>
        {!door && (
          <div class="side">
            <Masthead person={person} />
            <Ways person={person} at={at.route} />
          </div>
        )}
        <main id="main" ref={main} tabIndex={-1}>
          {current.kind === 'asking' ? <Asking words={current.words} /> : <View at={at} person={person} />}
        </main>
      </div>
      <OverlayView />
      <NoticesView />
    </>
  );
}

function Masthead({ person }: { readonly person: OwnAccount | null }): JSX.Element {
  const { title } = useStore(instance);
  return (
    <header class="masthead">
      <a class="wordmark" href="#/">
        <Mark />
        <span>{title}</span>
      </a>
      {person ? <StatusLine /> : <LoginButton />}
    </header>
  );
}

interface WaysProps {
  readonly person: OwnAccount | null;
  readonly at: Route;
}

function Ways({ person, at }: WaysProps): JSX.Element | null {
  const { unseen } = useStore(inbox);
  if (!person) return null;
  const ways: readonly (readonly [IconName, string, Route])[] = [
    ['home', 'Home', { kind: 'home' }],
    ['search', 'Search', { kind: 'search', query: '' }],
    ['bell', 'Notifications', { kind: 'notifications' }],
    ['globe', 'Everyone', { kind: 'public' }],
    ['bookmark', 'Bookmarks', { kind: 'bookmarks' }],
    ['gear', 'Settings', { kind: 'settings' }],
  ];
  const own: Route = { kind: 'profile', acct: person.acct, tab: 'posts' };
  const onOwn = at.kind === 'profile' && at.acct.toLowerCase() === person.acct.toLowerCase();
  return (
    <>
      <nav class="ways" aria-label="Main">
        {ways.map(([icon, label, route]) => (
          <a
            key={label}
            class={`way way-${route.kind}`}
            href={routeAddress(route)}
            aria-current={at.kind === route.kind ? 'page' : undefined}
          >
            <span class="way-icon">
              <Icon name={icon} />
            </span>
            <span class="way-label">{label}</span>
            {icon === 'bell' && unseen > 0 && (
              <span class="badge">
                {unseen > 99 ? '99+' : unseen}
                <span class="unseen"> new</span>
              </span>
            )}
          </a>
        ))}
        <a class="way way-self" href={routeAddress(own)} aria-current={onOwn ? 'page' : undefined}>
          <span class="way-icon">
            <Avatar account={person} />
          </span>
          <span class="way-label">
            <span class="unseen">Your profile: </span>
            <bdi>{displayName(person)}</bdi>
          </span>
        </a>
      </nav>
      <button
        type="button"
        class="primary write"
        onClick={() => overlay.set({ kind: 'compose', replyTo: null })}
      >
        <Icon name="pen" />
        <span>Write</span>
      </button>
    </>
  );
}

function Asking({ words }: { readonly words: string | null }): JSX.Element {
  return words === null ? (
    <Loading of="your account" />
  ) : (
    <Failed words={words} again={() => void confirmSession()} />
  );
}

function View({ at, person }: { readonly at: Visit; readonly person: OwnAccount | null }): JSX.Element {
  const { route } = at;
  switch (route.kind) {
    case 'public':
      return <Public key={at.key} at={at} />;
    case 'tag':
      return <Tag key={at.key} at={at} tag={route.tag} />;
    case 'post':
      return <ThreadView key={at.key} id={route.id} at={at} />;
    case 'profile':
      return <Profile key={route.acct} acct={route.acct} tab={route.tab} at={at} />;
    case 'unknown':
      return <Unknown />;
    default:
      return person ? <Own at={at} person={person} /> : <Welcome />;
  }
}

/** Views that are somebody's own: who is not logged in finds the door in their place. */
function Own({ at, person }: { readonly at: Visit; readonly person: OwnAccount }): JSX.Element {
  const { route } = at;
  switch (route.kind) {
    case 'notifications':
      return <NotificationsView />;
    case 'search':
      return <SearchView key={at.key} query={route.query} at={at} />;
    case 'favourites':
      return <Favourites key={at.key} at={at} />;
    case 'bookmarks':
      return <Bookmarks key={at.key} at={at} />;
    case 'muted':
      return <Muted key={at.key} at={at} />;
    case 'blocked':
      return <Blocked key={at.key} at={at} />;
    case 'settings':
      return <Settings account={person} />;
    default:
      return <Home />;
  }
}

function Unknown(): JSX.Element {
  return (
    <>
      <Heading title="Not found" />
      <Empty>
        <p>There is no such page.</p>
        <p>
          <a href="#/">To the beginning</a>
        </p>
      </Empty>
    </>
  );
}
