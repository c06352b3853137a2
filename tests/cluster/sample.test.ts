// The made-up people, graph and texts of `import --sample`.
import { expect, test } from 'vitest';
import { graphOfFollows, targetsOf } from '../../cluster/import-graph.ts';
import { seededChance } from '../../cluster/sample-chance.ts';
import { sampleGraph } from '../../cluster/sample-graph.ts';
import { samplePeople } from '../../cluster/sample-people.ts';
import { sampleTexts } from '../../cluster/sample-texts.ts';
import { handleForm } from '../../runtime/handle.ts';

const handlesOf = (count: number, seed = '1') => samplePeople(count, seed).map(({ handle }) => handle);

test('chance is the same for the same seed, on every machine', () => {
  const chance = seededChance('a seed');
  const first = Array.from({ length: 1000 }, chance);
  expect(first).toEqual(Array.from({ length: 1000 }, seededChance('a seed')));
  expect(first).not.toEqual(Array.from({ length: 1000 }, seededChance('another')));
  expect(first.slice(0, 2)).toMatchInlineSnapshot(`
    [
      0.30217888625338674,
      0.6806989712640643,
    ]
  `);
  const mean = first.reduce((sum, value) => sum + value) / first.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.05);
  expect(first.every((value) => value >= 0 && value < 1)).toBe(true);
});

test('people have valid handles, each once, even when the names are used up', () => {
  const handles = handlesOf(20_000);
  expect(new Set(handles.map((handle) => handle.toLowerCase())).size).toBe(20_000);
  expect(handles.every((handle) => handleForm.test(handle))).toBe(true);
  expect(handlesOf(10)).toEqual(handles.slice(0, 10));
  expect(handlesOf(10, '2')).not.toEqual(handles.slice(0, 10));
});

test('the graph is the same for the same seed', () => {
  const handles = handlesOf(500);
  expect(sampleGraph(handles, '1')).toEqual(sampleGraph(handles, '1'));
  expect(sampleGraph(handles, '1').targets).not.toEqual(sampleGraph(handles, '2').targets);
});

test('a few are followed by very many and most by few', () => {
  const graph = sampleGraph(handlesOf(2_000), '1');
  const followers = new Array<number>(2_000).fill(0);
  for (const target of graph.targets) followers[target] = (followers[target] ?? 0) + 1;
  const sorted = followers.toSorted((a, b) => b - a);
  const mean = graph.targets.length / 2_000;
  expect(mean).toBeGreaterThan(20);
  expect(mean).toBeLessThan(45);
  const top = sorted.slice(0, 20).reduce((sum, count) => sum + count);
  expect(top / graph.targets.length).toBeGreaterThan(0.08);
  expect(sorted[1_000]).toBeLessThan(mean);
});

test('nobody follows themselves, and samples of every size work', () => {
  for (const size of [1, 2, 3, 10, 100]) {
    const graph = sampleGraph(handlesOf(size), '1');
    for (let account = 0; account < size; account++) {
      expect([...targetsOf(graph, account)]).not.toContain(account);
    }
    expect(graph.targets.length > 0).toBe(size > 1);
  }
});

test('texts are the same for the same author, fit a post, and hold tags, links, and mentions of friends only', () => {
  const textOf = sampleTexts({ handle: 'ann', friends: ['bob', 'cyd'], seed: '1' });
  const texts = Array.from({ length: 300 }, (_, n) => textOf(n));
  expect(texts).toEqual(texts.map((_, n) => textOf(n)));
  expect(texts.every((text) => text.length > 0 && text.length <= 500 && !text.includes('{'))).toBe(true);
  expect(new Set(texts).size).toBeGreaterThan(250);
  const all = texts.join('\n');
  expect(all).toMatch(/#\w+/);
  expect(all).toMatch(/https:\/\/example\.org\//);
  expect(new Set([...all.matchAll(/@(\w+)/g)].map((match) => match[1]))).toEqual(new Set(['bob', 'cyd']));
  const alone = sampleTexts({ handle: 'ann', friends: [], seed: '1' });
  expect(Array.from({ length: 300 }, (_, n) => alone(n)).join()).not.toContain('@');
});

test('a graph of follows in any order is the same graph', () => {
  const follows: [number, number][] = [
    [2, 0],
    [0, 1],
    [0, 2],
  ];
  expect(graphOfFollows(['a', 'b', 'c'], follows)).toEqual(
    graphOfFollows(['a', 'b', 'c'], follows.toReversed()),
  );
});
