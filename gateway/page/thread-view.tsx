// Draws a thread around the post one came for.
import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Heading } from './heading.tsx';
import { PostCard } from './post-card.tsx';
import { createRecent } from './recent.ts';
import { Empty, Failed, Loading } from './states.tsx';
import { useStore } from './store.ts';
import { createThread, type Thread, type ThreadState } from './thread.ts';
import { threadOrder } from './thread-order.ts';
import type { Visit } from './visit.ts';

const threads = createRecent<Thread>(12, (thread) => thread.end());

export function ThreadView({ id, at }: { readonly id: string; readonly at: Visit }): JSX.Element {
  const thread = threads.of(`${at.key}/${id}`, () => {
    const made = createThread(id);
    void made.load();
    return made;
  });
  const state = useStore(thread.state);
  return (
    <>
      <Heading title="Thread" back />
      {state.kind === 'loading' && <Loading of="the thread" />}
      {state.kind === 'failed' && <Failed words={state.words} again={() => void thread.load()} />}
      {state.kind === 'deleted' && (
        <Empty>
          <h2>This post was deleted</h2>
          <p>
            <a href="#/">Back to your timeline</a>
          </p>
        </Empty>
      )}
      {state.kind === 'there' && <Posts state={state} keepsPlace={at.returned} />}
    </>
  );
}

interface PostsProps {
  readonly state: Extract<ThreadState, { kind: 'there' }>;
  readonly keepsPlace: boolean;
}

function Posts({ state, keepsPlace }: PostsProps): JSX.Element {
  const { status, ancestors, descendants, whole } = state;
  const place = useRef<HTMLDivElement>(null);
  // What comes in above must not push away the post one came for.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when what is around it has come.
  useLayoutEffect(() => {
    if (whole && ancestors.length > 0 && !keepsPlace) place.current?.scrollIntoView({ block: 'start' });
  }, [whole]);
  return (
    <section class="feed thread" aria-label="Thread">
      {ancestors.map((entry) => (
        <PostCard key={entry.id} entry={entry} />
      ))}
      <div class="thread-post" ref={place}>
        <PostCard entry={status} large />
      </div>
      {threadOrder(status.id, descendants).map(({ status: entry, depth }) => (
        <PostCard key={entry.id} entry={entry} depth={depth} />
      ))}
      {!whole && <Loading of="replies" />}
      {whole && descendants.length === 0 && <p class="end">No replies yet.</p>}
    </section>
  );
}
