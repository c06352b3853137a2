// Draws the notices. They are read aloud as they come, and never take the focus.
import type { JSX } from 'preact';
import { Icon } from './icon.tsx';
import { dismissNotice, notices } from './notice.ts';
import { useStore } from './store.ts';

export function NoticesView(): JSX.Element {
  const shown = useStore(notices);
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown.map(({ id, kind, words }) => (
        <div key={id} class={`notice notice-${kind}`}>
          <p>{words}</p>
          <button type="button" class="act" aria-label="Dismiss" onClick={() => dismissNotice(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
