// How a deploy is shown: a bar for each machine, when it is over, and what went wrong.
import { expect, test } from 'vitest';
import {
  type DeployShown,
  deployShown,
  drawDeploy,
  isOver,
  stateOf,
  troubleOf,
} from '../../cluster/command-deploy-drawing.ts';

type Machine = DeployShown['machines'][number];
type Agent = NonNullable<Machine['agent']>;

const mebi = 2 ** 20;

function machine(name: string, agent: Partial<Agent> | null = {}, wave = 1): Machine {
  const said: Agent = {
    runs: 'ab',
    runsVersion: '1.2.3',
    seq: 7,
    stage: 'healthy',
    note: '',
    total: 0,
    have: 0,
    moved: 0,
    ...agent,
  };
  return { node: name.length, name, wave, agent: agent === null ? null : said };
}

function shown(machines: Machine[], change: Partial<DeployShown> = {}): DeployShown {
  return {
    pointer: {
      seq: 7,
      version: '1.2.4',
      release: '0123456789abcdef',
      waves: '1,100%',
      holdS: 30,
      isOneWay: false,
    },
    releaseKey: 'aa',
    rollout: { wave: 1, open: 1, stopped: '' },
    waves: 2,
    machines,
    ...change,
  };
}

test('before anything was deployed there is a word for who looks, with and without a key', () => {
  const none = { pointer: null, rollout: null };
  expect(drawDeploy(shown([], { ...none, releaseKey: null }))).toMatch(/no release key is trusted yet/);
  expect(drawDeploy(shown([], none))).toBe(
    'Nothing was deployed yet: every machine runs what its checkout is.',
  );
  expect([isOver(shown([], none)), troubleOf(shown([], none))]).toEqual([true, null]);
});

test('every machine has a bar that is as long as it is far, and its state in words', () => {
  const fetching = { stage: 'fetching', total: 4 * mebi, have: 2 * mebi, moved: mebi } as const;
  const drawn = drawDeploy(
    shown([
      machine('finch', { stage: 'healthy', runsVersion: '1.2.4', total: 4 * mebi, moved: mebi / 2 }),
      machine('wren', fetching, 2),
      machine('a long name', { stage: 'refused', note: 'too large' }, 2),
      machine('away', null, 2),
      machine('old', { seq: 6 }, 2),
    ]),
  );
  expect(drawn.split('\n')).toEqual([
    'release 1.2.4 (0123456789ab), deploy 7',
    '  waves 1,100%, 30 s between them: wave 1 of 2',
    '',
    '  machine      wave  runs                         state',
    `  finch           1  1.2.4  ${'█'.repeat(20)}  healthy (0.5 MiB of 4.0 MiB moved)`,
    `  wren            2  1.2.3  ${'█'.repeat(5)}${'░'.repeat(15)}  fetched 50 % (1.0 MiB of 4.0 MiB moved)`,
    `  a long name     2  1.2.3  ${'░'.repeat(20)}  refused: too large`,
    `  away            2         ${'░'.repeat(20)}  away`,
    `  old             2  1.2.3  ${'░'.repeat(20)}  has not heard of it yet`,
  ]);
});

test('the bar never goes back while a release goes on', () => {
  const ways: Partial<Agent>[] = [
    { stage: 'heard' },
    { stage: 'fetching', total: 10, have: 0 },
    { stage: 'fetching', total: 10, have: 10 },
    { stage: 'verified', total: 10, have: 10 },
    { stage: 'changing' },
    { stage: 'probation' },
    { stage: 'healthy' },
  ];
  const cells = ways.map((agent) => drawDeploy(shown([machine('a', agent)])).match(/█/g)?.length ?? 0);
  expect(cells).toEqual([0, 0, 10, 12, 15, 18, 20]);
});

