// Builds the release folder: bundled programs, the behaviours script, the page, a manifest. Signing and spreading it are others' part.
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { ReleaseBuildError } from './release-build-error.ts';
import {
  bundleBehaviours,
  bundlePage,
  bundleProgram,
  checkPageSize,
  kilobytes,
  pageScript,
  requireFile,
} from './release-bundle.ts';
import { encodeManifest, manifestFile, type ReleaseManifest, releaseRanges } from './release-manifest.ts';

export interface ReleaseBuildOptions {
  /** The folder with package.json, cluster/, gateway/ and actors/. */
  root: string;
  /** Where the release goes. Replaced whole, or left as it is when the build fails or nothing changed. */
  out: string;
  onProgress?: (line: string) => void;
}

/**
 * Builds into a folder beside `out` and renames it into place, so nobody is ever served half a release. The same source
 * gives the same bytes. Rejects with a `ReleaseBuildError` and leaves `out` alone when the source is not fit.
 */
export async function buildRelease(options: ReleaseBuildOptions): Promise<ReleaseManifest> {
  const root = resolve(options.root);
  const out = resolve(options.out);
  const report = options.onProgress ?? (() => {});
  const staging = await makeStaging(out);
  try {
    await allOrFirstFault([
      bundleProgram({ root, entry: 'cluster/core-program.ts', outfile: join(staging, 'core.mjs') }),
      bundleProgram({ root, entry: 'gateway/gateway-program.ts', outfile: join(staging, 'gateway.mjs') }),
      bundleBehaviours({ root, entry: 'actors/behaviours.ts', outfile: join(staging, 'behaviours.js') }),
      bundlePage({ root, folder: 'gateway/page', out: join(staging, 'page') }),
    ]);
    const pageScriptBytes = await checkPageSize(staging);
    const manifest = await describeRelease(root, staging);
    await writeFile(join(staging, manifestFile), encodeManifest(manifest));
    await putInPlace(staging, out);
    for (const file of manifest.files) {
      const compressed = file.path === pageScript ? `, ${kilobytes(pageScriptBytes)} compressed` : '';
      report(`${file.path}: ${kilobytes(file.size)}${compressed}`);
    }
    return manifest;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Beside `out`, because only within one file system is a rename a single step. */
async function makeStaging(out: string): Promise<string> {
  try {
    await mkdir(dirname(out), { recursive: true });
    const staging = await mkdtemp(`${out}.building-`);
    await chmod(staging, 0o755); // mkdtemp makes it for its owner only; a release may be run by another user.
    return staging;
  } catch (cause) {
    throw new ReleaseBuildError(`${dirname(out)} must be writable to build there: ${String(cause)}`, {
      cause,
    });
  }
}

/** Unlike `Promise.all`, waits for the slow ones too: nothing may write into the staging folder once it is being removed. */
async function allOrFirstFault(steps: Promise<void>[]): Promise<void> {
  for (const step of await Promise.allSettled(steps)) {
    if (step.status === 'rejected') throw step.reason;
  }
}

async function describeRelease(root: string, folder: string): Promise<ReleaseManifest> {
  const { name, version } = await readPackage(root);
  const files = await Promise.all(
    (await listFiles(folder)).map(async (path) => {
      const bytes = await readFile(join(folder, path));
      return { path, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    }),
  );
  return { ...releaseRanges, name, version, parent: null, files };
}

async function readPackage(root: string): Promise<{ name: string; version: string }> {
  await requireFile(root, 'package.json');
  const read: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  if (typeof read === 'object' && read !== null && 'name' in read && 'version' in read) {
    const { name, version } = read;
    if (typeof name === 'string' && typeof version === 'string') return { name, version };
  }
  throw new ReleaseBuildError('package.json needs a name and a version');
}

/** Every file below `folder` but the manifest, sorted, relative, with `/`. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => path !== manifestFile)
    .sort();
}

/** A folder cannot replace a full one in one step: the old one steps aside, and for that moment there is none. */
async function putInPlace(staging: string, out: string): Promise<void> {
  if (await sameRelease(staging, out)) return;
  const aside = `${staging}.old`;
  try {
    // More than one round only when another build puts its own release there between our two steps.
    for (let round = 0; round < 5; round++) {
      try {
        return await rename(staging, out);
      } catch (error) {
        if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
      }
      await rm(aside, { recursive: true, force: true });
      try {
        await rename(out, aside);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    }
    throw new ReleaseBuildError(`${out} is being replaced by other builds all the time`);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function sameRelease(staging: string, out: string): Promise<boolean> {
  try {
    const paths = await listFiles(staging);
    const already = await listFiles(out);
    if (paths.join('\n') !== already.join('\n')) return false;
    for (const path of [...paths, manifestFile]) {
      const [left, right] = await Promise.all([readFile(join(staging, path)), readFile(join(out, path))]);
      if (!left.equals(right)) return false;
    }
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code);
}
