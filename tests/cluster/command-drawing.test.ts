// How the ring and the cluster are drawn, and that every command has help.
import { expect, test } from 'vitest';
import { runCommandLine } from '../../cluster/command-line.ts';
import { drawRing, type RingShown } from '../../cluster/command-ring-drawing.ts';
import {
  type ClusterShown,
  clusterShown,
  copiesLine,
  drawCluster,
} from '../../cluster/command-status-cluster.ts';

function ring(change: Partial<RingShown> = {}): RingShown {
  return {
    epoch: 7,
    partitions: 128,
    cores: [5, 9],
    next: null,
    change: null,
    names: { '5': 'one', '9': 'two' },
    owners: Array.from({ length: 128 }, () => [5, 9]),
    nextOwners: Array.from({ length: 128 }, () => null),
    servers: Array.from({ length: 128 }, (_, at) =>
      at === 3 ? null : { node: at < 64 ? 5 : 9, term: 2 + (at % 3) },
    ),
    nodes: [
      { node: 5, owned: 128, served: 63, unheld: 0, isAway: false },
      { node: 9, owned: 128, served: 64, unheld: 0, isAway: true },
    ],
    ...change,
  };
}

test('the ring is a letter for each partition’s server, and a line for each node', () => {
  expect(drawRing(ring()).split('\n')).toEqual([
    'epoch 7, 128 partitions',
    '',
    '     node                     number    owns  serves to fetch',
    '  A  one                           5     128      63        0',
    '  B  two                           9     128       -        -  away',
    '',
    '  who serves which partition; "." nobody that is known here',
    `      0  AAA.${'A'.repeat(60)}`,
    `     64  ${'B'.repeat(64)}`,
    '',
    '  128 with 2 owners',
    '  terms 2 to 4',
  ]);
});

test('a change that is under way says what it waits for', () => {
  const changing = ring({
    next: [9],
    change: { kind: 'waits', for: [9], unheld: 40 },
    nextOwners: Array.from({ length: 128 }, () => [9]),
  });
  const drawn = drawRing(changing);
  expect(drawn).toContain('a change is under way: 40 to fetch, waits for two');
  expect(drawn).toMatch(/A {2}one .* leaving/);
  expect(drawn).toContain('128 with 2 owners; 128 get others');
});

test.each([
  [1, 1, 1, 1, 'one machine: what it has is there once'],
  [3, 1, 1, 1, '3 cores on one machine: each account is there once'],
  [2, 2, 2, 2, '2 machines: each account is on two, and both are needed to write'],
  [5, 5, 3, 2, '5 machines: each account is on 3, and any 2 of them are enough to write'],
])('%i cores on %i machines, in words', (cores, machines, owners, writes, words) => {
  const numbers = Array.from({ length: cores }, (_, at) => at + 1);
  const shown = { replication: { machines, owners, writes }, ring: { cores: numbers, next: null } };
  expect(copiesLine(shown)).toBe(words);
});

/** A cluster of these, by the core of anna. */
function drawnOf(shown: Partial<ClusterShown>): string[] {
  const drawn = drawCluster(
    {
      cluster: 'c'.repeat(64),
      node: 4,
      epoch: 7,
      conflict: null,
      copiedKeys: [],
      keepers: [4],
      dhtKeys: 1,
      replication: { machines: 3, owners: 3, writes: 2 },
      ring: { cores: [4, 3, 5], next: null },
      nodes: [],
      ...shown,
    },
    0,
  );
  return drawn.split('\n');
}

test('a node key that two processes have is told, with the places of both', () => {
  const copiedKeys = [{ node: 3, addresses: ['10.0.0.2:8081', '10.0.0.9:8081'] }];
  expect(drawnOf({ copiedKeys }).find((line) => line.includes('KEY'))).toBe(
    '  TWO PROCESSES HAVE THE KEY OF 3 (10.0.0.2:8081 and 10.0.0.9:8081): a data folder was copied. Stop one; let it join with a folder of its own.',
  );
});

