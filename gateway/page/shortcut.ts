// Keyboard shortcuts: which key means what, as one table for the page and for its help. Doing it is keyboard.ts's.

export const shortcuts = [
  { key: 'j', command: 'next', does: 'Next post' },
  { key: 'k', command: 'previous', does: 'Previous post' },
  { key: 'n', command: 'write', does: 'Write a post' },
  { key: 'r', command: 'reply', does: 'Reply' },
  { key: 'f', command: 'favourite', does: 'Favourite' },
  { key: 'b', command: 'boost', does: 'Boost' },
  { key: 'm', command: 'bookmark', does: 'Bookmark' },
  { key: 'o', command: 'open', does: 'Open the thread' },
  { key: 'p', command: 'profile', does: 'Open the author’s profile' },
  { key: '.', command: 'reveal', does: 'Show new posts' },
  { key: '/', command: 'search', does: 'Search' },
  { key: 'h', command: 'home', does: 'Home' },
  { key: 'a', command: 'notifications', does: 'Notifications' },
  { key: '?', command: 'help', does: 'These shortcuts' },
] as const;

export type Command = (typeof shortcuts)[number]['command'];

export interface Stroke {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

/** The command of a key stroke; none with a modifier held, which belongs to the browser. */
export function commandOf({ key, ctrlKey, metaKey, altKey }: Stroke): Command | null {
  if (ctrlKey || metaKey || altKey) return null;
  return shortcuts.find((shortcut) => shortcut.key === key)?.command ?? null;
}
