// tests/prepare.ts is silent when all is there, and says in one line what is missing when it cannot bring it.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'murmuration-prepare-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plantCommand(name: string): void {
  writeFileSync(join(folder, name), '#!/bin/sh\n');
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

beforeAll(() => plantCommand('chromium'));

test('what is missing, which tests need it and how to get it stand in one line', () => {
  expect(prepare()).toEqual({
    status: 0,
    stdout: 'Missing for the tests: strace (tests/chaos). On Debian: sudo apt-get install strace\n',
  });
});

test('nothing is said when all is there', () => {
  plantCommand('strace');
  expect(prepare()).toEqual({ status: 0, stdout: '' });
});
