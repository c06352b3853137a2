// Frames of wires between machines: a kind and its body in one run of msgpack bytes. What messages mean is the caller's codecs'.
import { type Codec, MalformedError, struct, uint } from '../runtime/codec.ts';
import { scanMsgpack } from '../runtime/scan-msgpack.ts';
import { frameGoalBytes, packFrame, unpackFrame } from './link-frame.ts';

/** No frame is larger; many messages share one up to `frameGoalBytes` of link-frame.ts. */
export const wireFrameMostBytes = 1024 * 1024;
/** Values in one frame. One takes at least a byte, so frames up to the goal keep to it by themselves. */
const valuesMost = frameGoalBytes;
const scanBounds = { depth: 32, values: valuesMost };
const headerBytes = 7;
/** No message is larger when packed: whoever posts cuts up what may be. */
export const messageMostBytes = wireFrameMostBytes - headerBytes;

export type Lane = 'data' | 'control';

/** All frames and bytes of each lane that were processed since the link was opened: told again, it says the same. */
export const creditFrame = struct({
  dataFrames: uint,
  dataBytes: uint,
  controlFrames: uint,
  controlBytes: uint,
});

/** The other's hello is good: the sender of this takes messages from now on. */
export const acceptedFrame = struct({ protocol: uint });

const kinds = { data: 0, control: 1, credit: 2, beat: 3, hello: 4, accepted: 5 } as const;
export type WireFrameKind = keyof typeof kinds;
const kindNames = Object.keys(kinds) as WireFrameKind[];

/** A message as it travels. Throws `RangeError` for one that no frame can hold: that is the poster's bug. */
export function packMessage<M>(codec: Codec<M>, message: M): Uint8Array {
  const packed = packFrame(codec.encode(message));
  if (packed.length > messageMostBytes)
    throw new RangeError(`a message of ${packed.length} bytes, no frame holds it`);
  if (packed.length > frameGoalBytes) {
    const wrong = scanMsgpack(packed, { depth: scanBounds.depth - 2, values: valuesMost - 3 });
    if (wrong !== null) throw new RangeError(`a message that nobody would take: ${wrong}`);
  }
  return packed;
}

/** A frame of packed messages: together at most `messageMostBytes`. */
export function joinMessages(lane: Lane, packed: readonly Uint8Array[], bytes: number): Uint8Array {
  const frame = Buffer.allocUnsafe(headerBytes + bytes);
  frame[0] = pairOf;
  frame[1] = kinds[lane];
  frame[2] = list32;
  frame.writeUInt32BE(packed.length, 3);
  let at = headerBytes;
  for (const message of packed) {
    frame.set(message, at);
    at += message.length;
  }
  return frame;
}

export function packWire(kind: Exclude<WireFrameKind, Lane>, body: unknown): Uint8Array {
  return packFrame([kinds[kind], body]);
}

/** What a frame says it is, from its first two bytes. Null: it is none. */
export function kindOf(frame: Uint8Array): WireFrameKind | null {
  if (frame[0] !== pairOf || frame[1] === undefined) return null;
  return kindNames[frame[1]] ?? null;
}

/** The body of a frame that `kindOf` knows, checked to be plain values. Throws `MalformedError`. Bytes in it are views into the frame. */
export function bodyOf(frame: Uint8Array): unknown {
  // Frames up to the goal cannot hold more values than that, and unpackFrame looks at the rest.
  if (frame.length > valuesMost) {
    const wrong = scanMsgpack(frame, scanBounds);
    if (wrong !== null) throw new MalformedError('', `a frame of plain values, not ${wrong}`);
  }
  const values = unpackFrame(frame);
  if (!Array.isArray(values) || values.length !== 2)
    throw new MalformedError('', 'a frame of a kind and a body');
  return values[1];
}

export function messagesOf(frame: Uint8Array): unknown[] {
  const body = bodyOf(frame);
  if (!Array.isArray(body)) throw new MalformedError('', 'a list of messages');
  return body;
}

/** msgpack: a list of two. */
const pairOf = 0x92;
/** msgpack: a list whose length takes four bytes. */
const list32 = 0xdd;
