// What a session is sent when it comes back, and what that does to the timeline.
import { expect, test } from 'vitest';
import { statusFact } from '../../actors/facts.ts';
import type { Item } from '../../actors/items.ts';
import { statusRecord } from '../../actors/status-record.ts';
import { deliver } from '../../actors/user-delivery.ts';
import { attach, catchUp } from '../../actors/user-sessions.ts';
import { beginFollowing, loadUser, stopFollowing } from '../../actors/user-state.ts';
import type { Moment } from '../../runtime/behaviours.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import type { Key } from '../../runtime/key.ts';
import { makeStatusId } from '../../runtime/status-id.ts';
import { makeVersion, printCursor, type Version } from '../../runtime/version.ts';
import { noReader, plainPost } from '../support/records.ts';

const author = accountIdOf('ada');
const at = (ms: number): Version => makeVersion(ms, 0, 1);

test('what a session is shown of what it missed stands at home, too, whether or not it has been delivered', () => {
  const id = makeStatusId(120, author, 0);
  const value = statusRecord.encode({ kind: 'post', ...plainPost, text: 'missed' });
  const fact = { version: at(120), value };
  const read = { ...noReader, fact: (key: Key) => (key === statusFact(id) ? fact : null) };
  const moment: Moment = { request: 1, nowMs: 200, watermark: at(200), hasAll: false, chance: 0 };
  const state = loadUser(author, noReader);
  state.built = 'yes';
  const effects = attach(state, { account: author, session: 1, since: printCursor(at(100)) }, moment);
  const tickets = effects.flatMap((effect) => (effect.kind === 'gather' ? [effect.ticket] : []));
  const gathered = { kind: 'gathered' as const, statuses: [id], found: [[], [], []], failed: null };
  const shown = tickets.flatMap((ticket) => catchUp(state, { ...gathered, ticket }, moment, read));
  expect(shown).toMatchObject([{ kind: 'push', sessions: [1], item: { kind: 'status', id } }]);
  expect(state.timeline.page({ maxId: null, sinceId: null, minId: null, limit: 20 })).toEqual([id]);
});

test('what a session has caught up on is not pushed again when it comes after something newer, of another machine', () => {
  const bob = accountIdOf('bob');
  const state = loadUser(author, noReader);
  beginFollowing(state, bob);
  const item = (ms: number, by = bob): Item & { kind: 'status' } => {
    return { kind: 'status', version: at(ms), id: makeStatusId(ms, by, 0), author: by, boostOf: null };
  };
  const caughtUpOn = item(120);
  const fact = {
    version: at(120),
    value: statusRecord.encode({ kind: 'post', ...plainPost, text: 'missed' }),
  };
  const read = { ...noReader, fact: (key: Key) => (key === statusFact(caughtUpOn.id) ? fact : null) };
  // Everything up to 110 has come from all machines.
  const moment: Moment = { request: 1, nowMs: 200, watermark: at(110), hasAll: false, chance: 0 };
  const attached = attach(state, { account: author, session: 1, since: printCursor(at(100)) }, moment);
  const tickets = attached.flatMap((effect) => (effect.kind === 'gather' ? [effect.ticket] : []));
  const gathered = {
    kind: 'gathered' as const,
    statuses: [caughtUpOn.id],
    found: [[], [], []],
    failed: null,
  };
  expect(tickets.flatMap((ticket) => catchUp(state, { ...gathered, ticket }, moment, read))).toHaveLength(1);
  const pushed = (one: Item, watermark = at(110)): Item[] =>
    deliver(state, { items: [one], lost: false }, { ...moment, watermark }, noReader).flatMap((effect) =>
      effect.kind === 'push' ? [effect.item as Item] : [],
    );
  const newer = item(180, author);
  expect(pushed(newer)).toEqual([newer]);
  expect(pushed(caughtUpOn)).toEqual([]);
  // Said again by whoever has taken the author's partition over.
  expect(pushed(caughtUpOn, at(10_000))).toEqual([]);
  // It is forgotten in the end.
  expect(pushed(item(60_000), at(59_000))).toHaveLength(1);
  expect(state.sessions.map(({ caught }) => caught)).toEqual([null]);
});

test('what was held back of somebody who is unfollowed meanwhile is neither shown nor at home', () => {
  const bob = accountIdOf('bob');
  const moment: Moment = { request: 1, nowMs: 200, watermark: at(200), hasAll: false, chance: 0 };
  const state = loadUser(author, noReader);
  state.built = 'yes';
  beginFollowing(state, bob);
  const effects = attach(state, { account: author, session: 1, since: printCursor(at(100)) }, moment);
  const tickets = effects.flatMap((effect) => (effect.kind === 'gather' ? [effect.ticket] : []));
  state.built = 'yes';
  const id = makeStatusId(150, bob, 0);
  const item: Item = { kind: 'status', version: at(150), id, author: bob, boostOf: null };
  expect(deliver(state, { items: [item], lost: false }, moment, noReader)).toEqual([]);
  stopFollowing(state, bob);
  const gathered = { kind: 'gathered' as const, statuses: [], found: [[], [], []], failed: null };
  expect(tickets.flatMap((ticket) => catchUp(state, { ...gathered, ticket }, moment, noReader))).toEqual([]);
  expect(state.timeline.length).toBe(0);
});
