// The hello with which both ends of a wire begin, and what makes one refused. Who is known and admitted is the caller's to say.
import {
  bytes,
  type Codec,
  type Infer,
  list,
  MalformedError,
  oneOf,
  optional,
  struct,
  text,
  uint,
} from '../runtime/codec.ts';
import { isLinkName, sameProof } from './link-proof.ts';
import type { FarewellReason } from './wire-close.ts';

export const wireRole = oneOf('core', 'gateway', 'agent', 'operator');
export type WireRole = Infer<typeof wireRole>;

export const wireAddress = struct({ host: text(255), port: within(uint, 1, 65_535) });
export type WireAddress = Infer<typeof wireAddress>;

export const addressesMost = 16;
const hashBytes = 32;
const bootBytes = 8;
const nodeMost = 2 ** 31 - 1;

/** It has to be understood across all versions: fields are only ever added, at the end. */
export const wireHello = struct({
  /** The versions of the messages that this program understands. */
  protocolFrom: uint,
  protocolTo: uint,
  cluster: exactly(hashBytes),
  /** 0: has no number yet. */
  node: within(uint, 0, nodeMost),
  role: wireRole,
  /** For logs and metrics: 1 to 40 of a-z, 0-9 and `-`. */
  name: named(text(40)),
  /** Random, and new with every start of a process. */
  boot: exactly(bootBytes),
  /** Of the manifest it has; 0 with a hash of zeros when it has none. */
  epoch: uint,
  manifestHash: exactly(hashBytes),
  /** Proof of an invite, from who is not known yet. */
  admission: optional(bytes(4096)),
  /** Where it may be reached. Hints. */
  addresses: list(wireAddress, addressesMost),
  /** Of the store behind it, from a core: this life of it. */
  incarnation: optional(uint),
});
export type WireHello = Infer<typeof wireHello>;

/** What the caller says to a hello and the key that has proved itself under it. */
export type Admission =
  | { ok: true }
  | {
      ok: false;
      reason: 'unknown-key' | 'revoked-key' | 'wrong-node' | 'bad-admission' | 'duplicate' | 'full';
      text?: string;
    };

export interface Refusal {
  reason: FarewellReason;
  text: string;
}

/** What the hello alone shows. Null: nothing against it, ask who is admitted. */
export function refusalOf(own: WireHello, other: WireHello): Refusal | null {
  if (!sameProof(own.cluster, other.cluster))
    return { reason: 'wrong-cluster', text: 'it belongs to another cluster' };
  // Nodes of one machine share its key, so the key does not tell a process that has dialed itself.
  if (sameProof(own.boot, other.boot)) return { reason: 'self', text: 'it is this very process' };
  if (commonVersion(own, other) === null) {
    const text = `it speaks protocols ${other.protocolFrom} to ${other.protocolTo}, this end ${own.protocolFrom} to ${own.protocolTo}`;
    return { reason: 'protocol', text };
  }
  return null;
}

/** Looked at last: only who is admitted can raise this alarm. */
export function manifestConflict(own: WireHello, other: WireHello): Refusal | null {
  if (own.epoch !== other.epoch || sameProof(own.manifestHash, other.manifestHash)) return null;
  return { reason: 'manifest-conflict', text: `it has another manifest of epoch ${own.epoch}` };
}

/** The highest protocol version both ends know; null when there is none. */
export function commonVersion(own: WireHello, other: WireHello): number | null {
  const highest = Math.min(own.protocolTo, other.protocolTo);
  return highest >= Math.max(own.protocolFrom, other.protocolFrom) ? highest : null;
}

function exactly(count: number): Codec<Uint8Array> {
  return checked(bytes(count), (value) => value.length === count, `${count} bytes`);
}

function within(codec: Codec<number>, least: number, most: number): Codec<number> {
  return checked(codec, (value) => value >= least && value <= most, `${least} to ${most}`);
}

function named(codec: Codec<string>): Codec<string> {
  return checked(codec, isLinkName, 'a name of a-z, 0-9 and -');
}

function checked<T>(codec: Codec<T>, holds: (value: T) => boolean, expected: string): Codec<T> {
  return {
    encode: (value) => codec.encode(value),
    decode(wire) {
      const value = codec.decode(wire);
      if (!holds(value)) throw new MalformedError('', expected);
      return value;
    },
  };
}
