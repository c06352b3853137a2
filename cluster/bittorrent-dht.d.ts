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
  }

  export interface ClientOptions {
    socket: EventEmitter;
    bootstrap: Address[];
    host?: string;
    maxAge: number;
    maxPeers: number;
    timeout: number;
    timeBucketOutdated: number;
    verify(signature: Uint8Array, value: Uint8Array, publicKey: Uint8Array): boolean;
  }

  export class Client extends EventEmitter {
    constructor(options: ClientOptions);
    listen(port: number, host: string): void;
    address(): { address: string; port: number };
    lookup(infoHash: Buffer, done: (error: Error | null) => void): () => void;
    announce(infoHash: Buffer, port: number, done: (error: Error | null) => void): void;
    put(
      item: {
        k: Buffer;
        v: Buffer;
        seq: number;
        salt?: Buffer;
        sign(said: Uint8Array): Buffer;
      },
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
