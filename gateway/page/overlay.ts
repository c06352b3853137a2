// What lies over the page: a composer, a question, the help. One at a time; drawing it is overlay-view.tsx's.
import type { Post } from './entities.ts';
import { createStore } from './store.ts';

export type Overlay =
  | { readonly kind: 'none' }
  /** `text` begins the post, if nothing is begun yet. */
  | { readonly kind: 'compose'; readonly replyTo: Post | null; readonly text?: string }
  | { readonly kind: 'help' }
  | { readonly kind: 'confirm'; readonly title: string; readonly words: string; readonly deed: string; readonly act: () => void };

export const overlay = createStore<Overlay>({ kind: 'none' });

export function closeOverlay(): void {
  overlay.set({ kind: 'none' });
}

/** Asks before something that cannot be taken back. */
export function confirm(question: Omit<Extract<Overlay, { kind: 'confirm' }>, 'kind'>): void {
  overlay.set({ kind: 'confirm', ...question });
}
