// A labelled field of a form, with a hint and what is wrong with it, tied together for those who listen.
import type { InputHTMLAttributes, JSX, TextareaHTMLAttributes } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly hint?: string;
  readonly input?: InputHTMLAttributes;
  /** For text of several lines. */
  readonly area?: TextareaHTMLAttributes;
}

export function Field({ label, value, onValue, hint, input, area }: FieldProps): JSX.Element {
  const id = useId();
  const hintId = useId();
  const common = { id, ...(hint ? { 'aria-describedby': hintId } : {}) };
  return (
    <p class="field">
      <label for={id}>{label}</label>
      {area ? (
        <textarea
          {...common}
          {...area}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      ) : (
        <input {...common} {...input} value={value} onInput={(event) => onValue(event.currentTarget.value)} />
      )}
      {hint && (
        <small id={hintId} class="hint">
          {hint}
        </small>
      )}
    </p>
  );
}
