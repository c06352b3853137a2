// The types of the package bittorrent-dht, as far as agent-dht.ts uses it: it brings none of its own.
declare module 'bittorrent-dht' {
  import type { EventEmitter } from 'node:events';

  export interface Address {
    host: string;
    port: number;
  }

  export interface Item {
    v: Uint8Array;
    seq?: number;
    /** Of a mutable item. */
    sig?: Uint8Array;
  }

  export interface ClientOptions {
    socket: EventEmitter;
    /** False: none, and nobody is asked at the start. */
    bootstrap: Address[] | false;
    host?: string;
    maxAge: number;
    maxPeers: number;
    timeout: number;
    timeBucketOutdated: number;
    /** Without it there are no signed items. */
    verify?(signature: Uint8Array, value: Uint8Array, publicKey: Uint8Array): boolean;
  }

  export class Client extends EventEmitter {
    constructor(options: ClientOptions);
    readonly nodeId: Buffer;
    listen(port?: number, host?: string): void;
    /** Asked, and kept if it answers. */
    addNode(node: Address): void;
    address(): { address: string; port: number };
    lookup(infoHash: Buffer, done: (error: Error | null) => void): () => void;
    announce(infoHash: Buffer, port: number, done: (error: Error | null) => void): void;
    put(
      item: {
        k: Buffer;
        v: Buffer;
        seq: number;
        salt?: Buffer;
      } & ({ sign(said: Uint8Array): Buffer } | { sig: Buffer }),
      done: (error: (Error & { code?: number }) | null, key: Buffer, copies: number) => void,
    ): void;
    get(
      key: Buffer,
      options: { salt?: Buffer; cache: false },
      done: (error: Error | null, item: Item | null) => void,
    ): void;
    toJSON(): { nodes: Address[] };
    destroy(done: () => void): void;
  }
}
