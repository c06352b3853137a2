// What a process of the mesh says of itself: its hello, its entry among the members, its addresses.
import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import type { VerifiedManifest } from './manifest.ts';
import { noHash } from './manifest.ts';
import type { AgentEntry, CoreEntry, MemberEntry } from './mesh-messages.ts';
import type { CoreReport } from './mesh-ports.ts';
import { addressesMost, type WireAddress, type WireHello, type WireRole } from './wire-hello.ts';

export interface MeshSelf {
  node: number;
  role: WireRole;
  /** As people gave it; links have a stricter form. */
  name: string;
  version: string;
  boot: Uint8Array;
  sinceMs: number;
}

const protocol = 1;

export function newSelf(self: Omit<MeshSelf, 'boot' | 'sinceMs'>): MeshSelf {
  return { ...self, boot: randomBytes(8), sinceMs: Date.now() };
}

export function helloOf(
  self: MeshSelf,
  says: {
    cluster: Uint8Array;
    verified: VerifiedManifest | null;
    addresses?: WireAddress[];
    incarnation?: number;
    admission?: Uint8Array;
  },
): WireHello {
  const { cluster, verified, addresses = [], incarnation, admission } = says;
  return {
    protocolFrom: protocol,
    protocolTo: protocol,
    cluster,
    node: self.node,
    role: self.role,
    name: linkNameOf(self.name),
    boot: self.boot,
    epoch: verified?.manifest.epoch ?? 0,
    manifestHash: verified?.hash ?? noHash,
    admission: admission ?? null,
    addresses,
    incarnation: incarnation ?? null,
  };
}

export function entryOf(
  self: MeshSelf,
  epoch: number,
  says: { core?: CoreEntry; agent?: AgentEntry },
): MemberEntry {
  return {
    node: self.node,
    role: self.role,
    name: self.name.slice(0, 40),
    version: self.version.slice(0, 60),
    pid: process.pid,
    epoch,
    boot: Buffer.from(self.boot).toString('hex'),
    sinceMs: self.sinceMs,
    core: says.core ?? null,
    agent: says.agent ?? null,
  };
}

/** Of a core, and of the gateways linked to it that nobody else can speak for. */
export function coreEntriesOf(
  self: MeshSelf,
  epoch: number,
  { core, gateways }: { core: CoreEntry; gateways: CoreReport['gateways'] },
): MemberEntry[] {
  return [
    entryOf(self, epoch, { core }),
    ...gateways.map((gateway) => ({
      ...gateway,
      role: 'gateway' as const,
      epoch,
      boot: `${gateway.name} ${gateway.pid}`,
      core: null,
      agent: null,
    })),
  ];
}

/** What others are told: the address given, or all that the machine has when it listens at all of them. */
export function addressesOf(
  { host, port, advertise }: { host: string; port: number; advertise: string | null },
  interfaces: typeof networkInterfaces = networkInterfaces,
): WireAddress[] {
  if (advertise !== null) return [{ host: advertise, port }];
  if (host !== '0.0.0.0' && host !== '::') return [{ host, port }];
  const all = Object.values(interfaces())
    .flatMap((addresses) => addresses ?? [])
    // Link-local addresses mean nothing on another machine.
    .filter(({ family, address }) => (family === 'IPv4' || host === '::') && !address.startsWith('fe80:'));
  const outside = all.filter(({ internal }) => !internal);
  // A machine without a network still talks to itself.
  return (outside.length > 0 ? outside : all)
    .slice(0, addressesMost)
    .map(({ address }) => ({ host: address, port }));
}

/** Of a-z, 0-9 and `-`, as names on links are. */
export function linkNameOf(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 40);
  return plain === '' ? 'node' : plain;
}
