// Times of ids and of versions: a cursor never stands above the id of what came after it.
import { expect, test } from 'vitest';
import { statusMs } from '../../runtime/status-id.ts';
import { parseCursor, versionMs } from '../../runtime/version.ts';
import { openTestCore } from '../support/core.ts';

test('versions that had to run ahead of the clock take the times of ids along', async () => {
  const startMs = 1_760_000_000_000;
  const core = await openTestCore({ now: () => startMs });
  // More facts than one millisecond has versions.
  for (let batch = 0; batch < 70; batch++) {
    const handles = Array.from({ length: 1000 }, (_, n) => `p${batch}_${n}`);
    await core.ask('adoptAccounts', { handles, createdMs: startMs });
  }
  const [ann, ben] = await core.accounts('ann', 'ben');
  if (ann === undefined || ben === undefined) throw new Error('no accounts');
  await core.ask('follow', { account: ben, target: ann, boosts: true });
  const cursor = await core.attach(ben, 1);
  const aheadMs = versionMs(parseCursor(cursor) ?? core.core.store.version);
  expect(aheadMs).toBeGreaterThan(startMs);
  await core.ask('detach', { account: ben, session: 1 });
  const id = await core.post(ann, 'after all that');
  expect(statusMs(id)).toBeGreaterThanOrEqual(aheadMs);
  await core.attach(ben, 2, cursor);
  await core.quiet();
  const missed = core.gateway.itemsOf(2).map((item) => (item.kind === 'update' ? item.row.text : item.kind));
  expect(missed).toEqual(['after all that']);
  await core.close();
});
