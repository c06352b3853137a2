// Machines that fetch releases, for tests: a real store and a real swarm each, and what an operator signs for them.
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { FetchProgress } from '../../cluster/agent-deploy.ts';
import { ReleaseFetching, type ReleaseFetchingOptions } from '../../cluster/agent-deploy-fetch.ts';
import { newKeyPair } from '../../cluster/ed25519.ts';
import { machineClock } from '../../cluster/link-clock.ts';
import type { ReleaseNews } from '../../cluster/mesh-messages.ts';
import { openReleaseHeld, type ReleaseHeld, type ReleaseKnown } from '../../cluster/mesh-release.ts';
import { encodeSignedPointer, type ReleasePointer, signPointer } from '../../cluster/release-pointer.ts';
import { openReleaseStore, type ReleaseStore } from '../../cluster/release-store.ts';
import type { Swarm } from '../../cluster/swarm.ts';
import type { SwarmAddress } from '../../cluster/swarm-order.ts';
import { packageRoot } from '../support/server.ts';
import { makeSmall, type SmallRelease, smallFiles, smallManifest } from '../support/small-release.ts';
import { addressOf, type Ends, quiet, type Seed } from './swarm-ends.ts';

const log = { ...quiet, error() {} };

export interface ReleaseMachine {
  data: string;
  store: ReleaseStore;
  swarm: Swarm;
  fetching: ReleaseFetching;
  held: ReleaseHeld;
  address: SwarmAddress;
  /** What the last fetch has told last. */
  progress(): FetchProgress;
  fetch(known: ReleaseKnown, signal?: AbortSignal): ReturnType<ReleaseFetching['fetch']>;
}

export class ReleaseMachines {
  readonly key = newKeyPair();
  readonly #ends: Ends;
  #lastSeq = 0;

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  /** One of this name again has the data of the former. */
  async machine(
    name: string,
    peers: readonly { address: SwarmAddress }[] = [],
    options: Partial<ReleaseFetchingOptions> = {},
  ): Promise<ReleaseMachine> {
    const data = join(await this.#ends.folder('machines'), name);
    const store = await openReleaseStore({ data, root: packageRoot, agentVersion: '0.1.0', log });
    const swarm = await this.#ends.swarm();
    const fetching = new ReleaseFetching({
      store,
      swarm,
      peers: () => peers.map(({ address }) => address),
      sources: () => [],
      dht: null,
      clock: machineClock,
      log,
      ...options,
    });
    let progress: FetchProgress = { totalBytes: 0, haveBytes: 0, movedBytes: 0, banned: 0 };
    const path = join(store.folder, 'pointer');
    const held = await openReleaseHeld({ path, releaseKey: () => this.key.publicKey, log });
    return {
      data,
      store,
      swarm,
      fetching,
      held,
      address: addressOf(swarm),
      progress: () => progress,
      fetch: (known, signal = new AbortController().signal) =>
        fetching.fetch(
          known,
          (now) => {
            progress = { ...now };
          },
          signal,
        ),
    };
  }

  async release(
    name: string,
    files: Record<string, string> = smallFiles,
    manifest = smallManifest(files),
  ): Promise<SmallRelease> {
    return await makeSmall(join(await this.#ends.folder('made'), name), files, manifest);
  }

  /** What a machine knows that has judged the pointer. */
  async told(
    { held }: ReleaseMachine,
    { pointer, info }: { pointer: ReleasePointer; info: Uint8Array | null },
  ): Promise<ReleaseKnown> {
    const offered = await held.offer(this.news({ pointer, info }), 'the operator');
    if (offered.kind !== 'taken' || held.current === null) throw new Error(`not taken: ${offered.kind}`);
    return held.current;
  }

  /** Signed by the release key, with a later seq than the one before. */
  news({
    pointer,
    info,
  }: {
    pointer: ReleasePointer;
    info: Pick<SmallRelease['info'], 'bytes'> | Uint8Array | null;
  }): ReleaseNews {
    const signed = signPointer(pointer, ++this.#lastSeq, this.key.privateKey);
    const bytes = info === null || info instanceof Uint8Array ? info : info.bytes;
    return { pointer: encodeSignedPointer(signed), handovers: [], info: bytes };
  }

  /** A swarm that has it whole, with no other check than the swarm's own. */
  async seed({ folder, info }: Pick<SmallRelease, 'folder' | 'info'>): Promise<Seed> {
    return await this.#ends.seed({ folder, info });
  }
}

/** Everything below a folder: what it is, and the SHA-256 of files. Links are not followed. */
export async function listing(folder: string): Promise<string[]> {
  const lines: string[] = [];
  // With types, for without them links to folders are gone into.
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name)));
  for (const path of paths.sort()) {
    const about = await lstat(join(folder, path));
    const content = about.isFile()
      ? createHash('sha256')
          .update(await readFile(join(folder, path)))
          .digest('hex')
      : '';
    const target = about.isSymbolicLink() ? await readlink(join(folder, path)) : '';
    lines.push(`${path} ${about.mode} ${content}${target}`);
  }
  return lines;
}
