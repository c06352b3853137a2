// Drafts: what is written and not yet posted, one for a new post and one for each reply, kept until it is.
import { type Post, type Visibility, visibilities } from './entities.ts';
import { remember, rememberedJson } from './memory.ts';
import { createRecent } from './recent.ts';
import { ownId, session } from './session.ts';
import { oneOf, record, type Shaped, string } from './shape.ts';
import { createStore, type Store } from './store.ts';

const draft = record({
  text: string,
  warning: string,
  visibility: oneOf(visibilities, 'public'),
  /** Goes with this very text, so that posting it again cannot post it twice. */
  key: string,
});
export type Draft = Shaped<typeof draft>;

const mostDrafts = 20;
const stores = createRecent<Store<Draft>>(mostDrafts);

/** The draft of a new post, or of a reply to this one. */
export function draftFor(replyTo: Post | null): Store<Draft> {
  const slot = replyTo?.id ?? 'new';
  return stores.of(slot, () => {
    const store = createStore(keptDraft(slot) ?? freshDraft(replyTo));
    store.watch(() => keep(slot, store.get()));
    return store;
  });
}

/** Other words are another post: they get a key of their own. */
export function write(store: Store<Draft>, part: Partial<Omit<Draft, 'key'>>): void {
  store.set({ ...store.get(), ...part, key: newKey() });
}

export function discard(store: Store<Draft>, replyTo: Post | null): void {
  store.set(freshDraft(replyTo));
}

function freshDraft(replyTo: Post | null): Draft {
  const person = session.get();
  const preferred: Visibility = person.kind === 'person' ? person.account.source.privacy : 'public';
  if (replyTo === null) return { text: '', warning: '', visibility: preferred, key: newKey() };
  const own = person.kind === 'person' ? person.account.acct : '';
  const names = [replyTo.account.acct, ...replyTo.mentions.map(({ acct }) => acct)].filter(
    (acct) => acct !== own,
  );
  const text = [...new Set(names)].map((acct) => `@${acct} `).join('');
  const narrower = visibilities.indexOf(replyTo.visibility) > visibilities.indexOf(preferred);
  return {
    text,
    warning: replyTo.spoiler_text,
    visibility: narrower ? replyTo.visibility : preferred,
    key: newKey(),
  };
}

function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

function keptDrafts(): readonly (readonly [string, unknown])[] {
  const kept = rememberedJson(draftsName());
  return typeof kept === 'object' && kept !== null ? Object.entries(kept) : [];
}

function keptDraft(slot: string): Draft | null {
  try {
    return draft(new Map(keptDrafts()).get(slot), '');
  } catch {
    return null;
  }
}

function keep(slot: string, kept: Draft): void {
  const others = keptDrafts().filter(([other]) => other !== slot);
  const all = kept.text.trim() === '' && kept.warning === '' ? others : [...others, [slot, kept] as const];
  remember(draftsName(), JSON.stringify(Object.fromEntries(all.slice(-mostDrafts))));
}

/** Each person's own, where several use one device. */
function draftsName(): string {
  return `drafts.${ownId() ?? ''}`;
}
