// What the mesh of a core is given, and what it tells: declared apart from the mesh, for whoever stands on the other side.
import type { Outcome } from '../runtime/behaviours.ts';
import type { LinkClock } from './link-clock.ts';
import type { VerifiedManifest } from './manifest.ts';
import type { CoreEntry } from './mesh-messages.ts';
import type { NodeIdentity } from './node-identity.ts';
import type { PeerMessage } from './peer-messages.ts';
import type { CoreProgress } from './ring-keeper.ts';
import type { WireBounds } from './wire-end.ts';
import type { WireAddress } from './wire-hello.ts';
import type { WireLog, WireMeter } from './wire-meter.ts';
import type { TakeUpgrade } from './wire-server.ts';

export interface MeshOptions {
  identity: NodeIdentity;
  /** The data folder: cluster.json is there, and the core's own manifest.json. */
  data: string;
  /** Where cores, gateways and agents of other machines dial. Port 0: any free one. `advertise`: what they are told instead of `host`. */
  listen: { host: string; port: number; advertise: string | null };
  name: string;
  version: string;
  log: WireLog;
  meter?: WireMeter;
  clock?: LinkClock;
  bounds?: Partial<WireBounds>;
}

/** Another core, as it is linked: `PeerIdentity` of replica-ports.ts, and the key that it has proved. */
export interface LinkedCore {
  node: number;
  /** Of its process, in hexadecimal. */
  boot: string;
  /** Of its store. */
  incarnation: number;
  publicKey: Uint8Array;
}

export interface MeshEvents {
  /** Before any message of it. When a link takes the place of another, `unlinked` comes between. */
  linked(core: LinkedCore): void;
  unlinked(node: number): void;
  /** In order for each lane: the next one of a lane comes when the promise is settled. Bytes are views into frames. */
  message(node: number, message: PeerMessage): void | Promise<void>;
  /** After `isWritable` was false. */
  writable(node: number): void;
  /** It is on disk, and others are about to hear of it. */
  manifest(verified: VerifiedManifest): void;
}

/** What this core says of itself to the others, once a second. */
export interface CoreReport extends Omit<CoreEntry, 'addresses' | 'keeper' | 'rollout'> {
  /** Those linked to it by links that are none of the mesh's. */
  gateways: { node: number; name: string; version: string; pid: number; sinceMs: number }[];
}

/** Of the machine's own agent. */
export interface SwapOrder {
  /** The folder of a release. */
  release: string;
  /** It may be one from which there is no way back. */
  isOneWay: boolean;
}

/** What the mesh needs of the core behind it. */
export interface MeshPorts {
  /** Of the store. */
  incarnation: number;
  events: MeshEvents;
  report(): CoreReport;
  /** Of another core or this one. Unless told: what each says of itself once a second. */
  progressOf?(node: number): CoreProgress | null;
  /** Who serves what, as far as this core knows: for people who look. */
  servers?(): { partition: number; node: number; term: number }[];
  /** The machine's own agent has a release whose behaviours are to run here from now on. The answer is for people. */
  swap?(order: SwapOrder): Promise<Outcome<string>>;
  /** Upgrades on the cluster port that are no wires: `/link`, for the gateways of other machines. */
  otherPaths?: Readonly<Record<string, TakeUpgrade>>;
}

/** For gateways: where a core of the manifest may be reached. */
export interface CorePlace {
  node: number;
  publicKey: Uint8Array;
  addresses: readonly WireAddress[];
}
