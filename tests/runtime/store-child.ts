// A program of its own that opens a store, for tests that kill it or fail its disk: `store-child.ts FOLDER MODE`.
import { writeSync } from 'node:fs';
import { openStore } from '../../runtime/store.ts';
import { postFact, toyProduct } from './toy-product.ts';
import { ada, status } from './toy-statuses.ts';

const [folder = '', mode = 'hold'] = process.argv.slice(2);

/** One write(2) a line: a trace of the program shows when. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** How many posts are waited for at once in mode `flood`. */
const writers = 32;

const store = await openStore({
  folder,
  node: 7,
  now: Date.now,
  ...toyProduct,
  onCommitted: (entries) => say(`committed ${entries.length}`),
  onFault: (error) => say(`fault ${error.message}`),
  limits: {
    ballastBytes: 0,
    searchEveryMs: mode === 'flood' ? 5 : 0,
    trimEveryMs: mode === 'flood' ? 20 : 0,
  },
});
const start = store.position;
say(`open ${process.pid}`);

async function post(n: number): Promise<void> {
  const submitted = store.submit([postFact(status(ada, n), `post ${n}`)], { deletes: false, live: true });
  if (!submitted.ok) throw new Error(submitted.rejection.code);
  await submitted.value.done;
  say(`ack ${n}`);
}

async function postOn(first: number, step: number): Promise<void> {
  try {
    for (let n = first; ; n += step) await post(n);
  } catch (error) {
    say(`refused ${error instanceof Error ? error.message : String(error)}`);
  }
}

switch (mode) {
  case 'hold':
    setInterval(() => {}, 60_000);
    break;
  case 'one-by-one':
    await postOn(start, 1);
    // Whatever was refused is refused again: a failed disk is not tried a second time.
    await postOn(start + 1_000_000, 1);
    await store.close();
    say('closed');
    process.kill(process.pid, 'SIGKILL');
    break;
  case 'ten':
    for (let n = start; n < start + 10; n++) await post(n);
    await store.close();
    say('closed');
    break;
  case 'flood':
    await Promise.all(Array.from({ length: writers }, (_, writer) => postOn(start + writer, writers)));
    break;
  default:
    throw new Error(`unknown mode ${mode}`);
}
