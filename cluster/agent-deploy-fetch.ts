// Releases come to this machine by the swarm, and go on from it: staging, verification, the store. Which one is wanted others say.
import type { Outcome } from '../runtime/behaviours.ts';
import type { FetchProgress } from './agent-deploy.ts';
import type { AgentDht } from './agent-dht.ts';
import type { LinkClock } from './link-clock.ts';
import type { ReleaseKnown } from './mesh-release.ts';
import { rejected } from './rejection.ts';
import type { ReleaseStore, StoredRelease } from './release-store.ts';
import { acceptInfo, releaseTorrentBounds } from './release-verification.ts';
import type { Swarm } from './swarm.ts';
import { type SwarmAddress, SwarmError, type Torrent } from './swarm-order.ts';
import { TorrentError } from './torrent-error.ts';
import { readInfo, type TorrentInfo } from './torrent-info.ts';
import type { WireLog } from './wire-meter.ts';

export interface ReleaseFetchingOptions {
  store: ReleaseStore;
  swarm: Swarm;
  /** Where the swarms of the other machines are. */
  peers(): readonly SwarmAddress[];
  /** Folders of releases that are not in the store: what is the same there is not fetched. */
  sources(): readonly string[];
  /** Null: peers are known by links alone. */
  dht: Pick<AgentDht, 'announceHash' | 'forgetHash' | 'lookupHash'> | null;
  clock: LinkClock;
  log: WireLog;
}

const tellEveryMs = 500;
/** The last ones that were fetched or shared go on being shared. */
const sharedMost = 3;

export class ReleaseFetching {
  readonly #options: ReleaseFetchingOptions;
  /** By info hash in hexadecimal, the oldest first. */
  readonly #shared = new Map<string, Torrent>();

  constructor(options: ReleaseFetchingOptions) {
    this.#options = options;
  }

  /** Info hashes that are being fetched. */
  get fetching(): Uint8Array[] {
    return this.#options.swarm.torrents.filter(({ stage }) => stage !== 'complete').map(({ hash }) => hash);
  }

  /**
   * Whole, verified and shared when it resolves. Refusals are for good; what may pass (a full disk) rejects. Rejects, too, when it is
   * aborted: what has come is kept for the next time.
   */
  async fetch(
    { pointer, info: sent }: ReleaseKnown,
    told: (progress: FetchProgress) => void,
    signal: AbortSignal,
  ): Promise<Outcome<StoredRelease>> {
    const { store, swarm } = this.#options;
    const found = await store.find(Buffer.from(pointer.manifestHash).toString('hex'));
    if (found !== null) {
      await this.share(found);
      return { ok: true, value: found };
    }
    let info: TorrentInfo | null = null;
    try {
      if (sent !== null) info = readInfo(sent, releaseTorrentBounds, pointer.infoHash);
    } catch (error) {
      if (!(error instanceof TorrentError)) throw error;
      // Another torrent's says nothing of this one: peers are asked.
      if (error.flaw !== 'hash') return rejected('invalid', error.message);
    }
    const early = info === null ? null : acceptInfo(info, pointer);
    if (early?.ok === false) return rejected('invalid', early.reason);
    // Shared still, but not in the store any more: it goes on from nothing.
    await this.#unshare(Buffer.from(pointer.infoHash).toString('hex'));
    const others = await store.list();
    signal.throwIfAborted();
    const torrent = swarm.add({
      hash: pointer.infoHash,
      info,
      folder: store.stagingOf(pointer.infoHash),
      sources: [...others.map(({ folder }) => folder), ...this.#options.sources()],
      bounds: releaseTorrentBounds,
      find: () => this.#find(pointer.infoHash),
    });
    // The DHT may take its time, and links have told already.
    torrent.addPeers(this.#options.peers());
    void this.#announce(pointer.infoHash);
    const stopTelling = this.#options.clock.every(tellEveryMs, () => told(torrent.progress));
    const stop = (): void => void torrent.remove();
    signal.addEventListener('abort', stop);
    try {
      const read = await torrent.whenInfo;
      const accepted = acceptInfo(read, pointer);
      if (!accepted.ok) return await this.#drop(torrent, accepted.reason);
      await torrent.whenComplete;
      told(torrent.progress);
      // It is renamed: nobody may write or read it meanwhile.
      await torrent.remove();
      const taken = await store.take(read, pointer);
      if (!taken.ok) return await this.#drop(torrent, taken.reason);
      await this.share(taken.value);
      return { ok: true, value: taken.value };
    } catch (error) {
      await torrent.remove();
      if (error instanceof SwarmError && error.reason === 'refused')
        return await this.#drop(torrent, error.message);
      throw error;
    } finally {
      stopTelling();
      signal.removeEventListener('abort', stop);
    }
  }

  /** Others get it from here from now on. */
  async share({ info, folder }: StoredRelease): Promise<void> {
    const name = Buffer.from(info.hash).toString('hex');
    const { swarm } = this.#options;
    // A disk that did not answer once is asked again.
    if (this.#shared.get(name)?.stage === 'failed') await this.#unshare(name);
    const known = this.#shared.get(name);
    this.#shared.delete(name);
    const torrent =
      known ??
      swarm.add({
        hash: info.hash,
        info,
        folder,
        isWhole: true,
        bounds: releaseTorrentBounds,
        find: () => this.#find(info.hash),
      });
    this.#shared.set(name, torrent);
    for (const oldest of [...this.#shared.keys()].slice(0, -sharedMost)) await this.#unshare(oldest);
    void this.#announce(info.hash);
  }

  async #unshare(name: string): Promise<void> {
    const torrent = this.#shared.get(name);
    if (torrent === undefined) return;
    this.#shared.delete(name);
    this.#options.dht?.forgetHash(torrent.hash);
    await torrent.remove();
  }

  async #drop(torrent: Torrent, reason: string): Promise<Outcome<never>> {
    const { store, dht, log } = this.#options;
    await torrent.remove();
    dht?.forgetHash(torrent.hash);
    await store.dropStaging(torrent.hash);
    log.warn({ reason }, 'a release that was fetched is refused, and removed');
    return rejected('invalid', reason);
  }

  async #find(hash: Uint8Array): Promise<SwarmAddress[]> {
    const { dht, peers } = this.#options;
    const found = dht === null ? [] : await dht.lookupHash(hash);
    return [...peers(), ...found];
  }

  async #announce(hash: Uint8Array): Promise<void> {
    const { dht, swarm, log } = this.#options;
    try {
      await dht?.announceHash(hash, swarm.port);
    } catch (error) {
      log.warn({ error: String(error) }, 'a release cannot be announced: peers find it by links');
    }
  }
}
