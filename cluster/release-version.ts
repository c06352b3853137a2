// The version of a release folder, for status. A file of its own: the programs in a release need nothing else of how it is built.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { manifestFile } from './release-manifest.ts';

/** As its manifest says; `unknown` for a folder without one. */
export async function releaseVersion(release: string): Promise<string> {
  try {
    const read = z.looseObject({ version: z.string().max(60) });
    return read.parse(JSON.parse(await readFile(join(release, manifestFile), 'utf8'))).version;
  } catch {
    return 'unknown';
  }
}
