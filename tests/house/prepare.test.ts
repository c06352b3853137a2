// tests/prepare.ts is silent when all is there, and says in one line what is missing when it cannot bring it.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'murmuration-prepare-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plantCommand(name: string, does = ''): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${does}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** With nothing on the PATH but the planted commands, so apt-get is out of reach. */
function prepare(): { status: number | null; stdout: string } {
  const run = spawnSync(process.execPath, ['--import', 'tsx', join(root, 'tests/prepare.ts')], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: folder },
  });
  return { status: run.status, stdout: run.stdout };
}

beforeAll(() => {
  for (const name of ['chromium', 'aria2c', 'toot', 'python3', 'ip', 'iptables']) plantCommand(name);
});

test('what is missing, which tests need it and how to get it stand in one line', () => {
  expect(prepare()).toEqual({
    status: 0,
    stdout: 'Missing for the tests: strace (tests/chaos). On Debian: sudo apt-get install strace\n',
  });
});

test('a program that is there but lacks what it is needed for is missing', () => {
  plantCommand('strace');
  plantCommand('python3', 'exit 1');
  expect(prepare().stdout).toBe(
    'Missing for the tests: Mastodon.py (tests/clients). On Debian: sudo apt-get install python3-mastodon\n',
  );
});

test('nothing is said when all is there', () => {
  for (const name of ['strace', 'python3']) plantCommand(name);
  expect(prepare()).toEqual({ status: 0, stdout: '' });
});
