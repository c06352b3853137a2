// A form that asks the server: busy while it does, and with the server's words when it refuses.
import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Reply } from './server.ts';

interface FormProps {
  readonly label: string;
  readonly deed: string;
  readonly doing: string;
  readonly submit: () => Promise<Reply<unknown>>;
  readonly grave?: boolean;
  readonly children: ComponentChildren;
}

export function Form({ label, deed, doing, submit, grave = false, children }: FormProps): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [words, setWords] = useState<string | null>(null);
  const send = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setWords(null);
    const reply = await submit();
    setBusy(false);
    if (reply.kind !== 'done') setWords(reply.words);
  };
  return (
    <form
      class="form"
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {children}
      {words !== null && (
        <p class="trouble" role="alert">
          {words}
        </p>
      )}
      <button type="submit" class={grave ? 'grave' : 'primary'} aria-disabled={busy}>
        {busy ? doing : deed}
      </button>
    </form>
  );
}
