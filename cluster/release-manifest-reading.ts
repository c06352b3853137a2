// Reads a release's manifest with suspicion: it may come from anybody until its hash was found in a signed pointer, and even then it is
// what somebody has signed by mistake.
import { z } from 'zod';
import { hexDigits } from './hex.ts';
import { encodeManifest, manifestFile, neededFiles, type ReleaseManifest } from './release-manifest.ts';
import { isReleaseVersion } from './release-pointer.ts';

export const releaseFilesMost = 2_000;
/** Of all files together. */
export const releaseBytesMost = 2 ** 30;
export const manifestMostBytes = 2 * 2 ** 20;

const pathMost = 200;
const partsOfPathMost = 8;
/** Plain names, so that no system reads them in a way of its own: no dot in front, no space, one kind of letters. */
const pathPart = /^[A-Za-z0-9_@+][A-Za-z0-9._@+-]*$/;
/** Names that are devices on some systems, whatever their ending. */
const deviceName = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

export type ManifestRead =
  | { ok: true; manifest: ReleaseManifest }
  | { ok: false; code: 'malformed-manifest' | 'newer-agent'; reason: string };

/** Null, or what is wrong with a file's path in a release. */
export function flawOfPath(path: string): string | null {
  const parts = path.split('/');
  if (path.length === 0 || path.length > pathMost || parts.length > partsOfPathMost)
    return 'is too long, or empty';
  if (parts.some((part) => !pathPart.test(part) || part.endsWith('.') || deviceName.test(part)))
    return 'is no plain path below the folder';
  if (path.toLowerCase() === manifestFile) return 'is the manifest’s own';
  if (parts[0]?.toLowerCase() === 'node_modules') return 'is where native packages are looked for';
  return null;
}

const path = z.string().refine((text) => flawOfPath(text) === null, 'no plain path below the folder');
const small = z.int().min(0).max(1_000_000);
const range = z
  .strictObject({ min: small, max: small })
  .refine(({ min, max }) => min <= max, 'a range that begins after its end');
const paths = z.array(path).max(releaseFilesMost);
const packageName = z.string().regex(/^(@[a-z0-9._-]{1,60}\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,60}$/);
const packageVersion = z.string().regex(/^\d{1,6}\.\d{1,6}\.\d{1,6}([+-][0-9A-Za-z.+-]{1,40})?$/);

const written = z.strictObject({
  files: z
    .array(z.strictObject({ path, size: z.int().min(0).max(releaseBytesMost), sha256: hexDigits(32) }))
    .min(1)
    .max(releaseFilesMost),
  minimumAgent: z.string().regex(/^\d{1,6}\.\d{1,6}\.\d{1,6}$/),
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,60}$/),
  native: z
    .record(packageName, packageVersion)
    .refine((packages) => Object.keys(packages).length <= 50, 'more than 50 native packages'),
  nodeAbi: range,
  parent: hexDigits(32).nullable(),
  parts: z.strictObject({ behaviours: paths, core: paths, gateway: paths, page: paths }),
  protocol: range,
  stateSchema: z.strictObject({ reads: range, writes: small }),
  version: z.string().refine(isReleaseVersion, 'no version'),
});

/**
 * Refuses what is not the only bytes of a manifest that this agent can follow. `agentVersion` is this agent's; null leaves that open, to
 * show a release that is not to be run here.
 */
export function readManifest(bytes: Uint8Array, agentVersion: string | null): ManifestRead {
  if (bytes.length > manifestMostBytes) return malformed(`${bytes.length} bytes`);
  const text = Buffer.from(bytes).toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return malformed('it is not JSON');
  }
  // First, for a later release may say more than is known here.
  const wanted = z.looseObject({ minimumAgent: written.shape.minimumAgent }).safeParse(json);
  if (wanted.success && agentVersion !== null && isOlder(agentVersion, wanted.data.minimumAgent)) {
    const reason = `it needs an agent of ${wanted.data.minimumAgent} at least, and this is ${agentVersion}: update this checkout and start the agent anew`;
    return { ok: false, code: 'newer-agent', reason };
  }
  const read = written.safeParse(json);
  if (!read.success) {
    const issue = read.error.issues[0];
    return malformed(`${issue?.path.join('.').slice(0, 100)}: ${issue?.message.slice(0, 200)}`);
  }
  const manifest = read.data;
  const flaw = flawOf(manifest);
  if (flaw !== null) return malformed(flaw);
  // Doubled keys, other spacing, another order: nobody builds these.
  if (encodeManifest(manifest) !== text) return malformed('it is not in its only form');
  return { ok: true, manifest };
}

function malformed(what: string): ManifestRead {
  return { ok: false, code: 'malformed-manifest', reason: `the manifest is wrong: ${what}` };
}

function flawOf({ files, parts }: ReleaseManifest): string | null {
  const sum = files.reduce((bytes, { size }) => bytes + size, 0);
  if (sum > releaseBytesMost) return `${sum} bytes in all, ${releaseBytesMost} at most`;
  const flaw = flawOfPaths(files.map(({ path }) => path));
  if (flaw !== null) return flaw;
  const listed = new Set(files.map(({ path }) => path));
  const missing = neededFiles.find((needed) => !listed.has(needed));
  if (missing !== undefined) return `no ${missing} in it`;
  const used = new Set(Object.values(parts).flat());
  const unlisted = [...used].find((one) => !listed.has(one));
  if (unlisted !== undefined) return `a part has ${unlisted}, which is no file of it`;
  const unused = [...listed].find((one) => !used.has(one));
  if (unused !== undefined) return `${unused} is in no part`;
  if (!parts.core.includes('core.mjs') || !parts.gateway.includes('gateway.mjs'))
    return 'a program is not its own';
  return null;
}

/** Doubled, doubled but for case, or a file below a file: no disk holds both. */
export function flawOfPaths(all: readonly string[]): string | null {
  const seen = new Set<string>();
  for (const one of all) {
    const key = one.toLowerCase();
    if (seen.has(key)) return `${one} is listed twice`;
    seen.add(key);
  }
  for (const one of all) {
    const parts = one.toLowerCase().split('/');
    for (let depth = 1; depth < parts.length; depth++)
      if (seen.has(parts.slice(0, depth).join('/'))) return `${one} lies below a file`;
  }
  return null;
}

/** By the three numbers; what follows them does not count. */
export function isOlder(version: string, than: string): boolean {
  const one = numbersOf(version);
  const other = numbersOf(than);
  for (let at = 0; at < 3; at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function numbersOf(version: string): number[] {
  return (/^\d+(\.\d+){0,2}/.exec(version)?.[0] ?? '0').split('.').map(Number);
}
