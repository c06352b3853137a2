// Reads whose records are on another machine: the same answers as there, in few rounds of questions, however much is looked at.
import { describe, expect, test } from 'vitest';
import { accountFact, accountRecord, factKind, statusFact } from '../../actors/facts.ts';
import { pageOf } from '../../actors/pages.ts';
import { marked } from '../../actors/queries-accounts.ts';
import { authorStatuses, searchStatuses } from '../../actors/queries-statuses.ts';
import { statusRecord } from '../../actors/status-record.ts';
import { type AccountId, firstAccountOf } from '../../runtime/account-id.ts';
import type { FoundFact, FoundView, Range, Reader } from '../../runtime/behaviours.ts';
import { accountAt, type Key, keyOf } from '../../runtime/key.ts';
import { answerNeeds, type Found, PartialReader } from '../../runtime/reading.ts';
import { makeStatusId, type StatusId } from '../../runtime/status-id.ts';
import { makeVersion } from '../../runtime/version.ts';
import { plainAccount } from '../support/records.ts';

const author = firstAccountOf(900);
const other = firstAccountOf(800);
const viewer = firstAccountOf(1);

/** Another machine, with all there is. */
function machineOf(
  facts: readonly FoundFact[],
  views: readonly FoundView[] = [],
  ids: readonly StatusId[] = [],
): Reader {
  const byKey = new Map(facts.map((fact) => [fact.key, fact]));
  const within = <T extends { key: Key }>(records: readonly T[], { from, to, most, reverse }: Range): T[] => {
    const inside = records.filter(({ key }) => key >= from && key < to);
    inside.sort((one, next) => (one.key < next.key ? -1 : 1));
    return (reverse === true ? inside.reverse() : inside).slice(0, most);
  };
  const newest = [...ids].sort().reverse();
  const below = (bound: StatusId | null, most: number): StatusId[] =>
    newest.filter((id) => bound === null || id < bound).slice(0, most);
  return {
    fact: (key) => byKey.get(key) ?? null,
    view: (key) => views.find((view) => view.key === key)?.value,
    facts: (range) => within(facts, range),
    views: (range) => within(views, range),
    recent: (_author, bound, most) => below(bound, most),
    find: (_words, bounds) => below(bounds.below, bounds.most),
  };
}

/** The result of a read made where nothing but the viewer's records is, and how many rounds of questions it took. */
function remotely<T>(machine: Reader, run: (reader: Reader) => T): { value: T; rounds: number } {
  const fetched = new Map<string, Found>();
  for (let rounds = 0; ; rounds++) {
    const reader = new PartialReader({ local: machine, isHere: (account) => account === viewer, fetched });
    const value = run(reader);
    if (!reader.lacks) return { value, rounds };
    for (const [id, asked] of reader.needs)
      for (const found of answerNeeds(machine, [asked])) fetched.set(id, found);
  }
}

const version = makeVersion(1, 0, 1);

function post(
  id: StatusId,
  fields: { replyTo?: StatusId; visibility?: 'public' | 'direct' } = {},
): FoundFact {
  const { replyTo = null, visibility = 'public' } = fields;
  const value = statusRecord.encode({
    kind: 'post',
    text: 'text',
    visibility,
    sensitive: false,
    spoiler: '',
    language: null,
    replyTo,
    mentions: [],
    app: null,
  });
  return { key: statusFact(id), version, value };
}

function account(id: AccountId): FoundFact {
  const value = accountRecord.encode({ handle: 'somebody', ...plainAccount, fields: [] });
  return { key: accountFact(id), version, value };
}

const most = 4500;
const ids = Array.from({ length: most }, (_, place) => makeStatusId(1000 + place, author, 0));
const [oldest] = ids as [StatusId];
const newest = ids.at(-1) as StatusId;

describe('a page behind thousands of records that are left out takes few rounds', () => {
  const answered = makeStatusId(1, other, 0);

  test.each([
    ['downwards', { maxId: null, minId: null }, oldest],
    ['upwards', { maxId: null, minId: makeStatusId(1, author, 0) }, newest],
  ])('of an author’s statuses, %s', (_way, bounds, wanted) => {
    const machine = machineOf(
      [
        account(author),
        account(other),
        ...ids.map((id) => post(id, id === wanted ? {} : { replyTo: answered })),
      ],
      [],
      ids,
    );
    const read = (reader: Reader): unknown =>
      authorStatuses(
        reader,
        { author, viewer, sinceId: null, limit: 20, excludeReplies: true, excludeBoosts: false, ...bounds },
        1,
      );
    const { value, rounds } = remotely(machine, read);
    expect(value).toMatchObject({ ok: true, value: { ids: [wanted] } });
    expect(value).toEqual(read(machine));
    expect(rounds).toBeLessThan(25);
  });

  test('of a range', () => {
    const prefix = keyOf(author, 'l');
    const views = ids.map((id): FoundView => ({ key: `${prefix}${id}`, value: null }));
    const machine = machineOf([account(author)], views);
    const keep =
      (reader: Reader) =>
      ({ key }: FoundView) =>
        reader.fact(accountFact(accountAt(key))) !== null && key.endsWith(oldest) ? key : null;
    const read = (reader: Reader): Key[] =>
      pageOf(reader, prefix, { max: null, since: null, min: null }, 20, keep(reader));
    const { value, rounds } = remotely(machine, read);
    expect(value).toEqual([`${prefix}${oldest}`]);
    expect(value).toEqual(read(machine));
    expect(rounds).toBeLessThan(20);
  });

  test('of what somebody has marked', () => {
    const marks = ids.map((id, place): FoundFact => {
      const key = keyOf(viewer, factKind.favourite, id);
      return { key, version: makeVersion(1000 + place, 0, 1), value: [] };
    });
    const machine = machineOf([
      account(author),
      account(viewer),
      ...ids.map((id) => post(id, { visibility: id === oldest ? 'public' : 'direct' })),
      ...marks,
    ]);
    const read = (reader: Reader): unknown =>
      marked(reader, { viewer, mark: 'favourite', maxId: null, sinceId: null, minId: null, limit: 20 }, 1);
    const { value, rounds } = remotely(machine, read);
    expect(value).toMatchObject({ ok: true, value: { ids: [oldest] } });
    expect(value).toEqual(read(machine));
    expect(rounds).toBeLessThan(20);
  });

  test('of what a search finds', () => {
    const machine = machineOf(
      [account(author), ...ids.map((id) => post(id, { visibility: id === oldest ? 'public' : 'direct' }))],
      [],
      ids,
    );
    const read = (reader: Reader): unknown =>
      searchStatuses(
        reader,
        { q: 'text', viewer, author: null, maxId: null, sinceId: null, minId: null, limit: 20, offset: 0 },
        1,
      );
    const { value, rounds } = remotely(machine, read);
    expect(value).toMatchObject({ ok: true, value: { ids: [oldest] } });
    expect(value).toEqual(read(machine));
    expect(rounds).toBeLessThan(25);
  });
});

test('a page that is full asks for nothing that it does not show', () => {
  const prefix = keyOf(author, 'l');
  const views = ids.map((id): FoundView => ({ key: `${prefix}${id}`, value: null }));
  const machine = machineOf([], views);
  const looked: Key[] = [];
  const { rounds } = remotely(machine, (reader) =>
    pageOf(reader, prefix, { max: null, since: null, min: null }, 20, ({ key }) => {
      looked.push(key);
      return key;
    }),
  );
  expect(rounds).toBe(1);
  expect(looked.length).toBe(20);
});
