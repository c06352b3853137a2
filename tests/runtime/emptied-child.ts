// A program of its own that has LMDB's free pages used up by one transaction, to the last page among others: `emptied-child.ts FOLDER`.
import { cpSync, mkdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Change, openEnvironment } from '../../runtime/store-environment.ts';

const [folder = ''] = process.argv.slice(2);
/** One page, with its key. */
const bytes = Buffer.alloc(3_000, 1);

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function opened(name: string) {
  return openEnvironment({ folder: join(folder, name), mapSizeBytes: 2 ** 28 });
}

function row(n: number, value: Uint8Array | null = bytes): Change {
  return { kind: 'put', table: 'terms', key: `row ${String(n).padStart(6, '0')}`, bytes: value };
}

function rows(from: number, to: number): Change[] {
  return Array.from({ length: to - from }, (_, nth) => row(from + nth));
}

mkdirSync(join(folder, 'made'));
const made = opened('made');
await made.adopt(1);
await made.commit(rows(0, 1_000));
await made.commit(Array.from({ length: 300 }, (_, nth) => row(3 * nth, null)));
for (let n = 1_000; n < 1_003; n++) await made.commit([row(n)]);
const before = made.fileBytes();
await made.close();

// So many pages are free for all these: fewer leave some, more make the file grow, and one takes the very last.
for (let count = 260; count < 300; count++) {
  const name = `with ${count}`;
  cpSync(join(folder, 'made'), join(folder, name), { recursive: true });
  const environment = opened(name);
  await environment.adopt(2);
  // LMDB reads its list of free pages here, and has all that the next transaction needs.
  await environment.commit(rows(1_500, 1_520));
  try {
    await environment.commit(rows(2_000, 2_000 + count));
    environment.refresh();
    say(environment.fileBytes() === before ? 'fitted' : 'grew');
  } catch (error) {
    say(`failed with ${count}: ${error instanceof Error ? error.message : String(error)}`);
  }
  await environment.close();
  rmSync(join(folder, name), { recursive: true });
}
say('done');
