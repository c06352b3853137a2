// What a session is sent, by what its cursor says it has.
import { expect, test } from 'vitest';
import { statusFact } from '../../actors/facts.ts';
import type { Item } from '../../actors/items.ts';
import { statusRecord } from '../../actors/status-record.ts';
import { attach, catchUp, pushItem } from '../../actors/user-sessions.ts';
import { loadUser, type Session, type UserEffect, type UserState } from '../../actors/user-state.ts';
import type { Moment } from '../../runtime/behaviours.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import type { Key } from '../../runtime/key.ts';
import { makeStatusId } from '../../runtime/status-id.ts';
import { makeVersion, printCursor, type Version } from '../../runtime/version.ts';
import { noReader, plainPost } from '../support/records.ts';

const author = accountIdOf('ada');
const at = (ms: number): Version => makeVersion(ms, 0, 1);

function statusAt(ms: number): Item {
  return { kind: 'status', version: at(ms), id: makeStatusId(ms, author, 0), author, boostOf: null };
}

function pushed(sessions: Session[], item: Item): readonly number[] {
  const effects: UserEffect[] = [];
  pushItem({ sessions } as unknown as UserState, item, effects);
  return effects.flatMap((effect) => (effect.kind === 'push' ? effect.sessions : []));
}

test('what comes late, at a takeover, goes to those who cannot have it, and not after what is newer', () => {
  const session = (number: number, has: Version): Session => ({
    number,
    held: null,
    since: null,
    has,
    caught: null,
  });
  const sessions = [session(1, at(50)), session(2, at(100)), session(3, at(150))];
  expect(pushed(sessions, statusAt(100))).toEqual([1]);
  // Told to read anew, all of them will have read it.
  expect(pushed(sessions, { kind: 'resync', version: at(200) })).toEqual([1, 2, 3]);
  expect(pushed(sessions, statusAt(180))).toEqual([]);
  expect(pushed(sessions, statusAt(201))).toEqual([1, 2, 3]);
});

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
