// Notices: short words to the person at the page, shown for a while at its lower edge.
import { createStore } from './store.ts';

export interface Notice {
  readonly id: number;
  readonly kind: 'done' | 'trouble';
  readonly words: string;
}

/** More than these would hide the page; the oldest goes. */
const mostNotices = 3;
const lastingMs = { done: 4_000, trouble: 10_000 };

export const notices = createStore<readonly Notice[]>([]);
let count = 0;

export function notify(kind: Notice['kind'], words: string): void {
  const notice = { id: ++count, kind, words };
  const others = notices.get().filter((other) => other.words !== words);
  notices.set([...others, notice].slice(-mostNotices));
  setTimeout(() => dismissNotice(notice.id), lastingMs[kind]);
}

export function dismissNotice(id: number): void {
  notices.set(notices.get().filter((notice) => notice.id !== id));
}
