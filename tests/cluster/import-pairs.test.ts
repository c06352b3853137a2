// Reading pairs: separators, headers, comments, bad lines, and which way the pairs point.
import { expect, test } from 'vitest';
import { directionOf } from '../../cluster/import-direction.ts';
import { pairStore } from '../../cluster/import-graph.ts';
import { readPairs } from '../../cluster/import-pairs.ts';

async function* linesOf(text: string): AsyncGenerator<string> {
  yield* text.split('\n');
}

async function read(text: string) {
  const pairs: [string, string][] = [];
  const about = await readPairs(linesOf(text), (first, second) => pairs.push([first, second]));
  return { ...about, pairs };
}

/** What an import makes of a file: the direction, and the follows as `follower>followee`. */
async function follows(text: string, wanted: 'mutual' | 'directed' | null = null) {
  const store = pairStore();
  const about = await readPairs(linesOf(text), store.add);
  const { reversed } = store.close();
  const direction = directionOf({ wanted, read: about, reversed });
  const { handles, starts, targets } = store.graph(direction);
  const all = handles.flatMap((handle, account) =>
    Array.from(
      targets.subarray(starts[account], starts[account + 1]),
      (target) => `${handle}>${handles[target]}`,
    ),
  );
  return { ...direction, all: all.sort() };
}

test.each([
  ['commas', 'ann,bob\nbob,cyd'],
  ['tabs', 'ann\tbob\nbob\tcyd'],
  ['semicolons', 'ann;bob\nbob;cyd'],
  ['spaces', 'ann bob\nbob   cyd'],
  ['quotes', '"ann","bob"\n"bob","cyd"'],
  ['a third column', 'ann,bob,17\nbob,cyd,4'],
  ['Windows line ends and a byte order mark', '\uFEFFann,bob\r\nbob,cyd\r'],
  ['blank lines and comments', '# made by hand\n\nann,bob\n\n% more\nbob,cyd\n'],
])('pairs with %s are read', async (_, text) => {
  const { pairs, header, bad } = await read(text);
  expect(pairs).toEqual([
    ['ann', 'bob'],
    ['bob', 'cyd'],
  ]);
  expect({ header, bad }).toEqual({ header: null, bad: 0 });
});

test('a name with spaces stays whole between commas', async () => {
  expect((await read('Ann Lee,Bob Ray\nx,y')).pairs[0]).toEqual(['Ann Lee', 'Bob Ray']);
});

test.each([
  'id_1,id_2',
  'follower,followee',
  'FromNodeId\tToNodeId',
  'user_a user_b',
  'source,target',
  'who whom',
])('words over numbers, or that name columns, are a header: %s', async (header) => {
  const separator = /[,\t ]/.exec(header)?.[0] ?? ',';
  const over = (rows: string[][]) => [header, ...rows.map((row) => row.join(separator))].join('\n');
  expect((await read(over([['1', '2']]))).pairs).toEqual([['1', '2']]);
  expect((await read(over([['ann', 'bob']]))).pairs).toEqual([['ann', 'bob']]);
  expect((await read(header)).pairs).toEqual([]);
});

test.each(['ann,bob\ncyd,dee', '1,2\n3,4', 'ann,2\n3,4', 'ann,bob'])(
  'no header is seen in %j',
  async (text) => {
    expect((await read(text)).header).toBeNull();
  },
);

test('bad lines are counted, the first three are shown, and the rest is read', async () => {
  const { pairs, bad, badLines, lines } = await read(`1,2\nalone\n,5\n6,\n${'x'.repeat(300)},7\n8,9`);
  expect(pairs).toEqual([
    ['1', '2'],
    ['8', '9'],
  ]);
  expect({ bad, lines }).toEqual({ bad: 4, lines: 6 });
  expect(badLines).toEqual([
    { number: 2, text: 'alone' },
    { number: 3, text: ',5' },
    { number: 4, text: '6,' },
  ]);
});

test('columns that are not told apart, over pairs of which none is named both ways, are mutual follows', async () => {
  const { isMutual, why, all } = await follows('id_1,id_2\n1,2\n3,2');
  expect(isMutual).toBe(true);
  expect(why).toContain('the header (id_1,id_2) does not tell its columns apart');
  expect(all).toEqual(['u1>u2', 'u2>u1', 'u2>u3', 'u3>u2']);
});

test('a pair that is named both ways makes the file directed, whatever its header', async () => {
  const { isMutual, why, all } = await follows('id_1,id_2\n1,2\n2,1\n3,2');
  expect(isMutual).toBe(false);
  expect(why).toContain('1 pairs are named in both directions');
  expect(all).toEqual(['u1>u2', 'u2>u1', 'u3>u2']);
});

test('without a header or other sign the first follows the second', async () => {
  const { all, why } = await follows('298960 105232\n95688 3393');
  expect(all).toEqual(['u298960>u105232', 'u95688>u3393']);
  expect(why).toContain('nothing in the file says otherwise');
});

test('a header that names the roles is believed, the other way round, too', async () => {
  expect((await follows('follower,followee\nann,bob')).all).toEqual(['ann>bob']);
  expect((await follows('followed,follower\nann,bob')).all).toEqual(['bob>ann']);
  expect((await follows('target,source\nann,bob')).all).toEqual(['bob>ann']);
});

test('a comment in the file is believed', async () => {
  const undirected = '# Undirected graph: friends\n# FromNodeId\tToNodeId\n1\t2';
  expect((await follows(undirected)).all).toEqual(['u1>u2', 'u2>u1']);
  expect((await follows('# Directed graph\nid_1\tid_2\n1\t2')).all).toEqual(['u1>u2']);
});

test('what is asked for on the command line comes before everything else', async () => {
  expect((await follows('1 2\n2 1\n3 1', 'mutual')).all).toEqual(['u1>u2', 'u1>u3', 'u2>u1', 'u3>u1']);
  expect((await follows('id_1,id_2\n1,2', 'directed')).all).toEqual(['u1>u2']);
});
