// Which of the texts an account posts, and when: decided by its handle and the day it was made, so that a second import finds them there.
import { heavyTailed, pick, seededChance } from './sample-chance.ts';

export interface ImportedPost {
  text: string;
  ms: number;
  /** 0..4095. */
  salt: number;
}

/** Gives the text of an account's n-th post. */
export type TextOf = (n: number) => string;

const dayMs = 86_400_000;
/** Imported posts lie in the 30 days that begin one day after the account was made. */
const spreadDays = 30;
const mostPosts = 400;

/** When accounts of an import are made: at midnight (UTC), so long ago that their posts have been written by `todayMs`. */
export function importedSinceMs(todayMs: number): number {
  return Math.floor(todayMs / dayMs) * dayMs - (spreadDays + 1) * dayMs;
}

/**
 * Accounts that an import made are told by it: nobody signs up in the very millisecond of midnight. Who signed up by themselves
 * gets follows, but nobody puts words in their mouth.
 */
export function isImported(createdMs: number): boolean {
  return createdMs % dayMs === 0;
}

export function postCount(handle: string, mean: number): number {
  return mean === 0 ? 0 : heavyTailed(seededChance(`posts ${handle.toLowerCase()}`), mean, mostPosts);
}

/** Oldest first. The times and salts, hence the ids, do not depend on the texts. */
export function postsOf(account: {
  handle: string;
  createdMs: number;
  mean: number;
  textOf: TextOf;
}): ImportedPost[] {
  const { handle, createdMs, mean, textOf } = account;
  const count = postCount(handle, mean);
  const chance = seededChance(`times ${handle.toLowerCase()}`);
  const posts: ImportedPost[] = [];
  for (let n = 0; n < count; n++) {
    const ms = createdMs + dayMs + pick(chance, spreadDays * dayMs);
    posts.push({ text: textOf(n), ms, salt: pick(chance, 4096) });
  }
  return posts.sort((a, b) => a.ms - b.ms || a.salt - b.salt);
}

/** An account's texts out of a list: it begins somewhere and steps through, so that it does not repeat itself early. */
export function textsFrom(texts: readonly string[], handle: string): TextOf {
  const chance = seededChance(`texts ${handle.toLowerCase()}`);
  const start = pick(chance, texts.length);
  const step = 1 + pick(chance, Math.max(texts.length - 1, 1));
  return (n) => texts[(start + n * step) % texts.length] ?? '';
}
