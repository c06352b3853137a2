// Builds once what the tests of programs run: the release, and programs as one file each. Tests of pure code run even when they cannot
// be built.
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildRelease } from '../cluster/release-build.ts';
import { bundled } from './support/bundled.ts';
import { bundleProgram } from './support/program-bundle.ts';

const root = join(import.meta.dirname, '..');
const release = join(root, 'release');

export async function setup(): Promise<void> {
  await madeOrGone(release, () => buildRelease({ root, out: release }));
  for (const [entry, outfile] of bundled) await madeOrGone(outfile, () => bundle(entry, outfile));
}

/** Put in place whole: another run of tests may be using the one before. */
async function bundle(entry: string, outfile: string): Promise<void> {
  const staging = `${outfile}.${process.pid}`;
  try {
    // esbuild has a program of its own beside it, and is asked for only where a release is built.
    await bundleProgram({ root, entry, outfile: staging, external: ['esbuild'] });
    await rename(staging, outfile);
  } finally {
    await rm(staging, { force: true });
  }
}

async function madeOrGone(path: string, make: () => Promise<unknown>): Promise<void> {
  try {
    await make();
  } catch (error) {
    // Nothing stale may pass for this source: every test that runs it fails, and tests/house/release-build.test.ts says why.
    await rm(path, { recursive: true, force: true });
    console.error(`\n${path} was not built, so the tests that run it will fail: ${String(error)}\n`);
  }
}
