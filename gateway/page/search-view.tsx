// Search: people, tags and posts for what is typed, while it is typed.
import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Heading } from './heading.tsx';
import { PersonRow } from './people-view.tsx';
import { PostCard } from './post-card.tsx';
import { createRecent } from './recent.ts';
import { routeAddress } from './route.ts';
import { createSearch, type Search, type SearchState } from './search.ts';
import { Empty, Failed, Loading } from './states.tsx';
import { useStore } from './store.ts';
import { amend, type Visit } from './visit.ts';

const searches = createRecent<Search>(12, (search) => search.end());
/** Typing pauses this long before it is searched for. */
const pauseMs = 350;

export function SearchView({ query, at }: { readonly query: string; readonly at: Visit }): JSX.Element {
  const search = searches.of(at.key, createSearch);
  const state = useStore(search.state);
  const [typed, setTyped] = useState(query);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => {
    setTyped(query);
    void search.seek(query);
  }, [query, search]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a visit.
  useEffect(() => {
    if (!at.returned) field.current?.focus();
  }, [at.key]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was typed starts the pause, not what was sought before.
  useEffect(() => {
    if (typed.trim() === query) return;
    const timer = setTimeout(() => amend({ kind: 'search', query: typed.trim() }), pauseMs);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <>
      <Heading title="Search" />
      <search>
        <form
          class="search"
          onSubmit={(event) => {
            event.preventDefault();
            amend({ kind: 'search', query: typed.trim() });
          }}
        >
          <label class="unseen" for={id}>
            Search for people, tags and posts
          </label>
          <input
            id={id}
            ref={field}
            type="search"
            placeholder="People, tags, posts"
            autocomplete="off"
            spellcheck={false}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </form>
      </search>
      <Found state={state} search={search} query={query} />
    </>
  );
}

interface FoundProps {
  readonly state: SearchState;
  readonly search: Search;
  readonly query: string;
}

function Found({ state, search, query }: FoundProps): JSX.Element {
  switch (state.kind) {
    case 'none':
      return (
        <Empty>
          <p>Search by a name, a handle, a #tag, or words of a post.</p>
        </Empty>
      );
    case 'searching':
      return <Loading of="what was found" />;
    case 'failed':
      return <Failed words={state.words} again={() => void search.seek(query)} />;
    case 'found':
      return <Results state={state} search={search} query={query} />;
  }
}

function Results({
  state,
  search,
  query,
}: FoundProps & { readonly state: Extract<SearchState, { kind: 'found' }> }): JSX.Element {
  const { accounts, hashtags, statuses, relationships } = state;
  if (accounts.length + hashtags.length + statuses.length === 0) {
    return (
      <Empty>
        <h2>Nothing found for “{query}”</h2>
        <p>Try fewer letters, or another word.</p>
      </Empty>
    );
  }
  return (
    <>
      <p class="unseen" role="status">
        {accounts.length} people, {hashtags.length} tags and {statuses.length} posts found
      </p>
      {accounts.length > 0 && (
        <section aria-label="People">
          <h2 class="part">People</h2>
          {accounts.map((account) => (
            <PersonRow
              key={account.id}
              account={account}
              relationship={relationships.get(account.id) ?? null}
              onRelated={search.related}
            />
          ))}
        </section>
      )}
      {hashtags.length > 0 && (
        <section aria-label="Tags">
          <h2 class="part">Tags</h2>
          <p class="tags">
            {hashtags.map(({ name }) => (
              <a key={name} class="button quiet" href={routeAddress({ kind: 'tag', tag: name })}>
                #{name}
              </a>
            ))}
          </p>
        </section>
      )}
      {statuses.length > 0 && (
        <section class="feed" aria-label="Posts">
          <h2 class="part">Posts</h2>
          {statuses.map((entry) => (
            <PostCard key={entry.id} entry={entry} />
          ))}
        </section>
      )}
    </>
  );
}
