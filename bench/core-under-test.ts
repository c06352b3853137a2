// The core as `post` drives it: in this process, without a link or a gateway. The only file of bench/ that knows how a core is made.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { loadBehaviours } from '../cluster/core-behaviours.ts';
import { openCore } from '../cluster/core-opening.ts';
import { bundleBehaviours } from '../cluster/release-bundle.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import { accountIdOf } from '../runtime/handle.ts';
import { parseStatusId, printStatusId, type StatusId, statusIdBytes } from '../runtime/status-id.ts';
import { Batch } from '../runtime/store-batch.ts';
import type { Put } from './put-stream.ts';

export interface CoreUnderTest {
  /** Resolves with the status id, in decimal, when the post is safe. Rejects when it was refused. */
  publish(author: number, text: string): Promise<string>;
  /** The texts of at most 400 posts by their ids; null for one that is not there. */
  texts(ids: readonly string[]): Promise<(string | null)[]>;
  close(): Promise<void>;
}

export interface CoreUnderTestOptions {
  folder: string;
  /** Accounts u0, u1 ... are made. */
  authors: number;
  /** Told of the writes of every transaction, before it is written. */
  onPuts?: (puts: Put[]) => void;
}

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const publishedId = z.object({
  id: z.custom<StatusId>((id) => typeof id === 'string' && id.length === statusIdBytes),
});
const foundRows = z.object({ rows: z.array(z.object({ text: z.string() }).nullable()) });
const quiet = { info() {}, warn() {}, error() {} };
const plain = { visibility: 'public', sensitive: false, spoiler: '', language: 'en', replyTo: null } as const;

export async function openCoreUnderTest(options: CoreUnderTestOptions): Promise<CoreUnderTest> {
  await bundleBehaviours({
    root,
    entry: 'actors/behaviours.ts',
    outfile: path.join(options.folder, 'behaviours.js'),
  });
  const core = await openCore({
    product: await loadBehaviours(options.folder),
    folder: path.join(options.folder, 'store'),
    node: 1,
    now: Date.now,
    chance: Math.random,
    rateLimit: { requests: 0, windowS: 300 },
    signUpsAnHour: 0,
    idleMs: 600_000,
    log: quiet,
    onFault(error) {
      process.stderr.write(`the store failed: ${error.message}\n`);
      process.exit(1);
    },
  });
  const letGo = options.onPuts ? listen(options.onPuts) : () => {};
  const handles = Array.from({ length: options.authors }, (_, author) => `u${author}`);
  for (let from = 0; from < handles.length; from += 5000) {
    const ask = { handles: handles.slice(from, from + 5000), createdMs: Date.now() };
    accepted((await core.handle('adoptAccounts', ask, null, null)).outcome);
  }
  const accounts = handles.map(accountIdOf);
  return {
    async publish(author, text) {
      const account = accounts[author];
      if (account === undefined) throw new RangeError('no such author');
      const ask = { account, text, ...plain, mentions: [], app: null, once: null };
      const { outcome } = await core.handle('publish', ask, null, null);
      return printStatusId(publishedId.parse(accepted(outcome)).id);
    },
    async texts(ids) {
      const asked = ids.map((id): StatusId => {
        const parsed = parseStatusId(id);
        if (parsed === null) throw new Error(`${id} is no status id`);
        return parsed;
      });
      const { outcome } = await core.handle('statuses', { ids: asked }, null, null);
      const { rows } = foundRows.parse(accepted(outcome));
      return rows.map((row) => row?.text ?? null);
    },
    async close() {
      letGo();
      await core.close();
    },
  };
}

function accepted(outcome: Outcome<unknown>): unknown {
  if (outcome.ok) return outcome.value;
  throw new Error(`refused: ${outcome.rejection.code}, ${outcome.rejection.message}`);
}

/** Looks on while each transaction is put together. Only for the round that is not measured. */
function listen(onPuts: (puts: Put[]) => void): () => void {
  const { allChanges } = Batch.prototype;
  Batch.prototype.allChanges = function listening() {
    const changes = allChanges.call(this);
    onPuts(
      changes.flatMap((change) =>
        change.kind === 'put'
          ? [{ table: change.table, key: change.key, valueBytes: change.bytes?.length ?? null }]
          : [],
      ),
    );
    return changes;
  };
  return () => {
    Batch.prototype.allChanges = allChanges;
  };
}
