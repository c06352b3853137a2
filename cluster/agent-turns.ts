// Turns to start: of many children only some begin at once, for a machine that begins all together begins none in time.

export interface StartTurns {
  /** Resolves when it is the caller's turn, with what ends it. A turn that nobody ends is over by itself after a while. */
  take(): Promise<() => void>;
}

/** Longer than a start takes. Who waits longer waits for something else, such as a core that is away: that keeps nobody else from starting. */
const longestMs = 10_000;

export function startTurns(atOnce: number): StartTurns {
  let free = atOnce;
  const waiting: (() => void)[] = [];

  function begin(): () => void {
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    };
    const timer = setTimeout(end, longestMs);
    timer.unref();
    return end;
  }

  return {
    take() {
      if (free > 0) {
        free--;
        return Promise.resolve(begin());
      }
      return new Promise((resolve) => {
        waiting.push(() => resolve(begin()));
      });
    },
  };
}
