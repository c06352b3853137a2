// What a list says while it loads, when it could not, and when there is nothing in it.
import type { ComponentChildren, JSX } from 'preact';

export function Loading({ of }: { readonly of: string }): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="unseen">Loading {of}</span>
      <i />
      <i />
      <i />
    </div>
  );
}

export function Failed({
  words,
  again,
}: {
  readonly words: string;
  readonly again?: () => void;
}): JSX.Element {
  return (
    <div class="state" role="alert">
      <p>{words}</p>
      {again && (
        <button type="button" class="quiet" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <div class="state">{children}</div>;
}
