// The peer in `post`: lmdb and nothing else. The same number of callers, each putting what one post put in our store (the same
// tables, keys and lengths) and waiting for the disk; then the next.
import { mkdirSync } from 'node:fs';
import { type Database, open } from 'lmdb';
import { z } from 'zod';
import { type CallersReport, callers } from '../callers.ts';
import { readPuts } from '../put-stream.ts';
import { serveCommands } from './commands.ts';

const command = z.object({
  kind: z.literal('round'),
  /** A new store is made there. */
  folder: z.string(),
  putsPath: z.string(),
  callers: z.number(),
  seconds: z.number(),
  /** Tables left out. */
  without: z.array(z.string()),
});

await serveCommands(command, round);

async function round(
  asked: z.infer<typeof command>,
): Promise<CallersReport & { putsAPost: number; bytesAPost: number }> {
  const puts = readPuts(asked.putsPath);
  const kept = Uint32Array.from(
    Array.from({ length: puts.length }, (_, index) => index).filter(
      (index) => !asked.without.includes(puts.tables[puts.table(index)] ?? ''),
    ),
  );
  mkdirSync(asked.folder, { recursive: true });
  const root = open({
    path: asked.folder,
    mapSize: 64 * 2 ** 30,
    maxDbs: 1000,
    overlappingSync: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  });
  const openTables = (lap: number): Database<Buffer, Buffer>[] =>
    puts.tables.map((name) =>
      root.openDB({ name: `${name}-${lap}`, encoding: 'binary', keyEncoding: 'binary' }),
    );
  let tables = openTables(0);
  const values = Buffer.alloc(1 << 20, 'murmuration ');
  let post = 0;
  let written = 0;
  const ask = async () => {
    // When all that was noted has been written it starts again in new tables, which are as large as ours were then.
    const place = post % puts.posts;
    if (place === 0 && post > 0) tables = openTables(post / puts.posts);
    post++;
    const from = Math.floor((place * kept.length) / puts.posts);
    const to = Math.floor(((place + 1) * kept.length) / puts.posts);
    let safe: Promise<boolean> | undefined;
    for (let at = from; at < to; at++) {
      const index = kept[at] ?? 0;
      const length = puts.valueBytes(index);
      const table = tables[puts.table(index)];
      const key = puts.key(index);
      safe = length === null ? table?.remove(key) : table?.put(key, values.subarray(0, length));
      written += key.length + (length ?? 0);
    }
    await safe;
    return true;
  };
  const report = await callers(asked.callers, asked.seconds, ask);
  await root.close();
  return { ...report, putsAPost: kept.length / puts.posts, bytesAPost: written / post };
}
