// What a release says of itself: its files and what it can talk to and read. Building it is release-build.ts's part.

/** Both ends included. */
export interface VersionRange {
  min: number;
  max: number;
}

export interface ReleaseFile {
  /** Relative to the release folder, with `/`. */
  path: string;
  /** Bytes. */
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

export interface ReleaseManifest {
  /** Sorted by path; the manifest itself is not among them. */
  files: ReleaseFile[];
  /** The oldest agent that can run it. */
  minimumAgent: string;
  name: string;
  /** The version it was made from; null when it was built from source alone. */
  parent: string | null;
  /** Versions of the link's messages it speaks. */
  protocol: VersionRange;
  /** The shapes of stored state it can read, and the one it writes. */
  stateSchema: { reads: VersionRange; writes: number };
  version: string;
}

export const manifestFile = 'manifest.json';

/** What this source speaks, reads and writes. Raise a number in the commit that changes the shape. */
export const releaseRanges: Pick<ReleaseManifest, 'minimumAgent' | 'protocol' | 'stateSchema'> = {
  minimumAgent: '0.1.0',
  protocol: { min: 1, max: 1 },
  stateSchema: { reads: { min: 1, max: 1 }, writes: 1 },
};

/** The same manifest always gives the same bytes: keys sorted, files sorted, no dates. */
export function encodeManifest(manifest: ReleaseManifest): string {
  const files = [...manifest.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return `${JSON.stringify(sortedKeys({ ...manifest, files }), null, 2)}\n`;
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortedKeys(inner)]));
}
