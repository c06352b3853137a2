// What a core gives up when it is behind, in which order, and when it takes it up again.
import { expect, test } from 'vitest';
import type { Ask } from '../../actors/messages.ts';
import { lookEveryMs, Pressure } from '../../cluster/core-pressure.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { openTestCore, testGateway, wholePage } from '../support/core.ts';
import { until } from '../support/until.ts';

const mebibyte = 1024 * 1024;
const awake = 1 as AccountId;
const idle = 2 as AccountId;

function setUp() {
  const state = { nowMs: 0, backlogBytes: 0 };
  const pressure = new Pressure({
    monoMs: () => state.nowMs,
    backlogBytes: () => state.backlogBytes,
    isAwake: (account) => account === awake,
  });
  /** So many looks, each of them late by so much. */
  const look = (times: number, lateByMs = 0): void => {
    for (let count = 0; count < times; count++) {
      state.nowMs += lookEveryMs + lateByMs;
      pressure.look();
    }
  };
  const homeOf = (account: AccountId) => pressure.refusal('home', { account } as Ask<'home'>);
  const search = () => pressure.refusal('searchStatuses', {} as Ask<'searchStatuses'>);
  const write = () => pressure.refusal('publish', { account: idle } as Ask<'publish'>);
  const attach = () => pressure.refusal('attach', { account: idle } as Ask<'attach'>);
  return { state, pressure, look, homeOf, search, write, attach };
}

test('while it keeps up nothing is given up, and one long turn is not being behind', () => {
  const { look, pressure, homeOf, search } = setUp();
  look(100);
  look(1, 5_000);
  look(20);
  expect(pressure.level).toBe(0);
  expect(search()).toBeNull();
  expect(homeOf(idle)).toBeNull();
});

test('searches go first, then timelines of those who sleep; posts, streams and whoever is awake go on', () => {
  const { look, homeOf, search, write, attach } = setUp();
  look(40, 250);
  expect(search()).toMatchObject({ code: 'behind' });
  expect(homeOf(idle)).toBeNull();

  look(30, 500);
  expect(search()).toMatchObject({ code: 'behind' });
  expect(homeOf(idle)).toMatchObject({ code: 'behind' });
  expect(homeOf(awake)).toBeNull();
  expect(write()).toBeNull();
  expect(attach()).toBeNull();
});

test('what waits for a gateway counts as well', () => {
  const { state, look, homeOf, search } = setUp();
  state.backlogBytes = 3 * mebibyte;
  look(1);
  expect(search()).not.toBeNull();
  expect(homeOf(idle)).toBeNull();
  state.backlogBytes = 9 * mebibyte;
  look(1);
  expect(homeOf(idle)).not.toBeNull();
});

test('it is taken up again some seconds after it was last too much', () => {
  const { state, look, pressure } = setUp();
  state.backlogBytes = 9 * mebibyte;
  look(1);
  state.backlogBytes = 0;
  look(29);
  expect(pressure.level).toBe(2);
  look(1);
  expect(pressure.level).toBe(0);
});

test('a core whose gateway does not keep up refuses searches and sleepers, and takes in posts', async () => {
  const core = await openTestCore();
  try {
    const [anna = 0, ben = 0] = await core.accounts('anna', 'ben');
    const reader = ben as AccountId;
    const asked = { q: 'x', viewer: null, author: null, ...wholePage, offset: 0 };
    await core.ask('searchStatuses', asked);
    core.peers.add(Object.assign(testGateway('gateway-1'), { backlogBytes: 9 * mebibyte }));
    await until(async () => {
      const { outcome } = await core.core.handle('searchStatuses', asked, core.gateway, null);
      return !outcome.ok && outcome.rejection.code === 'behind';
    });
    expect(await core.refused('home', { account: reader, ...wholePage })).toMatchObject({ code: 'behind' });
    const id = await core.post(anna as AccountId, 'taken in');
    expect(await core.home(anna as AccountId)).toEqual([id]);
    expect(await core.core.metrics.text([])).toMatch(/^murmuration_behind\{.*\} 2$/m);
  } finally {
    await core.close();
  }
});