test('a clock that is far from the others’ is told, with how far and to which side', () => {
  const node = (name: string, clockOffsetMs: number): ClusterShown['nodes'][number] => ({
    node: name.length,
    name,
    machine: name,
    inRing: true,
    roles: ['core'],
    standing: 'member',
    isHere: name === 'anna',
    core: { address: null, sinceMs: 0, serving: 1, unheld: 0, epoch: 7, clockOffsetMs },
    owned: 1,
    release: null,
    processes: [],
  });
  const drawn = drawnOf({ nodes: [node('anna', 249), node('ben', 3_210), node('cleo9', -600_000)] });
  expect(drawn.filter((line) => line.includes('clock'))).toEqual([
    '  the clock of ben is 3.2 s ahead of the others’: from half a second on a core gets no leases',
    '  the clock of cleo9 is 600.0 s behind the others’: from half a second on a core gets no leases',
  ]);
});

test('each machine has the release it runs, and a name that would move the cursor does not', () => {
  const node = (name: string, release: { id: string; label: string } | null) => ({
    node: name.length,
    name,
    machine: name,
    inRing: true,
    roles: ['core'],
    standing: 'member',
    isHere: false,
    core: null,
    owned: 1,
    release,
    processes: [],
  });
  const id = '3f'.repeat(32);
  const drawn = drawnOf({
    nodes: [
      node('anna', { id, label: '0.2.0-3f3f3f3f3f3f' }),
      node('ben', null),
      node('cleo9', { id, label: '\u001b[2J' }),
    ],
  });
  expect(drawn.at(-4)).toMatch(/to fetch {2}release$/);
  expect(drawn.at(-3)).toMatch(/^ {2}anna .* 0\.2\.0-3f3f3f3f3f3f$/);
  expect(drawn.at(-2)).toMatch(/^ {2}ben .* -$/);
  expect(drawn.at(-1)).toMatch(/ \[2J$/);
  // A core of a former release says nothing of it.
  const { release: _, ...former } = node('anna', null);
  const read = clusterShown.shape.nodes.parse([former]);
  expect(read[0]?.release).toBeNull();
});

async function said(...args: string[]) {
  let written = '';
  let complained = '';
  const exit = await runCommandLine(args, {
    write: (text) => {
      written += text;
    },
    complain: (text) => {
      complained += text;
    },
  });
  return { exit, written, complained };
}

test.each([
  ['invite'],
  ['ring'],
  ['ring', 'show'],
  ['ring', 'add'],
  ['ring', 'remove'],
  ['ring', 'abort'],
  ['node', 'revoke'],
  ['key', 'rotate'],
  ['key', 'retire'],
  ['keeper', 'export'],
  ['keeper', 'import'],
])('%s %s has help', async (...command) => {
  const { exit, written, complained } = await said(...command.filter((word) => word !== ''), '--help');
  expect([exit, complained]).toEqual([0, '']);
  expect(written).toContain(`Usage: murmuration ${command.join(' ')}`);
});

test.each([
  [['ring', 'add'], 2, "missing required argument 'NODE'"],
  [['ring', 'show', '--data', '/nowhere'], 1, 'There is no data folder /nowhere'],
  [['invite', '--expires', 'soon'], 2, 'must be a time such as 10m, 1h or 7d, 30d at most'],
  [['invite', '--roles', 'king'], 2, 'must be gateway, core or both'],
  [['start', '--roles', 'king'], 2, 'must be gateway, core or both'],
  [['start', '--capacity', '0'], 2, 'must be a whole number from 1 to 10000'],
  [['start', '--cluster-port', 'x'], 2, 'must be a whole number from 0 to 65535'],
  [['keeper', 'import', '/nowhere.txt', '--data', '/nowhere'], 1, 'There is no data folder /nowhere'],
])('%j ends with code %i and one line', async (args, code, message) => {
  const { exit, written, complained } = await said(...args);
  expect({ exit, written }).toEqual({ exit: code, written: '' });
  expect(complained).toContain(message);
  expect(complained.trim()).not.toContain('\n');
});
