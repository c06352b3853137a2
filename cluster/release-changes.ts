// What a deploy must replace: the parts of a release whose files are not those of the one that runs.
import type { ReleaseManifest, ReleasePart } from './release-manifest.ts';

export type ReleaseChanges = Record<ReleasePart, boolean>;

/**
 * By the hashes of each part's files, and by what the programs take from the machine. The gateway reads the page as it starts: who
 * replaces it has replaced the page too, and a page that changed alone needs it told or replaced.
 */
export function changesBetween(now: ReleaseManifest, next: ReleaseManifest): ReleaseChanges {
  const differs = (part: ReleasePart): boolean => contentOf(now, part) !== contentOf(next, part);
  const native = nativeOf(now) !== nativeOf(next);
  return {
    behaviours: differs('behaviours'),
    core: differs('core') || native,
    gateway: differs('gateway') || native,
    page: differs('page'),
  };
}

function contentOf({ files, parts }: ReleaseManifest, part: ReleasePart): string {
  const hashes = new Map(files.map(({ path, sha256 }) => [path, sha256]));
  const listed = [...parts[part]].sort().map((path) => [path, hashes.get(path) ?? '']);
  return JSON.stringify(listed);
}

function nativeOf({ native }: ReleaseManifest): string {
  return JSON.stringify(Object.entries(native).sort(([a], [b]) => (a < b ? -1 : 1)));
}
