// How long ago something was, in as few letters as a busy reader needs. When to say it anew is ago.tsx's.

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export function timeAgo(thenMs: number, nowMs: number): string {
  const ms = Math.max(0, nowMs - thenMs);
  if (ms < minuteMs) return 'now';
  if (ms < hourMs) return `${Math.floor(ms / minuteMs)}m`;
  if (ms < dayMs) return `${Math.floor(ms / hourMs)}h`;
  if (ms < 7 * dayMs) return `${Math.floor(ms / dayMs)}d`;
  const then = new Date(thenMs);
  const sameYear = then.getFullYear() === new Date(nowMs).getFullYear();
  return then.toLocaleDateString(undefined, {
    day: 'numeric',
    month: 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
  });
}

/** The whole of it, for those who want to know exactly. */
export function timeInFull(thenMs: number): string {
  return new Date(thenMs).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}
