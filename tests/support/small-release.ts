// Small whole releases for tests: any files, and a manifest that tells the truth about them unless a test says otherwise.
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodeManifest, type ReleaseManifest, releaseRanges } from '../../cluster/release-manifest.ts';
import type { ReleasePointer } from '../../cluster/release-pointer.ts';
import { releaseInfo } from '../../cluster/release-torrent.ts';
import type { TorrentInfo } from '../../cluster/torrent-info.ts';

export const smallFiles: Record<string, string> = {
  'behaviours.js': 'exports.behaviours = {};\n',
  'code/shared.mjs': `export const wings = 2;\n${'// feathers\n'.repeat(3000)}`,
  'core.mjs': "import './code/shared.mjs';\n",
  'gateway.mjs': "import './code/shared.mjs';\n",
  'page/index.html': '<!doctype html>\n',
};

export function smallManifest(
  files: Record<string, string> = smallFiles,
  changed: Partial<ReleaseManifest> = {},
): ReleaseManifest {
  const paths = Object.keys(files).sort();
  const shared = paths.filter((path) => path.startsWith('code/'));
  return {
    ...releaseRanges,
    name: 'sparrow',
    version: '1.2.3',
    parent: null,
    native: {},
    parts: {
      behaviours: ['behaviours.js'],
      core: [...shared, 'core.mjs'],
      gateway: [...shared, 'gateway.mjs'],
      page: paths.filter((path) => path.startsWith('page/')),
    },
    files: paths.map((path) => {
      const bytes = Buffer.from(files[path] ?? '');
      return { path, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    }),
    ...changed,
  };
}

/** The id. */
export async function writeRelease(
  folder: string,
  files: Record<string, string> = smallFiles,
  manifest: ReleaseManifest = smallManifest(files),
): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  const text = encodeManifest(manifest);
  await writeFile(join(folder, 'manifest.json'), text);
  return idOf(text);
}

export function idOf(manifest: string): string {
  return createHash('sha256').update(manifest).digest('hex');
}

/** What somebody would sign who deploys it. */
export function pointerTo(
  id: string,
  info: Pick<TorrentInfo, 'hash' | 'bytes'>,
  changed: Partial<ReleasePointer> = {},
): ReleasePointer {
  return {
    channel: 'main',
    version: '1.2.3',
    infoHash: info.hash,
    manifestHash: Uint8Array.from(Buffer.from(id, 'hex')),
    infoBytes: info.bytes.length,
    waves: [],
    holdS: 0,
    expiryMs: 2_000_000_000_000,
    isOneWay: false,
    ...changed,
  };
}

export interface SmallRelease {
  id: string;
  info: TorrentInfo;
  pointer: ReleasePointer;
  folder: string;
}

/** As its maker has it. */
export async function makeSmall(
  folder: string,
  files: Record<string, string> = smallFiles,
  manifest: ReleaseManifest = smallManifest(files),
): Promise<SmallRelease> {
  const id = await writeRelease(folder, files, manifest);
  const info = await releaseInfo(folder, { id, manifest });
  return { id, info, pointer: pointerTo(id, info), folder };
}
