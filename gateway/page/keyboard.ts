// Does what the shortcuts say, on the page as it is: the post that has the focus, or the nearest to the top of the window.
import { remember, remembered } from './memory.ts';
import { overlay } from './overlay.ts';
import { type Command, commandOf } from './shortcut.ts';
import { createStore } from './store.ts';
import { go } from './visit.ts';

/** Single keys can be in the way of other ways to control a computer, so they can be turned off. */
export const shortcutsOn = createStore(remembered('shortcuts') !== 'off');
shortcutsOn.watch(() => remember('shortcuts', shortcutsOn.get() ? null : 'off'));

export function attendKeyboard(): void {
  document.addEventListener('keydown', (event) => {
    if (!shortcutsOn.get() || event.defaultPrevented || event.isComposing || overlay.get().kind !== 'none')
      return;
    if (
      event.target instanceof Element &&
      event.target.closest('input:not([type=checkbox]), textarea, select')
    )
      return;
    const command = commandOf(event);
    if (command === null) return;
    event.preventDefault();
    obey(command);
  });
}

function obey(command: Command): void {
  switch (command) {
    case 'next':
      step(1);
      break;
    case 'previous':
      step(-1);
      break;
    case 'write':
      overlay.set({ kind: 'compose', replyTo: null });
      break;
    case 'reply':
      press('[data-act=reply]');
      break;
    case 'favourite':
      press('[data-act=heart]');
      break;
    case 'boost':
      press('[data-act=boost]');
      break;
    case 'bookmark':
      press('[data-act=bookmark]');
      break;
    case 'open':
      press('[data-open]');
      break;
    case 'profile':
      press('.post-author');
      break;
    case 'reveal':
      document.querySelector<HTMLElement>('[data-reveal]')?.click();
      break;
    case 'search':
      go({ kind: 'search', query: '' });
      document.querySelector<HTMLElement>('input[type=search]')?.focus();
      break;
    case 'home':
      go({ kind: 'home' });
      break;
    case 'notifications':
      go({ kind: 'notifications' });
      break;
    case 'help':
      overlay.set({ kind: 'help' });
      break;
  }
}

function press(control: string): void {
  const post = focusedPost() ?? posts()[0];
  post?.querySelector<HTMLElement>(control)?.click();
}

function step(by: 1 | -1): void {
  const all = posts();
  const current = focusedPost();
  const from = current ? all.indexOf(current) : -1;
  // Without one in focus, the first that is not above the window's edge.
  const firstSeen = all.findIndex((post) => post.getBoundingClientRect().bottom > headPx);
  const next = current ? all[from + by] : all[Math.max(firstSeen, 0)];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: 'nearest' });
}

/** What the heading at the upper edge may cover. */
const headPx = 64;

function posts(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>('main .post')];
}

function focusedPost(): HTMLElement | null {
  return document.activeElement?.closest<HTMLElement>('.post') ?? null;
}
