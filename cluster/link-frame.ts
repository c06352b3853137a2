// Frames: many messages as one run of msgpack bytes, and back. What the messages mean is link-messages.ts's.
import { Packr, Unpackr } from 'msgpackr';
import { MalformedError } from '../runtime/codec.ts';
import { scanMsgpack } from '../runtime/scan-msgpack.ts';

/**
 * No frame is larger: a loopback link carries what one item can be (4 MB of session numbers) without cutting it up.
 * Several messages share a frame up to `frameGoalBytes`.
 */
export const frameMostBytes = 8 * 1024 * 1024;
export const frameGoalBytes = 256 * 1024;
const scanBounds = { depth: 32, values: 1_000_000 };

// No records, no shared structures: nothing is remembered from one frame to the next. What would travel as an extension
// (`undefined`) goes as nil.
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

export function packFrame(message: unknown): Uint8Array {
  return packr.pack(message);
}

/** Throws `MalformedError` for everything but one plain value. Bytes in it are views into the frame. */
export function unpackFrame(frame: Uint8Array): unknown {
  const wrong = scanMsgpack(frame, scanBounds);
  if (wrong !== null) throw new MalformedError('', `a frame of plain values, not ${wrong}`);
  try {
    return unpackr.unpack(frame);
  } catch (error) {
    throw new MalformedError('', `msgpack (${String(error)})`);
  }
}

export function unpackMessages(frame: Uint8Array): unknown[] {
  const messages = unpackFrame(frame);
  if (!Array.isArray(messages)) throw new MalformedError('', 'a list of messages');
  return messages;
}

/** What a message with this in it takes, roughly: lists are judged by their first item. Decides what shares a frame. */
export function aboutBytes(wire: unknown): number {
  return 60 + aboutValue(wire, 0);
}

function aboutValue(wire: unknown, depth: number): number {
  if (typeof wire === 'string') return wire.length * 1.5;
  if (wire instanceof Uint8Array) return wire.length;
  if (!Array.isArray(wire) || depth > 4) return 9;
  // A record's fields are each of their kind; a list's items are alike.
  if (wire.length > 32) return wire.length * aboutValue(wire[0], depth + 1);
  let about = 5;
  for (const value of wire) about += aboutValue(value, depth + 1);
  return about;
}
