// What a session is sent, by what its cursor says it has.
import { expect, test } from 'vitest';
import type { Item } from '../../actors/items.ts';
import { pushItem } from '../../actors/user-sessions.ts';
import type { Session, UserEffect, UserState } from '../../actors/user-state.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { makeStatusId } from '../../runtime/status-id.ts';
import { makeVersion, type Version } from '../../runtime/version.ts';

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
