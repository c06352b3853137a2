// What nodes say on wires beside the data that cores share: manifests, members, places, commands. Declared once, here.
import {
  bool,
  type Codec,
  float,
  type Infer,
  list,
  optional,
  struct,
  text,
  uint,
  union,
} from '../runtime/codec.ts';
import { signedManifest } from './manifest.ts';
import { type PeerControl, type PeerData, peerControl, peerData } from './peer-messages.ts';
import { callCases } from './wire-calls.ts';
import { addressesMost, wireAddress, wireRole } from './wire-hello.ts';

export const commandMost = 10_000;
/** An answer is one message of the control lane. */
export const answerMost = 400_000;
const entriesMost = 4096;

/** What a core says of itself beside what every process does. */
const coreEntry = struct({
  addresses: list(wireAddress, addressesMost),
  /** Its DATA has the keeper's key. */
  keeper: bool,
  /** Partitions it answers for; those it owns and has; those it owns and has not. */
  serving: uint,
  held: uint,
  unheld: uint,
  clockOffsetMs: float,
});
export type CoreEntry = Infer<typeof coreEntry>;

/** One process of a node. */
export const memberEntry = struct({
  node: uint,
  role: wireRole,
  name: text(40),
  version: text(60),
  pid: uint,
  epoch: uint,
  /** Tells two processes of one role apart: another one after each start. */
  boot: text(60),
  /** Wall clock. */
  sinceMs: uint,
  core: optional(coreEntry),
});
export type MemberEntry = Infer<typeof memberEntry>;

const meshCases = {
  /** "This is the one I go by." A lower one is answered with a higher one. */
  manifest: struct({ signed: signedManifest }),
  /** Once a second: the sender itself, and what those linked to it have told of themselves. */
  members: struct({ entries: list(memberEntry, entriesMost) }),
  /** Where links of somebody in the cluster may be: to a core, from the agents, which know the DHT. */
  places: struct({ addresses: list(wireAddress, 256) }),
  ...callCases,
};
const meshOnly = union(meshCases);
export type MeshOnly = Infer<typeof meshOnly>;

/** On the control lane, so that a manifest never waits behind data. */
export type MeshControl = MeshOnly | PeerControl;
export type MeshData = PeerData;

export function isMeshOnly(message: MeshControl): message is MeshOnly {
  return Object.hasOwn(meshCases, message.kind);
}

const meshControl: Codec<MeshControl> = {
  encode: (message) => (isMeshOnly(message) ? meshOnly.encode(message) : peerControl.encode(message)),
  decode: (wire) =>
    Array.isArray(wire) && typeof wire[0] === 'string' && Object.hasOwn(meshCases, wire[0])
      ? meshOnly.decode(wire)
      : peerControl.decode(wire),
};

export const meshMessages: { data: Codec<MeshData>; control: Codec<MeshControl> } = {
  data: peerData,
  control: meshControl,
};

/** Of calls on a mesh: a command of an operator as JSON, and what it gives. */
export const commandCall = {
  ask: struct({ command: text(commandMost) }),
  answer: struct({ json: text(answerMost) }),
};
