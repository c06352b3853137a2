// Posts that are gone for good: what any core sends of them later, because it has not heard of it yet, is not shown.
import type { StatusId } from '../runtime/status-id.ts';

export interface DeletedPostsOptions {
  /** Ids kept: the oldest are forgotten first. */
  most?: number;
}

/**
 * The limit is a number, not a time: nobody knows how long a core may lag, and one that comes back after hours still has on its disk
 * what was deleted meanwhile. 100,000 ids of 14 bytes take 6 MB. Of a post that was deleted before the last 100,000 were, or
 * before the newest 10,000 of a day that a core tells when it is linked, a core that has not heard of it could still show a frame.
 */
const idsMost = 100_000;

export class DeletedPosts {
  readonly #most: number;
  /** Those told of last are last. */
  readonly #ids = new Set<StatusId>();

  constructor({ most = idsMost }: DeletedPostsOptions = {}) {
    this.#most = most;
  }

  add(ids: readonly StatusId[]): void {
    for (const id of ids) {
      this.#ids.delete(id);
      this.#ids.add(id);
    }
    for (const id of this.#ids) {
      if (this.#ids.size <= this.#most) return;
      this.#ids.delete(id);
    }
  }

  has(id: StatusId): boolean {
    return this.#ids.has(id);
  }
}
