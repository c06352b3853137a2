// The types of the package bittorrent-protocol, as far as swarm-peer.ts uses it: it brings none of its own.
declare module 'bittorrent-protocol' {
  import type { EventEmitter } from 'node:events';

  export interface WireExtension {
    onHandshake?(): void;
    onExtendedHandshake?(): void;
    onMessage?(bytes: Uint8Array): void;
  }

  export interface WireExtensionClass {
    new (wire: Wire): WireExtension;
    prototype: { name: string };
  }

  export interface WireEvents {
    data: [bytes: Uint8Array];
    close: [];
    error: [error: Error];
    handshake: [hash: string, peerId: string, extensions: { extended: boolean }];
    choke: [];
    unchoke: [];
    interested: [];
    uninterested: [];
    have: [piece: number];
    bitfield: [];
    request: [piece: number, offset: number, length: number];
    cancel: [piece: number, offset: number, length: number];
    piece: [piece: number, offset: number, bytes: Uint8Array];
    extended: [name: string | number, message: unknown];
  }

  // biome-ignore lint/style/noDefaultExport: the package has no other.
  export default class Wire extends EventEmitter<WireEvents> {
    constructor(type: 'tcpIncoming' | 'tcpOutgoing');
    readonly amChoking: boolean;
    readonly amInterested: boolean;
    readonly peerChoking: boolean;
    readonly peerInterested: boolean;
    readonly destroyed: boolean;
    readonly peerRequests: unknown[];
    readonly peerPieces: { buffer: Uint8Array };
    extendedHandshake: Record<string, number | string>;
    use(extension: WireExtensionClass): void;
    write(bytes: Uint8Array): boolean;
    handshake(hash: Uint8Array, peerId: Uint8Array): void;
    keepAlive(): void;
    choke(): void;
    unchoke(): void;
    interested(): void;
    uninterested(): void;
    have(piece: number): void;
    bitfield(bytes: Uint8Array): void;
    request(piece: number, offset: number, length: number): void;
    piece(piece: number, offset: number, bytes: Uint8Array): void;
    cancel(piece: number, offset: number, length: number): void;
    extended(extension: number | string, message: object | Uint8Array): void;
    destroy(): void;
  }
}
