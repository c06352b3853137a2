// A checker: each author's acknowledged posts reach a session in the order in which they were made.
import type { Key } from '../../runtime/key.ts';
import type { Version } from '../../runtime/version.ts';
import { authorOf, isPost, type SimSession } from './requests.ts';

interface Made {
  key: Key;
  beganMs: number;
  acknowledgedMs: number;
}

export class Order {
  /** By key and version: what was acknowledged. */
  readonly #made = new Map<string, Made>();
  /** Copies so young are gone that a new server cannot say them again: no product keeps as little as a run that trims. */
  isTrimmed = false;
  readonly #removed = new Set<string>();
  readonly #shown = new Map<SimSession, Map<number, string[]>>();

  acknowledged(post: Made & { version: Version }): void {
    if (isPost(post.key)) this.#made.set(nameOf(post), post);
  }

  /** For the first time. What its cursor says a session has, it has: that may come at any time. */
  shown(session: SimSession, entry: { key: Key; version: Version; removed: boolean }, cursor: Version): void {
    if (entry.removed) this.#removed.add(`${session.id} ${entry.key}`);
    // A lane that begins anew may bring what was removed since.
    const isGone = this.#removed.has(`${session.id} ${entry.key}`);
    if (!isPost(entry.key) || isGone || entry.version <= cursor) return;
    const ofSession = this.#shown.get(session) ?? new Map<number, string[]>();
    this.#shown.set(session, ofSession);
    const author = authorOf(entry.key);
    ofSession.set(author, [...(ofSession.get(author) ?? []), nameOf(entry)]);
  }

  /** At the end: only then is it known what was acknowledged. */
  *violations(): Generator<{ session: SimSession; late: Key; after: Key }> {
    if (this.isTrimmed) return;
    for (const [session, ofSession] of this.#shown) {
      for (const names of ofSession.values()) {
        let newest: Made | null = null;
        for (const name of names) {
          const made = this.#made.get(name);
          if (made === undefined) continue;
          if (newest !== null && made.acknowledgedMs < newest.beganMs)
            yield { session, late: made.key, after: newest.key };
          if (newest === null || made.beganMs > newest.beganMs) newest = made;
        }
      }
    }
  }
}

function nameOf({ key, version }: { key: Key; version: Version }): string {
  return `${key} ${version}`;
}