test('that there are no waves, that it is one way, that it was stopped, and that nobody leads it is said', () => {
  const pointer = { ...shown([]).pointer, isOneWay: true } as DeployShown['pointer'];
  expect(drawDeploy(shown([machine('a')], { pointer, waves: 1 }))).toMatch(
    /, deploy 7, one way\n {2}everywhere at once\n/,
  );
  const stopped = { wave: 1, open: 1, stopped: 'finch went back' };
  expect(drawDeploy(shown([machine('a')], { rollout: stopped }))).toContain('\n  STOPPED: finch went back\n');
  expect(drawDeploy(shown([machine('a')], { rollout: null }))).toContain(
    'nobody coordinates it at this moment',
  );
});

test('what a machine says of itself stays in its line, and cannot move the cursor', () => {
  const note = 'first\nsecond \u001b[2J\u009b2J';
  const evil = machine('fin\u001b[1Ach', { stage: 'refused', note, runsVersion: '1\n2' });
  const drawn = drawDeploy(shown([evil], { rollout: { wave: 1, open: 1, stopped: note } }));
  const texts = [stateOf(evil, 7), troubleOf(shown([evil])) ?? '', ...drawn.split('\n')];
  expect(drawn.split('\n')).toHaveLength(6);
  for (const text of texts) expect(text).not.toMatch(/[\p{Cc}]/u);
  expect(stateOf(evil, 7)).toBe('refused: first second  [2J 2J');
});

test.each<[string, boolean, Machine[], string]>([
  ['all are healthy', true, [machine('a'), machine('b')], ''],
  ['one is away', true, [machine('a'), machine('b', null)], ''],
  [
    'one was refused, one went back',
    true,
    [machine('a', { stage: 'refused' }), machine('b', { stage: 'back' })],
    '',
  ],
  ['one has not heard of it', false, [machine('a'), machine('b', { seq: 6 })], ''],
  ['one waits', false, [machine('a'), machine('b', { stage: 'verified' })], ''],
  ['one waits, and it was stopped', true, [machine('a'), machine('b', { stage: 'verified' })], 'a went back'],
  ['one still goes on, though it was stopped', false, [machine('a', { stage: 'probation' })], 'a went back'],
])('it is known whether it is over: %s', (_what, is, machines, stopped) => {
  expect(isOver(shown(machines, { rollout: { wave: 1, open: 1, stopped } }))).toBe(is);
});

test('in the end there is one line for what went wrong, and none when nothing did', () => {
  expect(troubleOf(shown([machine('a'), machine('b', null)]))).toBeNull();
  const bad = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) =>
    machine(name, { stage: 'back', note: 'lag' }),
  );
  expect(troubleOf(shown(bad.slice(0, 1), { rollout: { wave: 1, open: 1, stopped: 'a went back' } }))).toBe(
    'The deploy was stopped (a went back). Not everywhere: a went back (lag).',
  );
  expect(troubleOf(shown(bad))).toMatch(
    /^Not everywhere: a went back \(lag\); .*; e went back \(lag\), and 2 more\.$/,
  );
});

test('what a later core says beside is passed on', () => {
  const given = { ...shown([machine('a')]), later: 1 };
  expect(deployShown.parse(given)).toEqual(given);
  expect(
    deployShown.safeParse({ ...given, machines: [machine('a', { stage: 'x' as 'back' })] }).success,
  ).toBe(false);
});

test('while no machine is heard a deploy is not over', () => {
  expect(isOver(shown([machine('finch', null), machine('wren', null)]))).toBe(false);
  expect(isOver(shown([machine('finch'), machine('wren', null)]))).toBe(true);
});

test('a pointer that no machine takes is shown with who brought it, in one line', () => {
  const refused = { reason: 'its signature is\nwrong', from: 'wren', atMs: 0 };
  const line = '  refused at 1970-01-01 00:00:00 UTC, from wren: its signature is wrong';
  expect(drawDeploy(shown([machine('finch')], { refused })).split('\n')[2]).toBe(line);
  expect(drawDeploy(shown([], { pointer: null, refused })).split('\n')[1]).toBe(line);
  expect(drawDeploy(shown([machine('finch')], { refused: null }))).not.toContain('refused');
});
