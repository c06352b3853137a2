// The timeline against a simple model: a sorted set of ids, cut at its length.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdSet, noIds } from '../../actors/id-set.ts';
import { type Page, Timeline } from '../../actors/timeline.ts';
import { type AccountId, accountIdLimit } from '../../runtime/account-id.ts';
import { makeStatusId, type StatusId, statusAuthor } from '../../runtime/status-id.ts';

const epochMs = Date.UTC(2026, 0, 1);
/** Few times and authors, so that they collide; and the ends of their ranges. */
const author = fc.oneof(fc.nat({ max: 3 }), fc.constant(accountIdLimit - 1)).map((id) => id as AccountId);
const status = fc
  .tuple(fc.nat({ max: 40 }), author, fc.constantFrom(0, 1, 4095))
  .map(([ms, by, salt]) => makeStatusId(epochMs + ms, by, salt));

class Model {
  ids: StatusId[] = [];
  readonly most: number;
  constructor(most: number) {
    this.most = most;
  }
  insert(id: StatusId): void {
    const all = [...new Set([...this.ids, id])].sort();
    this.ids = all.slice(-this.most);
  }
  remove(id: StatusId): void {
    this.ids = this.ids.filter((other) => other !== id);
  }
  removeAuthor(by: AccountId): void {
    this.ids = this.ids.filter((id) => statusAuthor(id) !== by);
  }
  page({ maxId, sinceId, minId, limit }: Page): StatusId[] {
    const above = minId ?? sinceId;
    const inside = this.ids.filter((id) => (maxId === null || id < maxId) && (above === null || id > above));
    return (minId === null ? inside.slice(-limit) : inside.slice(0, limit)).reverse();
  }
}

const all: Page = { maxId: null, sinceId: null, minId: null, limit: 1000 };

test('a timeline equals a sorted set cut at its length, whatever comes in whatever order', () => {
  const act = fc.oneof(
    { weight: 6, arbitrary: status.map((id) => ({ kind: 'insert' as const, id })) },
    { weight: 2, arbitrary: status.map((id) => ({ kind: 'remove' as const, id })) },
    { weight: 1, arbitrary: author.map((by) => ({ kind: 'removeAuthor' as const, by })) },
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120 }), fc.integer({ min: 1, max: 30 }), (acts, most) => {
      const timeline = new Timeline(most);
      const model = new Model(most);
      for (const one of acts) {
        if (one.kind === 'removeAuthor') {
          timeline.removeAuthor(one.by);
          model.removeAuthor(one.by);
        } else {
          timeline[one.kind](one.id);
          model[one.kind](one.id);
        }
        expect(timeline.page(all)).toEqual([...model.ids].reverse());
      }
    }),
    { numRuns: 300 },
  );
});

test('every page equals the same cut of the model', () => {
  const bound = fc.option(status, { nil: null });
  fc.assert(
    fc.property(
      fc.array(status, { maxLength: 60 }),
      bound,
      bound,
      bound,
      fc.integer({ min: 1, max: 8 }),
      (ids, maxId, sinceId, minId, limit) => {
        const timeline = new Timeline();
        const model = new Model(800);
        for (const id of ids) {
          timeline.insert(id);
          model.insert(id);
        }
        const page = { maxId, sinceId, minId, limit };
        expect(timeline.page(page)).toEqual(model.page(page));
      },
    ),
    { numRuns: 1000 },
  );
});

test('pages downwards by maxId never skip or repeat while newer posts arrive', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(status, { maxLength: 50 }),
      fc.array(fc.nat({ max: 3 }), { maxLength: 30 }),
      (ids, arrivals) => {
        const timeline = new Timeline();
        for (const id of ids) timeline.insert(id);
        const seen: StatusId[] = [];
        let newMs = epochMs + 1000;
        for (let maxId: StatusId | null = null, turn = 0; ; turn++) {
          const page = timeline.page({ maxId, sinceId: null, minId: null, limit: 7 });
          seen.push(...page);
          const last = page.at(-1);
          if (last === undefined) break;
          maxId = last;
          for (let arrival = 0; arrival < (arrivals[turn] ?? 0); arrival++)
            timeline.insert(makeStatusId(newMs++, 1 as AccountId, 0));
        }
        expect(seen).toEqual([...ids].sort().reverse());
      },
    ),
    { numRuns: 300 },
  );
});

test('pages upwards by minId, while newer posts arrive, give every newer post once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 20 }), (arrivals) => {
      const timeline = new Timeline();
      let ms = epochMs;
      const added: StatusId[] = [];
      const arrive = (): void => {
        const id = makeStatusId(ms++, 2 as AccountId, 5);
        timeline.insert(id);
        added.push(id);
      };
      arrive();
      const seen: StatusId[] = [];
      let minId = added[0] ?? null;
      for (const count of [
        ...arrivals,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
      ]) {
        for (let arrival = 0; arrival < count; arrival++) arrive();
        const page = timeline.page({ maxId: null, sinceId: null, minId, limit: 4 });
        seen.push(...[...page].reverse());
        minId = page[0] ?? minId;
      }
      expect(seen).toEqual(added.slice(1));
    }),
  );
});

test('a full timeline takes nothing older than its oldest', () => {
  const timeline = new Timeline(2);
  const [oldest, older, newer] = [1, 2, 3].map((ms) => makeStatusId(epochMs + ms, 1 as AccountId, 0));
  if (oldest === undefined || older === undefined || newer === undefined) throw new Error('three');
  expect([timeline.insert(older), timeline.insert(newer), timeline.insert(oldest)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(timeline.page(all)).toEqual([newer, older]);
});

test('a set of ids equals a set', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 20 }))), (acts) => {
      let ids = noIds;
      const model = new Set<number>();
      for (const [isAdd, number] of acts) {
        const id = number as AccountId;
        if (isAdd) {
          ids = ids.with(id);
          model.add(id);
        } else {
          expect(ids.delete(id)).toBe(model.delete(id));
        }
        expect(ids.has(id)).toBe(model.has(id));
        expect(ids.size).toBe(model.size);
      }
      expect([...ids]).toEqual([...model].sort((one, other) => one - other));
      expect([...IdSet.of(ids.packed())]).toEqual([...ids]);
      expect(noIds.size).toBe(0);
    }),
  );
});
