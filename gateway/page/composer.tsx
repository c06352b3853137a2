// Writing a post: text, warning, audience and a count, kept as a draft, sent with a key until the server has it for certain.
import type { JSX } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { publish } from './api.ts';
import { audiences } from './audience.ts';
import { Avatar } from './avatar.tsx';
import { characterCount } from './character-count.ts';
import { discard, draftFor, write } from './draft.ts';
import { type Post, visibilities } from './entities.ts';
import { tell } from './happening.ts';
import { instance } from './instance.ts';
import { notify } from './notice.ts';
import { session } from './session.ts';
import { useStore } from './store.ts';

interface ComposerProps {
  readonly replyTo?: Post | null;
  readonly focused?: boolean;
  readonly onPosted?: () => void;
}

type Sending =
  | { readonly kind: 'no' }
  | { readonly kind: 'sending'; readonly again: boolean }
  | { readonly kind: 'failed'; readonly words: string };

export function Composer({ replyTo = null, focused = false, onPosted }: ComposerProps): JSX.Element {
  const store = draftFor(replyTo);
  const draft = useStore(store);
  const { max_characters: most, characters_reserved_per_url: perLink } =
    useStore(instance).configuration.statuses;
  const person = useStore(session);
  const [sending, setSending] = useState<Sending>({ kind: 'no' });
  const [warned, setWarned] = useState(draft.warning !== '');
  const area = useRef<HTMLTextAreaElement>(null);
  const ids = { text: useId(), warning: useId(), count: useId(), audience: useId() };
  const left = most - characterCount({ text: draft.text, warning: draft.warning, perLink });
  const empty = draft.text.trim() === '';
  const busy = sending.kind === 'sending';

  useEffect(() => {
    if (!focused || !area.current) return;
    area.current.focus();
    area.current.setSelectionRange(area.current.value.length, area.current.value.length);
  }, [focused]);
  useLayoutEffect(() => fitHeight(area.current));

  const send = async (): Promise<void> => {
    if (busy || empty || left < 0) {
      area.current?.focus();
      return;
    }
    setSending({ kind: 'sending', again: false });
    const { text, warning, visibility, key } = draft;
    const post = {
      status: text,
      spoiler_text: warned ? warning : '',
      visibility,
      in_reply_to_id: replyTo?.id ?? null,
    };
    const reply = await publish(post, key, () => setSending({ kind: 'sending', again: true }));
    if (reply.kind !== 'done') {
      setSending({ kind: 'failed', words: reply.words });
      return;
    }
    // What was typed meanwhile is another post.
    if (store.get().key === key) discard(store, replyTo);
    setSending({ kind: 'no' });
    setWarned(false);
    tell({ kind: 'posted', status: reply.value });
    if (replyTo) tell({ kind: 'changed', post: { ...replyTo, replies_count: replyTo.replies_count + 1 } });
    notify('done', replyTo ? 'Reply posted.' : 'Posted.');
    onPosted?.();
  };

  return (
    <form
      class="composer"
      aria-label={replyTo ? 'Reply' : 'New post'}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {person.kind === 'person' && <Avatar account={person.account} />}
      <div class="composer-body">
        {warned && (
          <>
            <label class="unseen" for={ids.warning}>
              Content warning
            </label>
            <input
              id={ids.warning}
              class="composer-warning"
              placeholder="What to warn of"
              value={draft.warning}
              disabled={busy}
              onInput={(event) => write(store, { warning: event.currentTarget.value })}
            />
          </>
        )}
        <label class="unseen" for={ids.text}>
          {replyTo ? 'Your reply' : 'Your post'}
        </label>
        <textarea
          id={ids.text}
          ref={area}
          dir="auto"
          rows={replyTo ? 3 : 1}
          placeholder={replyTo ? 'Your reply' : 'What is on your mind?'}
          value={draft.text}
          readOnly={busy}
          aria-describedby={ids.count}
          onInput={(event) => write(store, { text: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              void send();
            }
          }}
        />
        {sending.kind === 'failed' && (
          <p class="trouble" role="alert">
            {sending.words} Nothing is lost: press Post to try again.
          </p>
        )}
        <div class="composer-tools">
          <label class="unseen" for={ids.audience}>
            Who can see it
          </label>
          <select
            id={ids.audience}
            value={draft.visibility}
            disabled={busy}
            onChange={(event) => {
              const chosen = visibilities.find((name) => name === event.currentTarget.value);
              if (chosen) write(store, { visibility: chosen });
            }}
          >
            {visibilities.map((name) => (
              <option key={name} value={name} title={audiences[name].words}>
                {audiences[name].name}
              </option>
            ))}
          </select>
          <button
            type="button"
            class="quiet"
            aria-pressed={warned}
            title="Content warning"
            onClick={() => {
              setWarned(!warned);
              if (warned) write(store, { warning: '' });
            }}
          >
            CW<span class="unseen">: content warning</span>
          </button>
          <span
            id={ids.count}
            class={left < 0 ? 'count count-over' : left <= 50 ? 'count count-near' : 'count'}
          >
            {left}
            <span class="unseen"> characters left</span>
          </span>
          <button type="submit" class="primary" aria-disabled={busy || empty || left < 0}>
            {sending.kind !== 'sending'
              ? replyTo
                ? 'Reply'
                : 'Post'
              : sending.again
                ? 'Trying again…'
                : 'Posting…'}
          </button>
        </div>
      </div>
    </form>
  );
}

/** As high as its text. */
function fitHeight(area: HTMLTextAreaElement | null): void {
  if (!area) return;
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}
