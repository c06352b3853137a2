// Trying a release's behaviours before they run: apart from the core, so that nothing they do in it can harm anybody.
import { Worker } from 'node:worker_threads';
import type { FoundFact, Verdict } from '../runtime/behaviours.ts';
import type { BehavioursSource } from './core-behaviours.ts';
import { startingScript, type TrialBounds } from './core-trial-scripts.ts';

export interface CoreTrial {
  /** What runs now: it knows what is to be asked of the other. */
  running: BehavioursSource;
  next: BehavioursSource;
  /** States of awake actors as plain data, and facts. Copied at once. */
  states: readonly unknown[];
  facts: readonly FoundFact[];
  bounds?: Partial<TrialBounds>;
  /** Ends it: what it comes to is of no interest any more. */
  signal: AbortSignal;
}

const defaultBounds: TrialBounds = { withinMs: 30_000, heapMb: 256, processMb: 768 };

/** Never rejects: what keeps a trial from being held speaks against what is tried. */
export function tryBehaviours({ running, next, states, facts, bounds, signal }: CoreTrial): Promise<Verdict> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(unfit('it is not begun any more'));
      return;
    }
    const { promise, end } = startThread({
      bounds: { ...defaultBounds, ...bounds },
      asked: { running, next, states, facts },
    });
    signal.addEventListener('abort', end, { once: true });
    void promise.then((verdict) => {
      signal.removeEventListener('abort', end);
      end();
      resolve(verdict);
    });
  });
}

function startThread(workerData: object): { promise: Promise<Verdict>; end: () => void } {
  let thread: Worker;
  try {
    thread = new Worker(startingScript, { eval: true, env: {}, execArgv: [], workerData });
  } catch (error) {
    return { promise: Promise.resolve(unfit(error)), end: () => {} };
  }
  const promise = new Promise<Verdict>((resolve) => {
    thread.once('message', (verdict: Verdict) => resolve(verdict));
    thread.once('error', (error) => resolve(unfit(error)));
    thread.once('exit', () => resolve(unfit('it was ended')));
  });
  return { promise, end: () => void thread.terminate() };
}

function unfit(why: unknown): Verdict {
  return {
    kind: 'unfit',
    reason: `its trial can’t be held: ${why instanceof Error ? why.message : String(why)}`,
  };
}
