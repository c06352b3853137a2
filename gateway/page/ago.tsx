// A moment as "5m", kept right while the page stays open, with the full date for who hovers or listens.
import type { JSX } from 'preact';
import { createStore, useStore } from './store.ts';
import { timeAgo, timeInFull } from './time-ago.ts';

const now = createStore(Date.now());
setInterval(() => now.set(Date.now()), 20_000);

export function Ago({ at }: { readonly at: string }): JSX.Element {
  const nowMs = useStore(now);
  const thenMs = Date.parse(at);
  return (
    <time dateTime={at} title={timeInFull(thenMs)}>
      {timeAgo(thenMs, Math.max(nowMs, Date.now()))}
    </time>
  );
}
