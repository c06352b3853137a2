// What a release says of itself: its files, which part each belongs to, what it can talk to and read, what it needs. Building it is
// release-build.ts's part, reading one that came from elsewhere release-manifest-reading.ts's.

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

/** What is replaced by itself: the product's script, the two programs, the web page. */
export type ReleasePart = 'behaviours' | 'core' | 'gateway' | 'page';

export interface ReleaseManifest {
  /** Sorted by path; the manifest itself is not among them. */
  files: ReleaseFile[];
  /** The oldest agent that can run it: three numbers. */
  minimumAgent: string;
  name: string;
  /** Packages with native code, which do not travel with it: name to the exact version that must be installed. */
  native: Record<string, string>;
  /** `process.versions.modules` of the Nodes it runs on. */
  nodeAbi: VersionRange;
  /** The id of the release it was made from; null when it was built from source alone. */
  parent: string | null;
  /** Paths, sorted. A file that several parts load is in each of them, and every file is in one at least. */
  parts: Record<ReleasePart, string[]>;
  /** Versions of the link's messages it speaks. */
  protocol: VersionRange;
  /** The shapes of stored state it can read, and the one it writes. */
  stateSchema: { reads: VersionRange; writes: number };
  version: string;
}

export const manifestFile = 'manifest.json';

/** What a server needs of a release to run. */
export const programFiles = ['core.mjs', 'gateway.mjs', 'behaviours.js'];
/** What every release has. */
export const neededFiles = [...programFiles, 'page/index.html'];

/** What this source speaks, reads and writes, and where it runs. Raise a number in the commit that changes the shape. */
export const releaseRanges: Pick<ReleaseManifest, 'minimumAgent' | 'nodeAbi' | 'protocol' | 'stateSchema'> = {
  minimumAgent: '0.1.0',
  // Node 20 to 23, as package.json says.
  nodeAbi: { min: 115, max: 131 },
  protocol: { min: 1, max: 1 },
  stateSchema: { reads: { min: 1, max: 1 }, writes: 1 },
};

/** The same manifest always gives the same bytes: keys sorted, files sorted, no dates; a line a file, for people who compare two. */
export function encodeManifest(manifest: ReleaseManifest): string {
  const files = [...manifest.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return `${lines(sortedKeys({ ...manifest, files }), '')}\n`;
}

/** As JSON.stringify with indentation, but what holds nothing large stands in one line. */
function lines(value: unknown, indent: string): string {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || (flat.length <= lineMost && indent !== '')) return flat;
  const inner = `${indent} `;
  const parts = Array.isArray(value)
    ? value.map((one) => lines(one, inner))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${lines(one, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${parts.map((part) => inner + part).join(',\n')}\n${indent}${close}`;
}

/** A path, a size and a hash. */
const lineMost = 400;

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortedKeys(inner)]));
}

/** How a release is called: two of one version are still two. */
export function releaseLabel({ version }: ReleaseManifest, id: string): string {
  return `${version}-${id.slice(0, 12)}`;
}
