// DATA/manifest.json: the manifest the core goes by. Its own file: cluster.json is the agent's, and two writers of one would lose changes.
import { join } from 'node:path';
import { z } from 'zod';
import {
  type ClusterFile,
  ClusterFileError,
  packManifest,
  readClusterFile,
  textOf,
  verifiedFrom,
} from './cluster-file.ts';
import type { SignedManifest, VerifiedManifest } from './manifest.ts';
import { writeWhole } from './whole-file.ts';

const manifestFileName = 'manifest.json';
const written = z.object({ manifest: z.string() });

/** On disk when it resolves. */
export async function keepManifest(data: string, signed: SignedManifest): Promise<void> {
  await writeWhole(join(data, manifestFileName), `${JSON.stringify({ manifest: packManifest(signed) })}\n`);
}

/**
 * What is known of the cluster at a start: the later of the core's own manifest and the agent's. Rejects with a `ClusterFileError`
 * when this node is in no cluster, or when a file is damaged.
 */
export async function readManifest(data: string): Promise<{ file: ClusterFile; verified: VerifiedManifest }> {
  const file = await readClusterFile(data);
  if (file === null)
    throw new ClusterFileError(`${data} is in no cluster yet: its agent founds one or joins one`);
  const kept = await textOf(join(data, manifestFileName));
  const found: VerifiedManifest[] = [];
  if (file.manifest !== null) found.push(verifiedFrom(file.manifest, file));
  if (kept !== null) {
    const parsed = written.safeParse(JSON.parse(kept));
    if (!parsed.success) throw new ClusterFileError(`${manifestFileName} in ${data} is damaged`);
    found.push(verifiedFrom(parsed.data.manifest, file));
  }
  const [first, second] = found;
  if (first === undefined) throw new ClusterFileError(`${data} has not been let into its cluster yet`);
  const isSecondLater = second !== undefined && second.manifest.epoch > first.manifest.epoch;
  return { file, verified: isSecondLater ? second : first };
}
