// A core's store as replication sees it, when the core stops.
import { expect, test } from 'vitest';
import { CoreReplicaStore } from '../../cluster/core-replica-store.ts';
import type { Adoption } from '../../cluster/replica-ports.ts';
import type { Store } from '../../runtime/store.ts';
import { makeVersion, noVersion } from '../../runtime/version.ts';

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

test('what comes by a log is noted when its partition was closed above it; what a scan brings is not', () => {
  const adopted: { kind: string; late: unknown }[] = [];
  const noted: unknown[] = [];
  const closedOf = () => makeVersion(1, 0, 1);
  const store = new CoreReplicaStore(
    {
      adopt: ({ from, late }: { from: { kind: string }; late?: unknown }) => {
        adopted.push({ kind: from.kind, late });
        return { ok: true, value: { entries: [], done: Promise.resolve() } };
      },
      noteLate: (entries: unknown) => {
        noted.push(entries);
        return Promise.resolve();
      },
    } as unknown as Store,
    1,
    closedOf,
  );
  const adopt = (from: Adoption['from'], isNewsToOthers?: boolean): void =>
    store.adopt(
      { copies: [], from, positions: [], ...(isNewsToOthers === true ? { isNewsToOthers } : {}) },
      () => {},
    );
  adopt({ kind: 'copy', origin: 2, incarnation: 3 });
  adopt({ kind: 'relay' });
  adopt({ kind: 'again' });
  adopt({ kind: 'again' }, true);
  adopt({ kind: 'state' });
  expect(adopted).toEqual([
    { kind: 'copy', late: closedOf },
    { kind: 'relay', late: closedOf },
    { kind: 'again', late: undefined },
    { kind: 'again', late: undefined },
    { kind: 'state', late: undefined },
  ]);
  store.noteLate([], () => {});
  expect(noted).toEqual([[]]);
});
