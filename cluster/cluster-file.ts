// DATA/cluster.json: the cluster this node is in and where its cores were last. The agent writes it; the machine's other processes read.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errorCode } from './command-fault.ts';
import { hexDigits } from './hex.ts';
import { type SignedManifest, signedManifest, type VerifiedManifest } from './manifest.ts';
import { verifyManifest } from './manifest-judgement.ts';
import { packed, unpacked } from './packed.ts';
import { writeWhole } from './whole-file.ts';

export const clusterFileName = 'cluster.json';

const hash = hexDigits(32);
const port = z.int().min(1).max(65_535);
const place = z.object({ host: z.string().min(1).max(255), port });
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);

const written = z.object({
  cluster: hash,
  /** A keeper that is known, in hexadecimal: whoever it handed over to is believed, too. */
  keeper: hash,
  joined: z.enum(['invite', 'founded']),
  /** The packed SignedManifest; null until the cluster has let this node in. */
  manifest: base64.nullable(),
  /** To show to a core until then. */
  admission: base64.nullable(),
  /** Of the DHT, from the invite; the manifest's count once there is one. */
  dhtKey: hash.nullable(),
  /** Wire ports of cores, as they were last. */
  cores: z.array(z.object({ node: z.int().min(1), ...place.shape })).max(4096),
  /** Wire ports of cores whose numbers are not known, from the invite. */
  doors: z.array(place).max(64),
  /** Of the DHT. */
  contacts: z.array(place).max(256),
  /** The cluster port this node had last: others remember it. */
  port: port.nullable(),
});
export type ClusterFile = z.infer<typeof written>;

export class ClusterFileError extends Error {
  override name = 'ClusterFileError';
}

/** Null when there is none. Rejects with a `ClusterFileError` when it cannot be used: it is never replaced by a guess. */
export async function readClusterFile(data: string): Promise<ClusterFile | null> {
  const path = join(data, clusterFileName);
  const text = await textOf(path);
  if (text === null) return null;
  const parsed = written.safeParse(jsonOrNull(text));
  if (parsed.success) return parsed.data;
  throw new ClusterFileError(`${path} is not what an agent writes: ${z.prettifyError(parsed.error)}`);
}

export async function writeClusterFile(data: string, file: ClusterFile): Promise<void> {
  await writeWhole(join(data, clusterFileName), `${JSON.stringify(written.parse(file), null, 2)}\n`);
}

/** Null when there is none yet. Rejects with a `ClusterFileError` when what is there is no manifest of this cluster. */
export function manifestIn(file: ClusterFile): VerifiedManifest | null {
  if (file.manifest === null) return null;
  return verifiedFrom(file.manifest, file);
}

export function packManifest(signed: SignedManifest): string {
  return Buffer.from(packed(signedManifest, signed)).toString('base64');
}

/** Throws a `ClusterFileError`. */
export function verifiedFrom(
  manifest: string,
  { cluster, keeper }: Pick<ClusterFile, 'cluster' | 'keeper'>,
): VerifiedManifest {
  const trust = { cluster: Buffer.from(cluster, 'hex'), keeper: Buffer.from(keeper, 'hex') };
  let signed: SignedManifest;
  try {
    signed = unpacked(signedManifest, Buffer.from(manifest, 'base64'));
  } catch (error) {
    throw new ClusterFileError(`the manifest kept is damaged: ${String(error)}`, { cause: error });
  }
  const result = verifyManifest(signed, trust);
  if (result.kind === 'verified') return result.verified;
  throw new ClusterFileError(`the manifest kept is not the cluster’s: ${result.reason}`);
}

/** Null when there is no such file. */
export async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw new ClusterFileError(`${path} cannot be read: ${String(error)}`, { cause: error });
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
