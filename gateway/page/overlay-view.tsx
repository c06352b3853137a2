// Draws what lies over the page.
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { Composer } from './composer.tsx';
import { Dialog } from './dialog.tsx';
import { displayName } from './display-name.ts';
import { draftFor, write } from './draft.ts';
import type { Post } from './entities.ts';
import { closeOverlay, overlay, type Question } from './overlay.ts';
import { RichText } from './rich-text.ts';
import { shortcuts } from './shortcut.ts';
import { useStore } from './store.ts';

export function OverlayView(): JSX.Element | null {
  const current = useStore(overlay);
  switch (current.kind) {
    case 'none':
      return null;
    case 'compose':
      return <Writing replyTo={current.replyTo} text={current.text ?? ''} />;
    case 'question':
      return <Asking question={current.question} answer={current.answer} />;
    case 'help':
      return <Help />;
  }
}

function Writing({ replyTo, text }: { readonly replyTo: Post | null; readonly text: string }): JSX.Element {
  const begun = useRef(false);
  if (!begun.current) {
    begun.current = true;
    const draft = draftFor(replyTo);
    if (text !== '' && draft.get().text.trim() === '') write(draft, { text });
  }
  return (
    <Dialog title={replyTo ? `Reply to ${displayName(replyTo.account)}` : 'New post'} onClose={closeOverlay}>
      {replyTo && (
        <blockquote class="answered">
          {replyTo.spoiler_text === '' ? (
            <RichText html={replyTo.content} plain />
          ) : (
            <p>{replyTo.spoiler_text}</p>
          )}
        </blockquote>
      )}
      <Composer replyTo={replyTo} focused onPosted={closeOverlay} />
    </Dialog>
  );
}

function Asking({
  question,
  answer,
}: {
  readonly question: Question;
  readonly answer: (yes: boolean) => void;
}): JSX.Element {
  return (
    <Dialog title={question.title} onClose={closeOverlay}>
      <p>{question.words}</p>
      <p class="dialog-deeds">
        <button type="button" class="quiet" onClick={closeOverlay}>
          Cancel
        </button>
        <button type="button" class="grave" onClick={() => answer(true)}>
          {question.deed}
        </button>
      </p>
    </Dialog>
  );
}

function Help(): JSX.Element {
  return (
    <Dialog title="Keyboard shortcuts" onClose={closeOverlay}>
      <dl class="keys">
        {shortcuts.map(({ key, does }) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>Ctrl</kbd> <kbd>Enter</kbd>
          </dt>
          <dd>Post what you write</dd>
        </div>
      </dl>
      <p class="hint">They act on the post that has the focus. Turn them off in the settings.</p>
    </Dialog>
  );
}
