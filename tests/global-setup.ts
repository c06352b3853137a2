// Builds the release once before the tests, for those that run the programs. Tests of pure code run even when it cannot be built.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildRelease } from '../cluster/release-build.ts';

const root = join(import.meta.dirname, '..');
const out = join(root, 'release');

export async function setup(): Promise<void> {
  try {
    await buildRelease({ root, out });
  } catch (error) {
    // No stale release may pass for this source: every test of a program fails, and tests/house/release.test.ts says why.
    await rm(out, { recursive: true, force: true });
    console.error(
      `\nThe release was not built, so the tests that run programs will fail: ${String(error)}\n`,
    );
  }
}
