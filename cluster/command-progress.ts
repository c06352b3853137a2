// How far a long command is: a bar in a terminal, a line now and then elsewhere. On standard error, so that output can be piped.
import cliProgress from 'cli-progress';

export interface ProgressShown {
  /** `said`: in place of the counts and the rate. */
  update(progress: { done: number; total: number; doing: string; said?: string }): void;
  /** Leaves the last state standing. */
  end(): void;
}

/** Between two plain lines. */
const lineEveryMs = 5_000;

/** `unit` is what is counted: `facts`. */
export function showProgress(unit: string): ProgressShown {
  return process.stderr.isTTY === true ? bar(unit) : lines(unit);
}

function bar(unit: string): ProgressShown {
  const shown = new cliProgress.SingleBar({
    stream: process.stderr,
    clearOnComplete: false,
    format: (options, { progress }, { doing, said }) =>
      `${cliProgress.Format.BarFormat(progress, { ...options, barsize: 30 })} ${percent(progress)}  ${doing}: ${said}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
  });
  const beginMs = performance.now();
  let isShown = false;
  return {
    update({ done, total, doing, said }) {
      const counted = `${count(done)} of ${count(total)} ${unit}, ${count(rateSince(beginMs, done))}/s`;
      const payload = { doing, said: said ?? counted };
      if (!isShown) shown.start(total, done, payload);
      isShown = true;
      shown.setTotal(total);
      shown.update(done, payload);
    },
    end: () => shown.stop(),
  };
}

function lines(unit: string): ProgressShown {
  const beginMs = performance.now();
  let lastMs = beginMs;
  return {
    update({ done, total, doing, said }) {
      const nowMs = performance.now();
      if (nowMs - lastMs < lineEveryMs) return;
      lastMs = nowMs;
      const share = percent(total === 0 ? 1 : done / total);
      const counted = `${count(done)} of ${count(total)} ${unit} (${share}), ${count(rateSince(beginMs, done))}/s`;
      console.error(`${doing}: ${said === undefined ? counted : `${share}, ${said}`}`);
    },
    end() {},
  };
}

function rateSince(beginMs: number, done: number): number {
  return Math.round(done / Math.max((performance.now() - beginMs) / 1000, 0.001));
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

/** 578006 as `578,006`. */
export function count(value: number): string {
  return value.toLocaleString('en');
}
