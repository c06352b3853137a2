// People read their own writes, also where the answer comes before the announcement: the actor alone, with nobody who announces.
import { expect, test } from 'vitest';
import { accountFact, accountRecord } from '../../actors/facts.ts';
import { type UserMessage, user } from '../../actors/user.ts';
import { firstAccountOf } from '../../runtime/account-id.ts';
import type { Moment, Reader } from '../../runtime/behaviours.ts';
import { makeStatusId } from '../../runtime/status-id.ts';
import { makeVersion } from '../../runtime/version.ts';
import { noReader, plainAccount, plainPost } from '../support/records.ts';

const account = firstAccountOf(5);
const version = makeVersion(1_700_000_000_000, 0, 1);
const own = accountRecord.encode({ handle: 'anna', ...plainAccount, fields: [] });
const reader: Reader = {
  ...noReader,
  fact: (key) => (key === accountFact(account) ? { version, value: own } : null),
};

test('a post is in its author’s home before it is announced', () => {
  let state = user.load(account, reader);
  const moment: Moment = {
    request: 1,
    nowMs: 1_700_000_000_001,
    watermark: version,
    hasAll: true,
    chance: 0.5,
  };
  const receive = (message: Parameters<typeof user.receive>[1]) => {
    const [next, effects] = user.receive(state, message, moment, reader);
    state = next;
    return effects;
  };
  const home = { kind: 'home', account, maxId: null, sinceId: null, minId: null, limit: 20 } as UserMessage;
  const gather = receive(home).find((effect) => effect.kind === 'gather');
  if (gather?.kind !== 'gather') throw new Error('a home that is not built gathers');
  receive({ kind: 'gathered', ticket: gather.ticket, statuses: [], found: [[]], failed: null });
  receive({ kind: 'publish', account, text: 'hello', ...plainPost, mentions: [], once: null } as UserMessage);
  const [reply] = receive(home);
  expect(reply).toMatchObject({ kind: 'reply', outcome: { ok: true, value: { ids: [expect.any(String)] } } });
});

test('that a post is gone is said no earlier than its delete is on the disk', () => {
  const moment: Moment = {
    request: 1,
    nowMs: 1_700_000_000_001,
    watermark: version,
    hasAll: true,
    chance: 0.5,
  };
  const id = makeStatusId(1_700_000_000_000, account, 1);
  const [, effects] = user.receive(
    user.load(account, reader),
    { kind: 'deleteStatus', account, id },
    moment,
    reader,
  );
  // Everything after `persist` waits for all that was submitted before.
  expect(effects.map(({ kind }) => kind)).toEqual(['persist', 'reply']);
  expect(effects[1]).toMatchObject({ outcome: { ok: false, rejection: { code: 'not-found' } } });
});
