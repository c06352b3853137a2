// The status line: whether the page is live, and if not, that it tries.
import type { JSX } from 'preact';
import { connection, wake } from './live.ts';
import { isPageChanged, showNewPage } from './page-change.ts';
import { useStore } from './store.ts';

export function StatusLine(): JSX.Element {
  const current = useStore(connection);
  const isChanged = useStore(isPageChanged);
  // Before the first connection nothing was lost, so nothing is "re"connected.
  const first =
    current.kind !== 'live' && 'failures' in current && current.failures === 0 && current.cursor === null;
  const words =
    current.kind === 'live' ? 'Live' : first || current.kind === 'closed' ? 'Connecting…' : 'Reconnecting…';
  return (
    <div class={`status-line status-${current.kind}`}>
      <p role="status" aria-live="polite" data-connection={current.kind}>
        <i class="status-dot" aria-hidden="true" />
        {words}
      </p>
      {current.kind === 'waiting' && current.failures > 2 && (
        <button type="button" class="link" onClick={wake}>
          Try now
        </button>
      )}
      {isChanged && (
        <button
          type="button"
          class="link"
          onClick={showNewPage}
          title="The server has a new version of this page"
        >
          Show the new page
        </button>
      )}
    </div>
  );
}
