// What a gateway hears of deleted posts when its link opens, so that a core that lags shows it none of them.
import { afterEach, expect, test } from 'vitest';
import { tellDeletions } from '../../cluster/core-deletions.ts';
import type { CoreShare } from '../../cluster/core-options.ts';
import { serverAccount } from '../../runtime/account-id.ts';
import type { FoundView, Range } from '../../runtime/behaviours.ts';
import { keyOf } from '../../runtime/key.ts';
import type { StatusId } from '../../runtime/status-id.ts';
import { makeVersion } from '../../runtime/version.ts';
import { openTestCore, type TestCore, testGateway } from '../support/core.ts';
import { until } from '../support/until.ts';
import { ringOf } from './cores-together.ts';
import { accountIn, postOf } from './routing-ends.ts';

let open: TestCore | null = null;
afterEach(() => open?.close());

async function deletedAt(core: TestCore): Promise<{ kept: StatusId; gone: StatusId[] }> {
  const [anna = serverAccount] = await core.accounts('anna');
  const [kept, one, other] = [
    await core.post(anna, 'kept'),
    await core.post(anna, 'one'),
    await core.post(anna, 'other'),
  ];
  // In the order of the deletions, not of the posts.
  for (const id of [other, one]) await core.ask('deleteStatus', { account: anna, id });
  await core.quiet();
  return { kept, gone: [other, one] };
}

test('who is linked is told of what was deleted before, in that order', async () => {
  open = await openTestCore();
  const { gone } = await deletedAt(open);
  const late = testGateway('late');
  tellDeletions(late, { reader: open.core.store.reader, nowMs: Date.now() });
  expect(late.changes).toEqual([{ statuses: [], accounts: [], tokens: [], deleted: gone }]);
});

test('a core tells it to each gateway that is linked, before anything else', async () => {
  const cluster: CoreShare = { boot: 'boot-1', ring: ringOf([1], null), epoch: 1, isFounder: true };
  open = await openTestCore({ cluster });
  const { core } = open;
  await until(() => core.cluster?.isOpen(0) === true);
  const { gone } = await deletedAt(open);
  const told: string[] = [];
  const late = testGateway('late');
  late.sendServing = () => told.push('serving');
  late.sendChanged = ({ deleted }) => told.push(...(deleted ?? []));
  core.peerHere(late);
  expect(told).toEqual([...gone, 'serving']);
});

test('operators and other cores are told nothing, and neither is anybody when nothing was deleted', async () => {
  open = await openTestCore();
  const early = testGateway('early');
  tellDeletions(early, { reader: open.core.store.reader, nowMs: Date.now() });
  await deletedAt(open);
  for (const role of ['operator', 'core'] as const) {
    const peer = testGateway(role, role);
    tellDeletions(peer, { reader: open.core.store.reader, nowMs: Date.now() });
    expect(peer.changes).toEqual([]);
  }
  expect(early.changes).toEqual([]);
});

test('of many the newest ten thousand of a day are told', () => {
  const nowMs = 1_800_000_000_000;
  const all = Array.from({ length: 30_000 }, (_, at): FoundView => {
    const version = makeVersion(nowMs - (30_000 - at) * 3600, 0, 1);
    const id = postOf(accountIn(1), at + 1);
    return { key: keyOf(serverAccount, 'X', version), value: Buffer.from(id, 'latin1') };
  });
  const views = ({ from, to, most, reverse }: Range): FoundView[] => {
    const inRange = all.filter(({ key }) => key >= from && key < to);
    return (reverse === true ? inRange.reverse() : inRange).slice(0, most);
  };
  const told = (ofMs: number): StatusId[] => {
    const peer = testGateway('late');
    tellDeletions(peer, { reader: { views }, nowMs: ofMs });
    return peer.changes.flatMap(({ deleted }) => deleted ?? []);
  };
  expect(told(nowMs)).toEqual(Array.from({ length: 10_000 }, (_, at) => postOf(accountIn(1), 20_001 + at)));
  // A day after the last but one.
  expect(told(nowMs + 24 * 3600 * 1000 - 3600)).toEqual([postOf(accountIn(1), 30_000)]);
});
