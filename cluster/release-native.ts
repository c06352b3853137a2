// Packages with native code do not travel with a release: which versions are installed here, and does a release run with them?
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { errorCode } from './command-fault.ts';
import type { ReleaseManifest } from './release-manifest.ts';

const packageMostBytes = 1024 * 1024;
const written = z.looseObject({ version: z.string().max(100) });

/** As it is installed for a checkout; null when it is not. */
export async function installedVersion(root: string, name: string): Promise<string | null> {
  for (let folder = root; ; folder = dirname(folder)) {
    try {
      const bytes = await readFile(join(folder, 'node_modules', name, 'package.json'));
      if (bytes.length > packageMostBytes) return null;
      return written.parse(JSON.parse(bytes.toString('utf8'))).version;
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return null;
    }
    if (dirname(folder) === folder) return null;
  }
}

export type Fit = { ok: true } | { ok: false; code: 'native' | 'node-abi'; reason: string };

/** Everything that does not fit, in one reason. `root` is the checkout whose packages it would run with. */
export async function fitsHere(
  { native, nodeAbi }: Pick<ReleaseManifest, 'native' | 'nodeAbi'>,
  { root, abi = Number(process.versions.modules) }: { root: string; abi?: number },
): Promise<Fit> {
  if (abi < nodeAbi.min || abi > nodeAbi.max) {
    const reason = `it runs on a Node of module version ${nodeAbi.min} to ${nodeAbi.max}, and this is Node ${process.versions.node} (${abi})`;
    return { ok: false, code: 'node-abi', reason };
  }
  const wrong: string[] = [];
  for (const [name, version] of Object.entries(native)) {
    const here = await installedVersion(root, name);
    if (here !== version) wrong.push(`${name} ${version} (${here === null ? 'none' : here} is installed)`);
  }
  if (wrong.length === 0) return { ok: true };
  const reason = `it needs ${wrong.join(' and ')}: update this checkout and its packages (npm install)`;
  return { ok: false, code: 'native', reason };
}
