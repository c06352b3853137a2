// Long works on a store: closing waits for them, and those that read or rewrite all of it take turns.

export class StoreWorks {
  readonly #running = new Set<Promise<unknown>>();
  #turn: Promise<unknown> | null = null;

  /** Runs beside others. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** Runs when all that came before it alone is over, however it ended; at once when there is nothing. */
  async alone<T>(act: () => Promise<T>): Promise<T> {
    while (this.#turn !== null) await this.#turn;
    const work = act();
    this.#turn = work.catch(() => {});
    try {
      return await this.during(work);
    } finally {
      this.#turn = null;
    }
  }

  /** Resolves when those that run now are over. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }
}
