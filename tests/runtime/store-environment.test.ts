// The LMDB environment alone: what its options have to keep away.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { emptiedChild } from '../support/bundled.ts';
import { newFolder } from './store-harness.ts';

const run = promisify(execFile);

test('a transaction that takes the very last free page of the file is committed like any other', async () => {
  // LMDB failed on a thread whose stack was still empty, so each transaction has one to itself.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1024' };

  const { stdout } = await run(process.execPath, [emptiedChild, newFolder()], { env });

  const said = stdout.trimEnd().split('\n');
  expect(said.filter((line) => line.startsWith('failed'))).toEqual([]);
  expect(new Set(said)).toEqual(new Set(['fitted', 'grew', 'done']));
  expect([said[0], said.at(-2), said.at(-1)]).toEqual(['fitted', 'grew', 'done']);
});
