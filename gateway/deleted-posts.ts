// Posts that are gone for good: what any core sends of them later, because it has not heard of it yet, is not shown.
import type { StatusId } from '../runtime/status-id.ts';

export interface DeletedPostsOptions {
  /** Ids kept: the oldest are forgotten first. */
  most?: number;
  /** Milliseconds that never go back. */
  nowMs?: () => number;
}

/** Long after this every core has heard of it, or is away. */
const rememberedMs = 10 * 60 * 1000;

export class DeletedPosts {
  readonly #most: number;
  readonly #nowMs: () => number;
  /** Until when; in the order of that. */
  readonly #until = new Map<StatusId, number>();

  constructor({ most = 200_000, nowMs = () => performance.now() }: DeletedPostsOptions = {}) {
    this.#most = most;
    this.#nowMs = nowMs;
  }

  add(ids: readonly StatusId[]): void {
    if (ids.length === 0) return;
    const nowMs = this.#nowMs();
    for (const id of ids) {
      this.#until.delete(id);
      this.#until.set(id, nowMs + rememberedMs);
    }
    for (const [id, untilMs] of this.#until) {
      if (untilMs > nowMs && this.#until.size <= this.#most) return;
      this.#until.delete(id);
    }
  }

  has(id: StatusId): boolean {
    const untilMs = this.#until.get(id);
    return untilMs !== undefined && untilMs > this.#nowMs();
  }
}
