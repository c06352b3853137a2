// Two open links that are joined without a network, for tests of what links themselves do.
import { type WireBounds, wireBounds } from '../../cluster/wire-end.ts';
import { OpenWire } from '../../cluster/wire-link.ts';
import type { WireSocket } from '../../cluster/wire-outbox.ts';
import { ManualClock } from './link-ends.ts';
import { type Control, type Data, helloOf, testMessages, Witness } from './wire-ends.ts';

/** A socket that hands over when it is told to: what two links without a network are joined by. */
export class HandedSocket implements WireSocket {
  /** Where frames go. Null: they wait, as with a peer that does not read. */
  to: ((frame: Uint8Array) => void) | null = null;
  readonly sent: Uint8Array[] = [];
  farewell: { code: number; text: string } | null = null;
  #waiting: { frame: Uint8Array; taken: () => void }[] = [];

  send(frame: Uint8Array, taken: () => void): void {
    this.sent.push(frame);
    this.#waiting.push({ frame, taken });
    setImmediate(() => this.pass());
  }

  close(code: number, text: string): void {
    this.farewell = { code, text };
  }

  get waitingBytes(): number {
    return this.#waiting.reduce((sum, { frame }) => sum + frame.length, 0);
  }

  /** Hands over all that waits. */
  pass(): void {
    if (this.to === null) return;
    for (const { frame, taken } of this.#waiting.splice(0)) {
      taken();
      this.to(frame);
    }
  }
}

export interface PairEnd {
  link: OpenWire<Data, Control>;
  socket: HandedSocket;
  witness: Witness;
}

/** Two links that are joined without a network. */
export function wirePair(bounds: Partial<WireBounds> = {}): {
  near: PairEnd;
  far: PairEnd;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  const end = (node: number): PairEnd => {
    const socket = new HandedSocket();
    const witness = new Witness();
    const link = new OpenWire<Data, Control>({
      peer: { hello: helloOf(node), publicKey: new Uint8Array(32), protocol: 2 },
      socket,
      messages: testMessages,
      onLink: witness.onLink,
      log: witness.log,
      meter: witness.meter,
      clock,
      bounds: { ...wireBounds, ...bounds },
      ended: () => {},
    });
    return { link, socket, witness };
  };
  const near = end(1);
  const far = end(2);
  near.socket.to = (frame) => far.link.take(frame);
  far.socket.to = (frame) => near.link.take(frame);
  return { near, far, clock };
}
