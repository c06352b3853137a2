// The head of a view: its title, which takes the focus when one comes here, and a way back where there is one.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { Icon } from './icon.tsx';
import { inbox } from './inbox.ts';
import { instance } from './instance.ts';
import { useStore } from './store.ts';
import { goBack } from './visit.ts';

interface HeadingProps {
  readonly title: string;
  readonly back?: boolean;
  readonly children?: ComponentChildren;
}

export function Heading({ title, back = false, children }: HeadingProps): JSX.Element {
  const { unseen } = useStore(inbox);
  const { title: server } = useStore(instance);
  useEffect(() => {
    document.title = `${unseen > 0 ? `(${unseen}) ` : ''}${title} · ${server}`;
  }, [title, unseen, server]);
  return (
    <header class="heading">
      {back && (
        <button type="button" class="act" aria-label="Back" title="Back" onClick={goBack}>
          <Icon name="back" />
        </button>
      )}
      <h1 tabIndex={-1}>{title}</h1>
      {children}
    </header>
  );
}
