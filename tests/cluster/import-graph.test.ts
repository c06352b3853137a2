// The graph of an import: handles from names, each pair once, the best connected.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { best, graphOfFollows, pairStore, targetsOf } from '../../cluster/import-graph.ts';
import { handleOf } from '../../cluster/import-handle.ts';
import { handleForm } from '../../runtime/handle.ts';

test.each([
  ['17', 'u17'],
  ['ann', 'ann'],
  ['Ann_99', 'Ann_99'],
  ['ann.lee@example.org', 'ann_lee_example_org_'],
  ['Jörg', 'J_rg_'],
  ['x'.repeat(31), `${'x'.repeat(21)}_`],
  ['9'.repeat(30), `${'9'.repeat(21)}_`],
])('the name %s becomes a handle', (name, beginning) => {
  const handle = handleOf(name);
  if (beginning.endsWith('_')) expect(handle).toMatch(new RegExp(`^${beginning}[0-9a-f]{8}$`));
  else expect(handle).toBe(beginning);
});

test('every name gets a valid handle, the same one each time, and different names different ones', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string({ minLength: 1 }), (one, other) => {
      expect(handleOf(one)).toMatch(handleForm);
      expect(handleOf(one)).toBe(handleOf(one));
      const isPlain = (name: string) => handleForm.test(name);
      if (one !== other && !isPlain(one) && !isPlain(other)) expect(handleOf(one)).not.toBe(handleOf(other));
    }),
  );
});

test('repeated pairs and follows of oneself are left out and counted; handles that differ in case are one', () => {
  const store = pairStore();
  store.add('ann', 'bob');
  store.add('ann', 'bob');
  store.add('Ann', 'BOB');
  store.add('bob', 'bob');
  expect(store.close()).toEqual({ repeated: 2, reversed: 0 });
  expect(store.selfFollows).toBe(1);
  const { handles, targets } = store.graph({ isMutual: false, isSwapped: false });
  expect(handles).toEqual(['ann', 'bob']);
  expect([...targets]).toEqual([1]);
});

test('the graph holds exactly the pairs, both ways when they are mutual', () => {
  const pair = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 30 }));
  fc.assert(
    fc.property(
      fc.array(pair, { maxLength: 2000 }),
      fc.boolean(),
      fc.boolean(),
      (pairs, isMutual, isSwapped) => {
        const store = pairStore();
        const expected = new Set<string>();
        for (const [one, other] of pairs) {
          store.add(String(one), String(other));
          if (one === other) continue;
          if (isMutual || !isSwapped) expected.add(`u${one}>u${other}`);
          if (isMutual || isSwapped) expected.add(`u${other}>u${one}`);
        }
        store.close();
        const graph = store.graph({ isMutual, isSwapped });
        const found = graph.handles.flatMap((handle, account) =>
          Array.from(targetsOf(graph, account), (target) => `${handle}>${graph.handles[target]}`),
        );
        expect(found.length).toBe(expected.size);
        expect(new Set(found)).toEqual(expected);
      },
    ),
  );
});

test('the best connected are those with the most follows in and out, with the follows among them', () => {
  const graph = graphOfFollows(
    ['lone', 'hub', 'busy', 'quiet'],
    [
      [1, 2],
      [2, 1],
      [3, 1],
      [2, 0],
    ],
  );
  const chosen = best(graph, 2);
  expect(chosen.handles).toEqual(['hub', 'busy']);
  expect([...targetsOf(chosen, 0)]).toEqual([1]);
  expect([...targetsOf(chosen, 1)]).toEqual([0]);
  expect(best(graph, 4)).toBe(graph);
});
