// What a core can say of its cluster: nodes, ring, keeper, and how many copies there are. Pure: made of the manifest and the members.
import type { Manifest, Role, VerifiedManifest } from './manifest.ts';
import { ringCoresOf } from './manifest.ts';
import type { CopiedKey } from './mesh-copied-keys.ts';
import type { MemberEntry } from './mesh-messages.ts';
import { newestAgents } from './release-rollout.ts';
import { mostOwners, quorum, type Ring } from './ring.ts';
import type { RingChange } from './ring-keeper.ts';

export interface ProcessStatus {
  role: string;
  name: string;
  version: string;
  pid: number;
  sinceMs: number;
  epoch: number;
}

export interface NodeStatus {
  node: number;
  name: string;
  machine: string;
  roles: Role[];
  weight: number;
  /** `departed`: revoked, and still in the ring as one that is away. `stranger`: linked, and unknown to this manifest. */
  standing: 'member' | 'departed';
  isHere: boolean;
  inRing: boolean;
  /** Nobody has heard of its core for some seconds when it is null. */
  core: {
    address: string | null;
    sinceMs: number;
    epoch: number;
    serving: number;
    held: number;
    unheld: number;
    clockOffsetMs: number;
    hasKeeper: boolean;
  } | null;
  owned: number;
  /** What its programs run, as its agent says; null: that is not heard, or runs no release. */
  release: { id: string; label: string } | null;
  processes: ProcessStatus[];
}

export interface MeshStatus {
  cluster: string;
  node: number;
  epoch: number;
  manifestHash: string;
  /** Two manifests of one epoch were seen. */
  conflict: string | null;
  /** Nodes whose key two processes have. */
  copiedKeys: CopiedKey[];
  /** Nodes whose cores say that they have the keeper's key. */
  keepers: number[];
  replication: { machines: number; owners: number; writes: number };
  ring: { cores: number[]; next: number[] | null; change: RingChange | null };
  dhtKeys: number;
  nodes: NodeStatus[];
}

export interface StatusParts {
  self: number;
  verified: VerifiedManifest;
  conflict: string | null;
  copiedKeys: readonly CopiedKey[];
  entries: readonly MemberEntry[];
  ring: Ring;
  change: RingChange | null;
}

export function statusOf({
  self,
  verified,
  conflict,
  copiedKeys,
  entries,
  ring,
  change,
}: StatusParts): MeshStatus {
  const { manifest, hash } = verified;
  const owned = ownedBy(ring);
  const releases = releasesOf(entries);
  const known = [
    ...manifest.members.map((member) => ({ ...member, standing: 'member' as const })),
    ...manifest.departed.map((core) => ({
      ...core,
      name: `node-${core.node}`,
      roles: ['core'] as Role[],
      standing: 'departed' as const,
    })),
  ];
  return {
    cluster: hex(manifest.cluster),
    node: self,
    epoch: manifest.epoch,
    manifestHash: hex(hash),
    conflict,
    copiedKeys: [...copiedKeys],
    keepers: keepersAmong(entries),
    replication: replicationOf(manifest),
    ring: { ...manifest.ring, change },
    dhtKeys: manifest.dhtKeys.length,
    nodes: known.map(({ node, name, machine, roles, weight, standing }) => ({
      node,
      name,
      machine,
      roles,
      weight,
      standing,
      isHere: node === self,
      inRing: manifest.ring.cores.includes(node),
      core: coreStatus(entries, node),
      owned: owned.get(node) ?? 0,
      release: releases.get(node) ?? null,
      processes: entries
        .filter((entry) => entry.node === node)
        .map(({ role, name: called, version, pid, sinceMs, epoch }) => {
          return { role, name: called, version, pid, sinceMs, epoch };
        }),
    })),
  };
}

/** The partitions' owners, servers and terms, one character row a node: the drawing is the command line's. */
export interface RingStatus {
  epoch: number;
  partitions: number;
  cores: number[];
  next: number[] | null;
  change: RingChange | null;
  names: Record<string, string>;
  /** By partition: its owners, the preferred server first; and those after the change, if that makes a difference. */
  owners: number[][];
  nextOwners: (number[] | null)[];
  /** By partition, as far as this core knows; null: nobody, or not known here. */
  servers: ({ node: number; term: number } | null)[];
  nodes: { node: number; owned: number; served: number; unheld: number; isAway: boolean }[];
}

export function ringStatusOf(
  parts: StatusParts,
  servers: readonly { partition: number; node: number; term: number }[],
): RingStatus {
  const { manifest } = parts.verified;
  const { ring, entries } = parts;
  const status = statusOf(parts);
  const placements = Array.from({ length: ring.partitions }, (_, partition) => ring.placement(partition));
  const serving: RingStatus['servers'] = placements.map(() => null);
  for (const { partition, node, term } of servers) {
    const known = serving[partition];
    if (known === undefined || (known !== null && known.term >= term)) continue;
    serving[partition] = { node, term };
  }
  const all = [...new Set([...manifest.ring.cores, ...(manifest.ring.next ?? [])])];
  return {
    epoch: manifest.epoch,
    partitions: ring.partitions,
    ...manifest.ring,
    change: parts.change,
    names: Object.fromEntries(status.nodes.map(({ node, name }) => [String(node), name])),
    owners: placements.map(({ owners }) => [...owners]),
    nextOwners: placements.map(({ next }) => (next === null ? null : [...next])),
    servers: serving,
    nodes: all.map((node) => {
      const core = coreStatus(entries, node);
      const { owned } = status.nodes.find((one) => one.node === node) ?? { owned: 0 };
      return { node, owned, served: core?.serving ?? 0, unheld: core?.unheld ?? 0, isAway: core === null };
    }),
  };
}

export function keepersAmong(entries: readonly MemberEntry[]): number[] {
  const nodes = entries.flatMap(({ node, core }) => (core?.keeper === true ? [node] : []));
  return [...new Set(nodes)].sort((one, other) => one - other);
}

function releasesOf(entries: readonly MemberEntry[]): Map<number, NodeStatus['release']> {
  const running = newestAgents(entries).filter(({ agent }) => agent.runs !== '');
  return new Map(running.map(({ node, agent }) => [node, { id: agent.runs, label: agent.runsVersion }]));
}

function coreStatus(entries: readonly MemberEntry[], node: number): NodeStatus['core'] {
  // After a restart both lives are told for some seconds.
  const [entry] = entries
    .filter((one) => one.node === node && one.core !== null)
    .sort((one, other) => other.sinceMs - one.sinceMs);
  if (entry === undefined || entry.core === null) return null;
  const { addresses, keeper, serving, held, unheld, clockOffsetMs } = entry.core;
  const [address] = addresses;
  return {
    address: address === undefined ? null : `${address.host}:${address.port}`,
    sinceMs: entry.sinceMs,
    epoch: entry.epoch,
    serving,
    held,
    unheld,
    clockOffsetMs,
    hasKeeper: keeper,
  };
}

/** How many copies there are, and how many a write waits for: of the ring as it is, not as it will be. */
function replicationOf(manifest: Manifest): MeshStatus['replication'] {
  const machines = new Set(ringCoresOf(manifest).cores.map(({ machine }) => machine)).size;
  const owners = Math.min(mostOwners, machines);
  return { machines, owners, writes: quorum(owners) };
}

function ownedBy(ring: Ring): Map<number, number> {
  const owned = new Map<number, number>();
  for (let partition = 0; partition < ring.partitions; partition++)
    for (const node of ring.placement(partition).owners) owned.set(node, (owned.get(node) ?? 0) + 1);
  return owned;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
