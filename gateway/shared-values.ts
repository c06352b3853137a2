// The same value for the same text, so that thousands who have it in common keep it once.
import { LRUCache } from 'lru-cache';

/** Texts remembered. */
const mostShared = 1000;

export function shared<T extends object | string>(make: (text: string) => T): (text: string) => T {
  const known = new LRUCache<string, T>({ max: mostShared });
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const own = ofItsOwn(text);
    const made = make(own);
    known.set(own, made);
    return made;
  };
}

/** A part of a string keeps all of it: here, the answer or the request that it came in. */
export function ofItsOwn(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
