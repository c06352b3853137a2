// The last line of .ci/run counts what was reported, and cannot say "0 failed" of a run that proved nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'murmuration-verdict-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  report: object | string;
  exitCode?: number;
  failedChecks?: string[];
}

function verdict({ report, exitCode = 0, failedChecks = [] }: Outcome): {
  last: string;
  status: number | null;
  said: string;
} {
  const path = join(folder, 'report.json');
  writeFileSync(path, typeof report === 'string' ? report : JSON.stringify(report));
  const command = [
    '--import',
    'tsx',
    join(root, 'tests/verdict.ts'),
    path,
    String(exitCode),
    ...failedChecks,
  ];
  const run = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
  return { last: run.stdout.trimEnd().split('\n').at(-1) ?? '', status: run.status, said: run.stdout };
}

const passing = {
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ name: 'one.test.ts', status: 'passed', assertionResults: [resultOf('passed')] }],
};

function resultOf(status: string, ...failureMessages: string[]): object {
  return { fullName: 'a pen writes', status, failureMessages };
}

test.each<[string, Outcome, string, number]>([
  ['every test passed', { report: passing }, '7 passed, 0 failed', 0],
  ['a test failed', { report: { ...passing, numFailedTests: 2 }, exitCode: 1 }, '7 passed, 2 failed', 1],
  ['a check failed', { report: passing, failedChecks: ['types', 'lint'] }, '7 passed, 2 failed', 1],
  ['a test was skipped', { report: { ...passing, numPendingTests: 1 } }, '7 passed, 1 failed', 1],
  ['a test is yet to be written', { report: { ...passing, numTodoTests: 1 } }, '7 passed, 1 failed', 1],
  [
    'a test file did not load',
    {
      report: { ...passing, testResults: [{ name: 'two.test.ts', status: 'failed', assertionResults: [] }] },
    },
    '7 passed, 1 failed',
    1,
  ],
  ['the runner failed though no test did', { report: passing, exitCode: 1 }, '7 passed, 1 failed', 1],
  ['no test ran', { report: { ...passing, numPassedTests: 0, testResults: [] } }, '0 passed, 1 failed', 1],
  ['the report is broken', { report: '{' }, '0 passed, 1 failed', 1],
])('when %s', (_when, outcome, last, status) => {
  expect(verdict(outcome)).toMatchObject({ last, status });
});

test('which test failed, and how what it said begins, stands before the last line', () => {
  const failure = ['Error: no ink', ...Array.from({ length: 100 }, (_, line) => `detail ${line}`)].join('\n');
  const testResults = [
    {
      name: join(root, 'tests/pen.test.ts'),
      status: 'failed',
      assertionResults: [resultOf('failed', failure), resultOf('passed')],
    },
  ];
  const { said } = verdict({ report: { ...passing, numFailedTests: 1, testResults }, exitCode: 1 });
  expect(said).toContain('failed: tests/pen.test.ts: a pen writes\n  Error: no ink\n  detail 0\n');
  expect(said.split('\n').length).toBeLessThan(40);
});
