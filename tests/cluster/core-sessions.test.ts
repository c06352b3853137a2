// What a tick says of its items: from where a session may be attached again, and what it has had above that.
import { expect, test } from 'vitest';
import type { Item } from '../../actors/items.ts';
import { CoreRows, type RowQueries } from '../../cluster/core-rows.ts';
import { CoreSessions } from '../../cluster/core-sessions.ts';
import { firstAccountOf } from '../../runtime/account-id.ts';
import { makeStatusId } from '../../runtime/status-id.ts';
import { makeVersion, printCursor } from '../../runtime/version.ts';
import { testGateway } from '../support/core.ts';
import { noReader } from '../support/records.ts';

const account = firstAccountOf(1);
const rows = new CoreRows(noReader, () => ({}) as RowQueries);

function removed(ms: number): Item {
  const id = makeStatusId(ms, account, 0);
  return { kind: 'removed', version: makeVersion(ms, 0, 1), id, author: account, isMention: false };
}

const printed = (ms: number): string => printCursor(makeVersion(ms, 0, 1));

function said(isComplete: boolean) {
  const sessions = new CoreSessions();
  const gateway = testGateway('gateway-0');
  const number = sessions.attach(gateway, 7, account);
  const pushes = {
    sessions: new Map([removed(900), removed(1100)].map((item) => [item, [number]])),
    topics: new Map(),
  };
  const watermark = makeVersion(1000, 0, 1);
  const tick = sessions.ticks(pushes, { watermark, isComplete, peers: [gateway], rows }).get(gateway);
  return tick?.items.map((item) => (item.kind === 'deleted' ? [item.cursor, item.version] : []));
}

test('an item above the watermark has the cursor of the watermark, and each has its version beside it', () => {
  expect(said(false)).toEqual([
    [printed(900), printed(900)],
    [printed(1000), printed(1100)],
  ]);
});

test('where everything has come, each item has its version for a cursor, and nothing beside it', () => {
  expect(said(true)).toEqual([
    [printed(900), null],
    [printed(1100), null],
  ]);
});
