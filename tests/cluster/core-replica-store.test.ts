// A core's store as replication sees it, when the core stops.
import { expect, test } from 'vitest';
import { CoreReplicaStore } from '../../cluster/core-replica-store.ts';
import type { Store } from '../../runtime/store.ts';
import { noVersion } from '../../runtime/version.ts';

test('once it is closed nothing is written any more, whoever hears now that something is on the disk', () => {
  const asked: string[] = [];
  const store = new CoreReplicaStore(
    {
      adopt: () => {
        asked.push('adopt');
        return { ok: true, value: { entries: [], done: Promise.resolve() } };
      },
      records: {
        write: () => {
          asked.push('keep');
          return Promise.resolve();
        },
      },
    } as unknown as Store,
    1,
    () => noVersion,
  );
  const write = (): void => {
    store.adopt({ copies: [], from: { kind: 'state' }, positions: [] }, () => {});
    store.keep([['held', 1]], () => {});
  };
  write();
  expect(asked).toEqual(['adopt', 'keep']);
  store.close();
  write();
  expect(asked).toHaveLength(2);
});
