// WebSocket frames by hand: written as clients must, or must not, and read as a server sends them.
import type { Chance } from './chance.ts';

export interface FrameShape {
  opcode: number;
  payload: Uint8Array;
  isLast?: boolean;
  /** Reserved bits, 0 to 7. */
  reserved?: number;
  /** Clients must; false breaks the rule. */
  isMasked?: boolean;
  /** Bytes of the length: 0 (inside the second byte), 2 or 8. Default: the shortest that holds it. */
  lengthBytes?: 0 | 2 | 8;
  /** What the length says, when that is not the truth. */
  saidLength?: number;
}

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export function frame(shape: FrameShape, chance: Chance): Buffer {
  const { payload, isLast = true, reserved = 0, isMasked = true } = shape;
  const length = shape.saidLength ?? payload.length;
  const lengthBytes = shape.lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = (isLast ? 0x80 : 0) | (reserved << 4) | shape.opcode;
  head[1] = (isMasked ? 0x80 : 0) | (lengthBytes === 0 ? length & 0x7f : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(length & 0xffff, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (!isMasked) return Buffer.concat([head, payload]);
  const mask = chance.bytes(4);
  const masked = Buffer.from(payload);
  for (let at = 0; at < masked.length; at++) masked[at] = (masked[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return Buffer.concat([head, mask, masked]);
}

export interface ServerFrame {
  opcode: number;
  payload: Buffer;
}

/** The frames that are there in full. Throws when a server may not send such a frame. */
export function readFrames(bytes: Buffer): { frames: ServerFrame[]; rest: Buffer } {
  const frames: ServerFrame[] = [];
  let rest = bytes;
  for (;;) {
    const [first, second] = rest;
    if (first === undefined || second === undefined) return { frames, rest };
    if ((first & 0xf0) !== 0x80 || (second & 0x80) !== 0)
      throw new Error(`the server sent a frame that begins with ${rest.subarray(0, 8).toString('hex')}`);
    const short = second & 0x7f;
    const from = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (rest.length < from) return { frames, rest };
    const length =
      short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
    if (rest.length < from + length) return { frames, rest };
    frames.push({ opcode: first & 0x0f, payload: rest.subarray(from, from + length) });
    rest = rest.subarray(from + length);
  }
}

/** Close codes the server may give: what went wrong, in the protocol's words or in ours. */
const closeCodes = new Set([1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1012, 1013]);

/** Null when it may be sent; else what is wrong with it. */
export function faultOfFrame({ opcode: kind, payload }: ServerFrame): string | null {
  switch (kind) {
    case opcode.ping:
    case opcode.pong:
      return null;
    case opcode.close: {
      if (payload.length === 0) return null;
      const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
      // The client's own code is sent back: 3000 to 4999 are free for it to choose, and noise may choose one.
      return closeCodes.has(code) || (code >= 3000 && code < 5000) ? null : `closed with ${code}`;
    }
    case opcode.text: {
      const said: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
      if (typeof said !== 'object' || said === null) return `a frame that is no object: ${payload}`;
      if ('event' in said) return null;
      const isStated =
        'error' in said &&
        typeof said.error === 'string' &&
        'status' in said &&
        typeof said.status === 'number';
      return isStated && Number(said.status) >= 400 && Number(said.status) < 500
        ? null
        : `no stated error: ${payload}`;
    }
    case opcode.binary:
      // The compact form, for those who asked for it.
      return null;
    default:
      return `a frame with opcode ${kind}`;
  }
}
