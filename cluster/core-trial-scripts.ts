// The scripts a trial runs by, as text for threads and processes that have no files of their own: a release needs none for them, and a
// test runs the same. Three, one inside the other; each only starts the next, bounds it and passes on what it says.

export interface TrialBounds {
  withinMs: number;
  /** Of the heap of the thread that the trial is in. */
  heapMb: number;
  /** Of the whole process around it: what is not on its heap counts as well. */
  processMb: number;
}

/** The innermost: in a thread, whose heap is bounded. The only one that runs code which is not trusted yet. */
const trialScript = `
const { parentPort, workerData } = require('node:worker_threads');
const { compileFunction } = require('node:vm');
const { running, next, states, facts } = workerData;
function load({ text, path }) {
  const exports = {};
  compileFunction(text, ['exports'], { filename: path }).call(undefined, exports);
  return exports.behaviours;
}
const real = { states: () => structuredClone(states), facts };
const verdict = load(running).tryOut(() => load(next), real);
// In a later turn: what it has left to be done for ever (promises that lead to promises) would hang the core, too.
setTimeout(() => parentPort.postMessage(verdict), 1);
`;

/**
 * Around it: a process, because a thread that runs out of memory takes its whole process along more often than not. It stays able to
 * listen, whatever the thread does, and ends with the core.
 */
const processScript = `
const { Worker } = require('node:worker_threads');
process.on('disconnect', () => process.exit());
process.once('message', ({ asked, bounds }) => {
  let isSaid = false;
  const say = (verdict) => {
    if (isSaid) return;
    isSaid = true;
    process.send(verdict, () => process.exit());
  };
  const refuse = (reason) => say({ kind: 'unfit', reason });
  const grown = 'it needs too much memory: more than ';
  const thread = new Worker(${JSON.stringify(trialScript)}, {
    eval: true,
    env: {},
    stdout: true,
    stderr: true,
    workerData: asked,
    resourceLimits: { maxOldGenerationSizeMb: bounds.heapMb, maxYoungGenerationSizeMb: 32 },
  });
  thread.once('message', say);
  thread.once('messageerror', () => refuse('its trial has no result that can be read'));
  thread.once('error', (error) => {
    const isGrown = error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
    refuse(isGrown ? grown + bounds.heapMb + ' MB' : 'it fails outside of what it was asked: ' + error);
  });
  thread.once('exit', () => refuse('it ends the thread that it runs in'));
  const look = () => {
    if (process.memoryUsage.rss() > bounds.processMb * 1e6) refuse(grown + bounds.processMb + ' MB');
  };
  setInterval(look, 20);
});
`;

/** The outermost: in a thread of the core, because to start a process stops the thread that does it, the longer the larger it is. */
export const startingScript = `
const { spawn } = require('node:child_process');
const { parentPort, workerData } = require('node:worker_threads');
const { bounds } = workerData;
const child = spawn(process.execPath, ['-e', ${JSON.stringify(processScript)}], {
  env: {},
  serialization: 'advanced',
  stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
});
let verdict = null;
const decide = (reason) => {
  verdict ??= typeof reason === 'string' ? { kind: 'unfit', reason } : reason;
  child.kill('SIGKILL');
};
const timer = setTimeout(() => decide('it hangs: its trial took longer than ' + bounds.withinMs + ' ms'), bounds.withinMs);
child.on('message', decide);
child.once('error', (error) => parentPort.postMessage({ kind: 'unfit', reason: 'its trial can’t be started: ' + error.message }));
child.once('exit', (code, signal) => {
  clearTimeout(timer);
  decide('its trial ends without a result (' + (signal ?? code) + '): it needs too much memory, or ends its process');
  parentPort.postMessage(verdict);
});
child.send(workerData, () => {});
`;
