// DATA/releases: whole releases by their ids, what is being fetched beside them. A release is there once its folder has its name, and
// it has that only after everything in it was verified. What runs, and what is fetched, is others' to say.
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorCode } from './command-fault.ts';
import type { LinkLog } from './link-log.ts';
import { manifestFile, type ReleaseManifest, releaseLabel } from './release-manifest.ts';
import { readManifest } from './release-manifest-reading.ts';
import { fitsHere } from './release-native.ts';
import type { ReleasePointer } from './release-pointer.ts';
import { releaseInfo } from './release-torrent.ts';
import {
  acceptInfo,
  padFolder,
  type ReleaseCheck,
  releaseTorrentBounds,
  verifyFetched,
} from './release-verification.ts';
import { keptPath } from './swarm-order.ts';
import { TorrentError } from './torrent-error.ts';
import { readTorrentFile, writeTorrentFile } from './torrent-file.ts';
import type { TorrentInfo } from './torrent-info.ts';
import { syncFolder } from './whole-file.ts';

export interface StoredRelease {
  /** SHA-256 of its manifest: 64 hexadecimal digits. */
  id: string;
  /** Such as `0.1.0-3f9c2a1b7d4e`. */
  label: string;
  folder: string;
  manifest: ReleaseManifest;
  info: TorrentInfo;
  /** When it came to be here. */
  sinceMs: number;
}

export interface ReleaseStoreOptions {
  /** The data folder. */
  data: string;
  /** The checkout: its node_modules are what releases run with. */
  root: string;
  /** This agent's. */
  agentVersion: string;
  log: LinkLog;
}

export const releasesFolder = 'releases';
/** Beside those that are in use. */
export const releasesKept = 3;
/** Unfinished ones that may lie about. */
const stagingsMost = 3;

const idForm = /^[0-9a-f]{64}$/;
const stagingForm = /^staging-[0-9a-f]{40}$/;
const stagingPrefix = 'staging-';
const newPrefix = '.new-';
const goingPrefix = '.going-';

/** Makes the folder and clears away what a crash has left. Rejects with the system's error. */
export async function openReleaseStore(options: ReleaseStoreOptions): Promise<ReleaseStore> {
  const folder = join(options.data, releasesFolder);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const store = new ReleaseStore({ ...options, folder });
  await store.recover();
  return store;
}

export class ReleaseStore {
  readonly folder: string;
  readonly #options: ReleaseStoreOptions;
  /** One change at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /** Use `openReleaseStore`. */
  constructor(options: ReleaseStoreOptions & { folder: string }) {
    this.#options = options;
    this.folder = options.folder;
  }

  /** Where the swarm writes. Nothing else may be below it. */
  stagingOf(infoHash: Uint8Array): string {
    return join(this.folder, `${stagingPrefix}${Buffer.from(infoHash).toString('hex')}`);
  }

  /** The swarm must have let go of it. */
  async dropStaging(infoHash: Uint8Array): Promise<void> {
    const folder = this.stagingOf(infoHash);
    await rm(folder, { recursive: true, force: true });
    await rm(keptPath(folder), { force: true });
  }

