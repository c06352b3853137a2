// The folder the programs run from: built from this checkout and named by its content, so that no later build changes it under them.
import { createHash, randomBytes } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CommandFault, errorCode } from './command-fault.ts';
import { ReleaseBuildError } from './release-build-error.ts';
import { encodeManifest, manifestFile, programFiles } from './release-manifest.ts';

/** A folder that was built before. Throws a `CommandFault` when something is missing in it. */
export async function givenRelease(given: string): Promise<string> {
  const release = resolve(given);
  for (const file of programFiles) {
    try {
      await access(join(release, file));
    } catch (cause) {
      throw new CommandFault(
        `${release} is not a release (no ${file} in it): build one with "npm run build", or leave --release out.`,
        { cause },
      );
    }
  }
  return release;
}

/**
 * Builds this checkout into `ROOT/build/releases/VERSION-HASH`. Two builds at once do not disturb each other, and an earlier
 * release stays as it is: a server that runs from it may need it to start a child again.
 */
export async function builtRelease(root: string, onProgress: (line: string) => void): Promise<string> {
  const releases = join(root, 'build', 'releases');
  const staged = join(releases, `.new-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(releases, { recursive: true });
    // The bundler takes its time to load: only who builds waits for it.
    const { buildRelease } = await import('./release-build.ts');
    const manifest = await buildRelease({ root, out: staged, onProgress });
    const hash = createHash('sha256').update(encodeManifest(manifest)).digest('hex').slice(0, 12);
    const release = join(releases, `${manifest.version}-${hash}`);
    await putInPlace(staged, release);
    await markUsed(release);
    await dropOld(releases, release);
    return release;
  } catch (error) {
    if (error instanceof ReleaseBuildError) {
      throw new CommandFault(`The release cannot be built: ${error.message}.`, { cause: error });
    }
    if (['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(errorCode(error))) {
      throw new CommandFault(
        `The release cannot be built in ${releases} (${errorCode(error)}): make it writable, or use a built one with --release DIR.`,
        { cause: error },
      );
    }
    throw error;
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

/** Says that a server uses this release, so that no build removes it for the next week. */
export async function markUsed(release: string): Promise<void> {
  const now = new Date();
  try {
    await utimes(release, now, now);
  } catch {
    // A read-only release folder is nobody's to remove either.
  }
}

async function putInPlace(staged: string, release: string): Promise<void> {
  if (await isWhole(release)) return;
  try {
    await rm(release, { recursive: true, force: true });
    await rename(staged, release);
  } catch (error) {
    // Another start has just put the same release there.
    if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error))) throw error;
  }
}

const listedFiles = z.array(z.object({ path: z.string(), sha256: z.string() }));

/** Are its files what its manifest says? */
async function isWhole(release: string): Promise<boolean> {
  try {
    const manifest = JSON.parse(await readFile(join(release, manifestFile), 'utf8'));
    const { files } = z.object({ files: listedFiles }).parse(manifest);
    for (const { path, sha256 } of files) {
      const bytes = await readFile(join(release, path));
      if (createHash('sha256').update(bytes).digest('hex') !== sha256) return false;
    }
    return true;
  } catch {
    return false;
  }
}

const keptReleases = 5;
const unusedMs = 7 * 86_400_000;

/** Removes what no start has used for a week, but the newest few. */
async function dropOld(releases: string, current: string): Promise<void> {
  const found: { path: string; usedMs: number }[] = [];
  for (const name of await readdir(releases)) {
    const path = join(releases, name);
    if (path === current) continue;
    const about = await stat(path).catch(() => null);
    if (about !== null) found.push({ path, usedMs: about.mtimeMs });
  }
  found.sort((a, b) => b.usedMs - a.usedMs);
  for (const { path, usedMs } of found.slice(keptReleases - 1)) {
    if (Date.now() - usedMs > unusedMs) await rm(path, { recursive: true, force: true });
  }
}
