// What peers of one torrent say to each other of its info dictionary (BEP 9): given to who asks, and asked for while it lacks.
import {
  type ExtendedHandshake,
  metadataPartBytes,
  readMetadataMessage,
  writeMetadataMessage,
} from './swarm-extended.ts';
import { MetadataFetch } from './swarm-metadata.ts';
import type { SwarmPeer } from './swarm-peer.ts';

export interface MetadataTalkPorts {
  hash: Uint8Array;
  mostBytes: number;
  peers: ReadonlyMap<number, SwarmPeer>;
  nowMs(): number;
  /** The very bytes that the hash is of. */
  got(bytes: Uint8Array): void;
  lied(peer: number): void;
}

/** What waits in a socket before requests are passed over. */
const waitingMostBytes = 512 * 1024;

export class MetadataTalk {
  readonly #ports: MetadataTalkPorts;
  readonly #fetch: MetadataFetch;
  #bytes: Buffer | null = null;

  constructor(ports: MetadataTalkPorts) {
    this.#ports = ports;
    this.#fetch = new MetadataFetch(ports.hash, ports.mostBytes);
  }

  /** It need not be asked for, and can be given. */
  know(bytes: Buffer): void {
    this.#bytes = bytes;
  }

  introduced(peer: SwarmPeer, { metadataBytes, ids }: ExtendedHandshake): void {
    if (this.#bytes !== null || metadataBytes === null || ids.ut_metadata === null) return;
    this.#fetch.offered(peer.id, metadataBytes);
    this.ask();
  }

  gone(peer: SwarmPeer): void {
    this.#fetch.gone(peer.id);
  }

  /** After each change and once in a while. */
  ask(): void {
    if (this.#bytes !== null) return;
    for (const { peer, part } of this.#fetch.ask(this.#ports.nowMs()))
      this.#ports.peers.get(peer)?.extend('ut_metadata', writeMetadataMessage({ kind: 'request', part }));
  }

  hear(peer: SwarmPeer, bytes: Buffer): void {
    const message = readMetadataMessage(bytes);
    if (message === null) return;
    if (message.kind === 'request') {
      this.#give(peer, message.part);
      return;
    }
    if (this.#bytes !== null) return;
    const progress = this.#fetch.took(peer.id, message, this.#ports.nowMs());
    if (progress.kind === 'whole') this.#ports.got(progress.bytes);
    else if (progress.kind === 'wrong') this.#ports.lied(peer.id);
    this.ask();
  }

  #give(peer: SwarmPeer, part: number): void {
    if (peer.socket.writableLength > waitingMostBytes) return;
    const all = this.#bytes ?? Buffer.alloc(0);
    const bytes = all.subarray(part * metadataPartBytes, (part + 1) * metadataPartBytes);
    peer.extend(
      'ut_metadata',
      writeMetadataMessage(
        bytes.length === 0 ? { kind: 'reject', part } : { kind: 'data', part, totalBytes: all.length, bytes },
      ),
    );
  }
}