  /**
   * Verifies what was fetched and takes it out of staging: from then on it is whole, on disk, and named by its id. When it is refused it
   * stays where it is, for `dropStaging`. Rejects with the system's error; then it may be tried again.
   */
  take(info: TorrentInfo, pointer: ReleasePointer): Promise<ReleaseCheck<StoredRelease>> {
    return this.#oneByOne(async () => {
      const { agentVersion, root } = this.#options;
      const accepted = acceptInfo(info, pointer);
      if (!accepted.ok) return accepted;
      const folder = this.stagingOf(info.hash);
      // Some clients write padding as files: it is none of the release's.
      await rm(join(folder, padFolder), { recursive: true, force: true });
      const verified = await verifyFetched({ folder, pointer, agentVersion });
      if (!verified.ok) return verified;
      const fit = await fitsHere(verified.value.manifest, { root });
      if (!fit.ok) return fit;
      const stored = await this.#put(folder, verified.value, info);
      await rm(keptPath(folder), { force: true });
      return { ok: true, value: stored };
    });
  }

  /** A copy of one that was built here, or that lies anywhere on this machine. Refuses as `take` does. */
  putRelease(from: string): Promise<ReleaseCheck<StoredRelease>> {
    return this.#oneByOne(async () => {
      const { agentVersion, root } = this.#options;
      const given = await verifyFetched({ folder: resolve(from), pointer: null, agentVersion });
      if (!given.ok) return given;
      const fit = await fitsHere(given.value.manifest, { root });
      if (!fit.ok) return fit;
      const found = await this.find(given.value.id);
      if (found !== null) return { ok: true, value: found };
      const copy = join(this.folder, `${newPrefix}${process.pid}-${randomBytes(6).toString('hex')}`);
      try {
        await cp(resolve(from), copy, { recursive: true, verbatimSymlinks: true });
        // Again: the copy is what counts, and somebody may have built there meanwhile.
        const verified = await verifyFetched({ folder: copy, pointer: null, agentVersion });
        if (!verified.ok) return verified;
        const info = await releaseInfo(copy, verified.value);
        return { ok: true, value: await this.#put(copy, verified.value, info) };
      } finally {
        await rm(copy, { recursive: true, force: true });
      }
    });
  }

  /** Null when it is not there whole. Its files are not hashed again. */
  async find(id: string): Promise<StoredRelease | null> {
    if (!idForm.test(id)) return null;
    const folder = join(this.folder, id);
    try {
      const { mtimeMs } = await lstat(this.#torrentOf(id));
      const info = readTorrentFile(await readFile(this.#torrentOf(id)), releaseTorrentBounds);
      const manifest = await readOwnManifest(folder, id);
      if (manifest === null) return null;
      return { id, label: releaseLabel(manifest, id), folder, manifest, info, sinceMs: mtimeMs };
    } catch (error) {
      if (error instanceof TorrentError || ['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return null;
      throw error;
    }
  }

  /** The newest first. */
  async list(): Promise<StoredRelease[]> {
    const names = (await readdir(this.folder)).filter((name) => idForm.test(name));
    const found = await Promise.all(names.map((name) => this.find(name)));
    return found
      .filter((one) => one !== null)
      .sort((one, other) => other.sinceMs - one.sinceMs || (one.id < other.id ? -1 : 1));
  }

  /** By its id, its label, their beginning, or its version where one release has that. `several`: it could be more than one. */
  async named(name: string): Promise<StoredRelease | 'several' | null> {
    const fits = (await this.list()).filter(
      ({ id, label, manifest }) =>
        (name.length >= 6 && (id.startsWith(name) || label.startsWith(name))) || manifest.version === name,
    );
    return fits.length > 1 ? 'several' : (fits[0] ?? null);
  }

  /** Hashes every file again: for one that does not start, or after a disk that failed. */
  async check(id: string): Promise<ReleaseCheck<ReleaseManifest>> {
    const checked = await verifyFetched({ folder: join(this.folder, id), pointer: null, agentVersion: null });
    if (!checked.ok) return checked;
    if (checked.value.id === id) return { ok: true, value: checked.value.manifest };
    return { ok: false, code: 'other-manifest', reason: 'its manifest is another release’s' };
  }

  /** Drops all but the newest three, those in use and what is being fetched. Gives the ids of those that are gone. */
  keep({
    inUse,
    fetching,
  }: {
    /** Ids that run, are wanted, or would be gone back to. */
    inUse: Iterable<string>;
    /** Info hashes. */
    fetching: Iterable<Uint8Array>;
  }): Promise<string[]> {
    return this.#oneByOne(async () => {
      const kept = new Set(inUse);
      const old = (await this.list()).filter((_release, at) => at >= releasesKept);
      const gone = old.map(({ id }) => id).filter((id) => !kept.has(id));
      for (const id of gone) await this.#drop(id);
      await this.#dropStagings(new Set([...fetching].map((hash) => this.stagingOf(hash))));
      return gone;
    });
  }

  /** Of a start: nothing of what is begun here is under way. */
  async recover(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      const isRest =
        [newPrefix, goingPrefix].some((prefix) => name.startsWith(prefix)) || name.endsWith('.draft');
      if (isRest) await rm(path, { recursive: true, force: true });
      const id = name.replace(/\.torrent$/, '');
      if (idForm.test(id) && (await this.find(id)) === null) {
        this.#options.log.warn({ release: id }, 'a release that is not whole is removed');
        await this.#drop(id);
      }
    }
    await this.#linkPackages();
  }

  async #put(
    from: string,
    { id, manifest }: { id: string; manifest: ReleaseManifest },
    info: TorrentInfo,
  ): Promise<StoredRelease> {
    const folder = join(this.folder, id);
    const found = await this.find(id);
    if (found !== null && (await this.check(id)).ok) {
      await rm(from, { recursive: true, force: true });
      return found;
    }
    await this.#drop(id);
    await makeReadable(from);
    // First what stands beside it: a release is there once its folder is.
    await writeOnce(this.#torrentOf(id), writeTorrentFile(info));
    await rename(from, folder);
    await syncFolder(this.folder);
    return (
      (await this.find(id)) ?? { id, label: releaseLabel(manifest, id), folder, manifest, info, sinceMs: 0 }
    );
  }

  /** In one step out of its name, so that half of it is never found. */
  async #drop(id: string): Promise<void> {
    const going = join(this.folder, `${goingPrefix}${id}`);
    await rm(going, { recursive: true, force: true });
    try {
      await rename(join(this.folder, id), going);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    await rm(this.#torrentOf(id), { force: true });
    await rm(keptPath(join(this.folder, id)), { force: true });
    await rm(going, { recursive: true, force: true });
  }

  async #dropStagings(kept: ReadonlySet<string>): Promise<void> {
    const names = (await readdir(this.folder)).filter((name) => stagingForm.test(name));
    const others = names.map((name) => join(this.folder, name)).filter((path) => !kept.has(path));
    const aged = await Promise.all(others.map(async (path) => ({ path, atMs: (await lstat(path)).mtimeMs })));
    aged.sort((one, other) => other.atMs - one.atMs);
    for (const { path } of aged.slice(Math.max(0, stagingsMost - kept.size))) {
      await rm(path, { recursive: true, force: true });
      await rm(keptPath(path), { force: true });
    }
  }

  /** Programs look for native packages in the folders above their own. */
  async #linkPackages(): Promise<void> {
    const link = join(this.folder, 'node_modules');
    const target = join(resolve(this.#options.root), 'node_modules');
    try {
      if ((await readlink(link)) === target) return;
      await unlink(link);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    await symlink(target, link, 'dir');
  }

  #torrentOf(id: string): string {
    return join(this.folder, `${id}.torrent`);
  }

  #oneByOne<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change);
    this.#last = done.catch(() => {});
    return done;
  }
}

/** Null when it is not the manifest that the folder is named by. */
async function readOwnManifest(folder: string, id: string): Promise<ReleaseManifest | null> {
  const bytes = await readFile(join(folder, manifestFile));
  if (createHash('sha256').update(bytes).digest('hex') !== id) return null;
  const read = readManifest(bytes, null);
  return read.ok ? read.manifest : null;
}

/** Whoever runs the programs may read them, whatever the mask was when they were written. */
async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    await chmod(path, entry.isDirectory() ? 0o755 : 0o644);
    if (entry.isDirectory()) await syncFolder(path);
  }
  await syncFolder(folder);
}

/** In place of what is there, and on disk when it resolves. */
async function writeOnce(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.draft`;
  const file = await open(draft, 'w', 0o644);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
