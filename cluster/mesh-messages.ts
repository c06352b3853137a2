// What nodes say on wires beside the data that cores share: manifests, members, places, commands. Declared once, here.
import {
  bool,
  bytes,
  type Codec,
  float,
  type Infer,
  list,
  oneOf,
  optional,
  struct,
  text,
  uint,
  union,
} from '../runtime/codec.ts';
import { publicKeyBytes, signatureBytes } from './ed25519.ts';
import { signedManifest } from './manifest.ts';
import { fixedBytes } from './packed.ts';
import { type PeerControl, type PeerData, peerControl, peerData } from './peer-messages.ts';
import { handoversMost } from './release-handover.ts';
import { signedPointerMostBytes } from './release-pointer.ts';
import { callCases } from './wire-calls.ts';
import { addressesMost, wireAddress, wireRole } from './wire-hello.ts';

export const commandMost = 10_000;
/** An answer is one message of the control lane. */
export const answerMost = 400_000;
const entriesMost = 4096;

export const reasonMost = 300;
/** Of an info dictionary that travels with a pointer: larger ones are had from peers. */
export const infoMost = 400_000;

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
  /** How it does, by which a release is judged. */
  health: optional(
    struct({
      /** Requests it was asked since its start, and those among them that failed for a reason of its own. */
      asked: uint,
      failed: uint,
      /** Actors that failed and began anew. */
      crashed: uint,
      /** How far its watermark is behind. */
      lagMs: uint,
    }),
  ),
  /** Said by whoever coordinates a deploy: see `RolloutSaid` of release-rollout.ts. */
  rollout: optional(struct({ seq: uint, wave: uint, open: uint, stopped: text(reasonMost) })),
});
export type CoreEntry = Infer<typeof coreEntry>;

export const releaseStages = [
  /** It heard of it, and does not know yet what is in it. */
  'heard',
  'fetching',
  'verified',
  /** Its turn has come: it tries it on what is here, and changes over. */
  'changing',
  /** It runs, and may still be taken back. */
  'probation',
  'healthy',
  /** It was not taken in: the reason says why. Nothing has changed. */
  'refused',
  /** It ran, and was taken back. */
  'back',
] as const;

/** What an agent says of itself: where its swarm is, and how far it is with the release that is to run. */
const agentEntry = struct({
  swarm: list(wireAddress, addressesMost),
  /** Id and version of what runs here; empty when it was never deployed. */
  runs: text(64),
  runsVersion: text(60),
  /** Of the pointer it goes by; 0: none. */
  seq: uint,
  stage: oneOf(...releaseStages),
  /** What goes on in this stage, or why it ended here. */
  note: text(reasonMost),
  /** Since when, in the wall clock. */
  sinceMs: uint,
  /** Bytes: all of it, what is here, and what came over the network. */
  total: uint,
  have: uint,
  moved: uint,
});
export type AgentEntry = Infer<typeof agentEntry>;
export type ReleaseStage = AgentEntry['stage'];

/** A release pointer as it travels on links. */
export const releaseNews = struct({
  /** Of release-pointer.ts. */
  pointer: bytes(signedPointerMostBytes),
  /** Release keys that have handed over, oldest first: until the one that signed. */
  handovers: list(
    struct({
      from: fixedBytes(publicKeyBytes),
      to: fixedBytes(publicKeyBytes),
      signature: fixedBytes(signatureBytes),
    }),
    handoversMost,
  ),
  /** The info dictionary of its torrent, when the sender has it. */
  info: optional(bytes(infoMost)),
});
export type ReleaseNews = Infer<typeof releaseNews>;

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
  agent: optional(agentEntry),
});
export type MemberEntry = Infer<typeof memberEntry>;

const meshCases = {
  /** "This is the one I go by." A lower one is answered with a higher one. */
  manifest: struct({ signed: signedManifest }),
  /** Once a second: the sender itself, and what those linked to it have told of themselves. */
  members: struct({ entries: list(memberEntry, entriesMost) }),
  /** Where links of somebody in the cluster may be: to a core, from the agents, which know the DHT. */
  places: struct({ addresses: list(wireAddress, 256) }),
  /** What is to run from now on. */
  pointer: releaseNews,
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
