// Builds the release folder: bundled programs, the behaviours script, the page, a manifest. Signing and spreading it are others' part.
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { ReleaseBuildError } from './release-build-error.ts';
import {
  bundleBehaviours,
  bundlePage,
  checkPageSize,
  kilobytes,
  pageScript,
  requireFile,
} from './release-bundle.ts';
import { encodeManifest, manifestFile, type ReleaseManifest, releaseRanges } from './release-manifest.ts';
import { readManifest } from './release-manifest-reading.ts';
import { installedVersion } from './release-native.ts';
import { bundlePrograms, type ProgramsBuilt } from './release-programs.ts';

export interface ReleaseBuildOptions {
  /** The folder with package.json, cluster/, gateway/ and actors/. */
  root: string;
  /** Where the release goes. Replaced whole, or left as it is when the build fails or nothing changed. */
  out: string;
  /** The id of the release it follows; null unless told. It is in the manifest, so another parent is another release. */
  parent?: string | null;
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
    const building = bundlePrograms({ root, out: staging, programs: programEntries });
    await allOrFirstFault([
      building,
      bundleBehaviours({ root, entry: 'actors/behaviours.ts', outfile: join(staging, 'behaviours.js') }),
      bundlePage({ root, folder: 'gateway/page', out: join(staging, 'page') }),
    ]);
    const pageScriptBytes = await checkPageSize(staging);
    const manifest = await describeRelease({
      root,
      folder: staging,
      parent: options.parent ?? null,
      programs: await building,
    });
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
async function allOrFirstFault(steps: Promise<unknown>[]): Promise<void> {
  for (const step of await Promise.allSettled(steps)) {
    if (step.status === 'rejected') throw step.reason;
  }
}

/** Programs by the part of a release they are, with where they begin. */
const programEntries = new Map([
  ['core', 'cluster/core-program.ts'],
  ['gateway', 'gateway/gateway-program.ts'],
]);

async function describeRelease({
  root,
  folder,
  parent,
  programs,
}: {
  root: string;
  folder: string;
  parent: string | null;
  programs: ProgramsBuilt;
}): Promise<ReleaseManifest> {
  const { name, version } = await readPackage(root);
  const files = await Promise.all(
    (await listFiles(folder)).map(async (path) => {
      // As it was checked out here, it may have been made executable, or readable by nobody else.
      await chmod(join(folder, path), 0o644);
      const bytes = await readFile(join(folder, path));
      return { path, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    }),
  );
  const parts = {
    behaviours: ['behaviours.js'],
    core: programs.files.get('core') ?? [],
    gateway: programs.files.get('gateway') ?? [],
    page: files.map(({ path }) => path).filter((path) => path.startsWith('page/')),
  };
  const native = await nativeVersions(root, programs.native);
  const manifest = { ...releaseRanges, name, version, parent, native, parts, files };
  // What the builder makes, every agent must be able to read.
  const read = readManifest(Buffer.from(encodeManifest(manifest)), null);
  if (!read.ok) throw new ReleaseBuildError(read.reason);
  return read.manifest;
}

async function nativeVersions(root: string, names: readonly string[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of names) {
    const version = await installedVersion(root, name);
    if (version === null) throw new ReleaseBuildError(`${name} is not installed: run npm install`);
    versions[name] = version;
  }
  return versions;
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
