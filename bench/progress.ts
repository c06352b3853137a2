// Shows on stderr how far a long step is: a bar on a terminal, a line for each step elsewhere.
import cliProgress from 'cli-progress';
import { atEnd } from './cleanup.ts';

/** Runs `work` under a bar; `report` takes what is done so far, of `total`. */
export async function withProgress<T>(
  name: string,
  total: number,
  work: (report: (done: number) => void) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY) {
    process.stderr.write(`${name}\n`);
    return work(() => {});
  }
  const bar = new cliProgress.SingleBar({
    format: `${name.padEnd(34)} {bar} {percentage} % | {eta_formatted} left`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    fps: 4,
  });
  bar.start(total, 0);
  const takeBack = atEnd(() => bar.stop());
  try {
    return await work((done) => bar.update(Math.min(total, done)));
  } finally {
    bar.stop();
    takeBack();
  }
}

/** A step of known length. */
export function withClock<T>(name: string, seconds: number, work: Promise<T>): Promise<T> {
  return withProgress(name, Math.max(1, Math.ceil(seconds)), async (report) => {
    const began = performance.now();
    const timer = setInterval(() => report((performance.now() - began) / 1000), 250);
    try {
      return await work;
    } finally {
      clearInterval(timer);
    }
  });
}
