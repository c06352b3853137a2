// What both ends of a wire between machines have in common: what they are given, and the link they give. How they meet is others'.
import type { Codec } from '../runtime/codec.ts';
import type { LinkClock } from './link-clock.ts';
import type { FarewellReason, WireEnding } from './wire-close.ts';
import type { Admission, WireHello } from './wire-hello.ts';
import type { WireLog, WireMeter } from './wire-meter.ts';

export interface WirePeer {
  /** What it says of itself. Only the key is proved; `admits` has agreed to the rest. */
  hello: WireHello;
  /** Ed25519, 32 bytes: TLS has proved that the peer holds its other half. */
  publicKey: Uint8Array;
  /** The highest version of the messages that both ends know. */
  protocol: number;
}

/** An open link. `D` are messages of the data lane, `C` of the control lane; each lane keeps its order. */
export interface WireLink<D, C> {
  readonly peer: WirePeer;
  readonly isOpen: boolean;
  /** Bytes posted here that the machine's network has not taken. */
  readonly backlogBytes: number;
  /** Bytes of data that were sent and that the peer has not said it has processed: a window at most. */
  readonly unprocessedBytes: number;
  /**
   * Packs the message at once, so it may change afterwards, and sends it at the end of this turn or when the peer has processed
   * enough. Over the bound the link is closed as `slow-peer`. Does nothing on a closed link. Throws `RangeError` for a message
   * that no frame can hold.
   */
  post(message: D): void;
  /** Like `post`, on the lane that overtakes data. For what is little and must not wait. */
  control(message: C): void;
  /** False while much data waits here: hold back what can wait until `writable` of the receiver is called. */
  writable(): boolean;
  /** What is posted already goes out as far as it can without waiting for the peer. Does nothing the second time. */
  close(text: string, reason?: FarewellReason): void;
}

/** What a program does with a link. Bytes in messages are views into their frames: copy what is kept. */
export interface WireReceiver<D, C> {
  /** The next message of this lane is handed over when the promise is settled; until then the sender's credit is not returned. */
  data(message: D): void | Promise<void>;
  control(message: C): void | Promise<void>;
  /** Data may be posted again, after `writable()` was false. */
  writable?(): void;
  /** Called once, last, and never within a call of the link. */
  closed(ending: WireEnding): void;
}

export interface WireBounds {
  /** Data that waits for the peer; beyond it the link is closed. */
  queueBytes: number;
  controlQueueBytes: number;
  /** Above this much waiting data `writable()` is false, until half of it is gone. */
  pauseBytes: number;
  /** A peer from which nothing comes for so long is given up, and so is one that takes nothing for so long. */
  silenceMs: number;
  /** From the first byte to both hellos accepted. */
  handshakeMs: number;
}

export const wireBounds: Readonly<WireBounds> = {
  queueBytes: 64 * 1024 * 1024,
  controlQueueBytes: 8 * 1024 * 1024,
  pauseBytes: 1024 * 1024,
  silenceMs: 10_000,
  handshakeMs: 5000,
};

export interface WireEndOptions<D, C> {
  /** PEM: the node's Ed25519 key, and a certificate of it signed by itself. */
  tls: { key: string; cert: string };
  /** This end's hello; asked for at each handshake. */
  hello(): WireHello;
  /** Whether the key is one that may link, as what the hello says. Asked before any message is taken; may take its time, within `handshakeMs`. */
  admits(hello: WireHello, publicKey: Uint8Array): Admission | Promise<Admission>;
  messages: { data: Codec<D>; control: Codec<C> };
  /** Called when both ends have accepted each other, before any message is handed over. */
  onLink(link: WireLink<D, C>): WireReceiver<D, C>;
  log: WireLog;
  meter?: WireMeter;
  clock?: LinkClock;
  bounds?: Partial<WireBounds>;
}
