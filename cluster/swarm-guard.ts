// What of a peer's bytes reaches the library: whole messages of bounded length whose numbers are this torrent's. Pure; the library checks nothing.
import {
  type ExtendedHandshake,
  handshakeMostBytes,
  readHandshake,
  writeHandshake,
} from './swarm-extended.ts';
import { blockBytes } from './torrent-bounds.ts';

/** The torrent, once it is known. */
export interface GuardedLayout {
  pieces: number;
  pieceBytes(piece: number): number;
}

export type Guarded =
  | {
      isFlawed: false;
      /** To be given on, in order: the very bytes, or the handshake of extensions written anew. */
      pass: Buffer[];
      /** What the peer said of itself in them. */
      handshakes: ExtendedHandshake[];
    }
  /** The connection must end. */
  | { isFlawed: true; flaw: string };

const greetingBytes = 68;
const greeting = Buffer.from('\u0013BitTorrent protocol', 'latin1');
/** For torrents whose pieces are not known yet. */
const piecesMost = 400_000;
const extendedMostBytes = 32 * 1024;
/** Kinds that later rules brought and nobody was told that we know: read over, if they are short. */
const unknownMostBytes = 32 * 1024;

const kinds = {
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  extended: 20,
} as const;

class Flaw extends Error {}

export class Guard {
  #layout: GuardedLayout | null = null;
  #held: Buffer | null = null;
  #isGreeted = false;

  know(layout: GuardedLayout): void {
    this.#layout = layout;
  }

  push(chunk: Buffer): Guarded {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    try {
      return this.#read(bytes);
    } catch (error) {
      if (error instanceof Flaw) return { isFlawed: true, flaw: error.message };
      throw error;
    }
  }

  #read(bytes: Buffer): Guarded {
    const pass: Buffer[] = [];
    const handshakes: ExtendedHandshake[] = [];
    let at = 0;
    /** Messages that pass as they are lie from here to `at`. */
    let from = 0;
    const flush = (): void => {
      if (at > from) pass.push(bytes.subarray(from, at));
    };
    if (!this.#isGreeted) {
      if (!this.#greets(bytes)) return this.#hold(bytes, 0, { pass, handshakes });
      at = greetingBytes;
    }
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at);
      const end = at + 4 + length;
      if (length > 0 && bytes.length > at + 4) this.#checkLength(bytes[at + 4] ?? 0, length);
      if (end > bytes.length) break;
      const fate = length === 0 ? 'pass' : this.#check(bytes.subarray(at + 4, end), handshakes);
      if (fate !== 'pass') {
        flush();
        if (fate !== 'drop') pass.push(fate);
        from = end;
      }
      at = end;
    }
    flush();
    return this.#hold(bytes, at, { pass, handshakes });
  }

  #hold(bytes: Buffer, at: number, result: { pass: Buffer[]; handshakes: ExtendedHandshake[] }): Guarded {
    if (at < bytes.length) this.#held = bytes.subarray(at);
    return { isFlawed: false, ...result };
  }

  /** False when more must come first. */
  #greets(bytes: Buffer): boolean {
    const seen = Math.min(bytes.length, greeting.length);
    if (!bytes.subarray(0, seen).equals(greeting.subarray(0, seen))) throw new Flaw('no BitTorrent');
    this.#isGreeted = bytes.length >= greetingBytes;
    return this.#isGreeted;
  }

  /** As soon as the kind is there, so that nothing long is ever waited for. */
  #checkLength(kind: number, length: number): void {
    const most = this.#longest(kind);
    if (length > most || (kind < kinds.bitfield && length !== most))
      throw new Flaw(`a message of kind ${kind} with ${length} bytes`);
  }

  #longest(kind: number): number {
    switch (kind) {
      case 0:
      case 1:
      case 2:
      case 3:
        return 1;
      case kinds.have:
        return 5;
      case kinds.bitfield:
        return 1 + Math.ceil((this.#layout?.pieces ?? piecesMost) / 8);
      case kinds.request:
      case kinds.cancel:
        return 13;
      case kinds.piece:
        return 9 + blockBytes;
      case kinds.port:
        return 3;
      case kinds.extended:
        return extendedMostBytes;
      default:
        return unknownMostBytes;
    }
  }

  #check(message: Buffer, handshakes: ExtendedHandshake[]): 'pass' | 'drop' | Buffer {
    const kind = message[0] ?? 0;
    const flawed = (): Flaw => new Flaw(`a malformed message of kind ${kind}`);
    switch (kind) {
      case 0:
      case 1:
      case 2:
      case 3:
        return 'pass';
      case kinds.have:
        if (message.readUInt32BE(1) >= (this.#layout?.pieces ?? piecesMost)) throw flawed();
        return 'pass';
      case kinds.bitfield:
        // Not only as the first message: some clients say many new pieces so.
        if (this.#layout !== null && message.length !== this.#longest(kind)) throw flawed();
        return 'pass';
      case kinds.request:
      case kinds.cancel:
        if (message.length !== 13 || !this.#isPart(message, message.readUInt32BE(9))) throw flawed();
        return 'pass';
      case kinds.piece:
        if (message.length <= 9 || !this.#isPart(message, message.length - 9)) throw flawed();
        return 'pass';
      case kinds.port:
        return 'drop';
      case kinds.extended:
        return this.#checkExtended(message, handshakes);
      default:
        return 'drop';
    }
  }

  /** Only of a torrent that is known: nobody is offered anything of another. */
  #isPart(message: Buffer, length: number): boolean {
    const piece = message.readUInt32BE(1);
    const offset = message.readUInt32BE(5);
    if (this.#layout === null || piece >= this.#layout.pieces) return false;
    return length > 0 && length <= blockBytes && offset + length <= this.#layout.pieceBytes(piece);
  }

  #checkExtended(message: Buffer, handshakes: ExtendedHandshake[]): 'pass' | 'drop' | Buffer {
    if (message.length < 2) throw new Flaw('an extended message without a number');
    if (message[1] !== 0) return 'pass';
    const handshake = message.length <= handshakeMostBytes ? readHandshake(message.subarray(2)) : null;
    if (handshake === null) throw new Flaw('a malformed handshake of extensions');
    handshakes.push(handshake);
    const written = writeHandshake(handshake);
    const frame = Buffer.alloc(6);
    frame.writeUInt32BE(2 + written.length, 0);
    frame[4] = kinds.extended;
    return Buffer.concat([frame, written]);
  }
}
