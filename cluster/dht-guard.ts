// The frame around each packet of the DHT: only who holds the cluster's key can make one, and it holds for half a minute. No sockets.
//
// A packet is 16 bytes of HMAC-SHA256 over the rest, 6 bytes of time stamp, and the payload. The sender's address is not in it:
// networks rewrite addresses. So a listener can send a packet on, unread, to another node or from another address while its stamp
// holds. All that comes of it is a contact that never answers and is dropped; to the same node it comes only once.
import { createHmac, timingSafeEqual } from 'node:crypto';

const macBytes = 16;
const stampBytes = 6;
export const frameHeadBytes = macBytes + stampBytes;
/** What the library makes is shorter than this, up to about 2,000 peers. */
export const payloadMostBytes = 16 * 1024;
/** How far two nodes' clocks may be apart, the way of the packet included. */
export const stampHoldsMs = 30_000;
/** Packets remembered, twice: the oldest half is forgotten when this many are new. */
const rememberedMost = 16_384;

export type DropReason =
  /** Too short or too long to be a frame. */
  | 'misfit'
  /** Made with no key of ours. */
  | 'stranger'
  /** Made by a member, but long ago or by a clock that is wrong. */
  | 'stale'
  | 'repeated';

export type OpenedFrame =
  /** `key`: what it was sealed with. Answer with the same: a node that missed a change of keys knows no other. */
  { kind: 'payload'; payload: Buffer; key: Uint8Array } | { kind: 'dropped'; why: DropReason };

export class DhtGuard {
  #keys: readonly Uint8Array[];
  #recent = new Set<string>();
  #older = new Set<string>();

  /** Each key opens frames; the first seals them, unless they are an answer. */
  constructor(keys: readonly Uint8Array[]) {
    this.#keys = checkedKeys(keys);
  }

  setKeys(keys: readonly Uint8Array[]): void {
    this.#keys = checkedKeys(keys);
  }

  seal(payload: Uint8Array, nowMs: number, key = this.#keys[0] ?? noKey): Buffer {
    const frame = Buffer.allocUnsafe(frameHeadBytes + payload.length);
    frame.writeUIntBE(Math.max(0, Math.floor(nowMs)), macBytes, stampBytes);
    frame.set(payload, frameHeadBytes);
    macOf(key, frame.subarray(macBytes)).copy(frame);
    return frame;
  }

  open(frame: Buffer, nowMs: number): OpenedFrame {
    if (frame.length <= frameHeadBytes || frame.length > frameHeadBytes + payloadMostBytes)
      return { kind: 'dropped', why: 'misfit' };
    const mac = frame.subarray(0, macBytes);
    const sealed = frame.subarray(macBytes);
    const key = this.#keys.find((known) => timingSafeEqual(macOf(known, sealed), mac));
    if (key === undefined) return { kind: 'dropped', why: 'stranger' };
    if (Math.abs(frame.readUIntBE(macBytes, stampBytes) - nowMs) > stampHoldsMs)
      return { kind: 'dropped', why: 'stale' };
    if (this.#isRepeated(mac.toString('latin1'))) return { kind: 'dropped', why: 'repeated' };
    return { kind: 'payload', payload: frame.subarray(frameHeadBytes), key };
  }

  #isRepeated(mac: string): boolean {
    if (this.#recent.has(mac) || this.#older.has(mac)) return true;
    if (this.#recent.size >= rememberedMost) {
      this.#older = this.#recent;
      this.#recent = new Set();
    }
    this.#recent.add(mac);
    return false;
  }
}

const noKey = new Uint8Array();

/** Throws a `RangeError`: without a key everybody could make frames. */
function checkedKeys(keys: readonly Uint8Array[]): readonly Uint8Array[] {
  if (keys.length === 0 || keys.some((key) => key.length !== 32))
    throw new RangeError('the DHT needs a key of 32 bytes');
  return [...keys];
}

function macOf(key: Uint8Array, sealed: Uint8Array): Buffer {
  return createHmac('sha256', key).update(sealed).digest().subarray(0, macBytes);
}
