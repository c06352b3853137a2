// What lies over the page: a composer, a question, the help. One at a time; drawing it is overlay-view.tsx's.
import type { Post } from './entities.ts';
import { createStore } from './store.ts';

export interface Question {
  readonly title: string;
  readonly words: string;
  /** What the button says that does it. */
  readonly deed: string;
}

export type Overlay =
  | { readonly kind: 'none' }
  /** `text` begins the post, if nothing is begun yet. */
  | { readonly kind: 'compose'; readonly replyTo: Post | null; readonly text?: string }
  | { readonly kind: 'help' }
  | { readonly kind: 'question'; readonly question: Question; readonly answer: (yes: boolean) => void };

export const overlay = createStore<Overlay>({ kind: 'none' });

/** A question left open is answered no. */
export function closeOverlay(): void {
  const closing = overlay.get();
  overlay.set({ kind: 'none' });
  if (closing.kind === 'question') closing.answer(false);
}

/** Asks before something that cannot be taken back. */
export function confirmed(question: Question): Promise<boolean> {
  closeOverlay();
  return new Promise((resolve) => {
    const answer = (yes: boolean): void => {
      overlay.set({ kind: 'none' });
      resolve(yes);
    };
    overlay.set({ kind: 'question', question, answer });
  });
}
