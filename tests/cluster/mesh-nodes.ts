// Nodes of a mesh for tests: data folders of one cluster, cores with what they went through, newcomers with invites.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterFile, packManifest, writeClusterFile } from '../../cluster/cluster-file.ts';
import { readInvite } from '../../cluster/invite.ts';
import { type Admission, admissionOf } from '../../cluster/invite-admission.ts';
import { type Keeper, newKeeper, saveKeeper } from '../../cluster/keeper.ts';
import type { LinkClock } from '../../cluster/link-clock.ts';
import {
  foundingManifest,
  hashOf,
  type Member,
  type Role,
  signManifest,
  type VerifiedManifest,
} from '../../cluster/manifest.ts';
import { admit, type Change, signNext } from '../../cluster/manifest-change.ts';
import { createMesh, type Mesh } from '../../cluster/mesh.ts';
import type { CoreReport, LinkedCore, MeshPorts } from '../../cluster/mesh-ports.ts';
import { type NodeIdentity, openNodeIdentity } from '../../cluster/node-identity.ts';
import type { PeerMessage } from '../../cluster/peer-messages.ts';
import type { WireAddress } from '../../cluster/wire-hello.ts';
import { Witness } from './wire-ends.ts';

export interface TestNode {
  name: string;
  data: string;
  identity: NodeIdentity;
  member: Member;
}

export interface TestCore extends TestNode {
  mesh: Mesh;
  witness: Witness;
  linked: LinkedCore[];
  unlinked: number[];
  messages: { from: number; message: PeerMessage }[];
  manifests: VerifiedManifest[];
  /** What it says of itself. */
  says: Omit<CoreReport, 'gateways'>;
  place(): WireAddress;
  stop(): Promise<void>;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export class MeshNodes {
  readonly #closers: (() => unknown)[] = [];
  readonly keeper: Keeper = newKeeper();
  #manifest: VerifiedManifest | null = null;

  onClose(close: () => unknown): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'murmuration-mesh-'));
    this.onClose(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  async node(name: string, roles: Role[] = ['gateway', 'core']): Promise<TestNode> {
    const data = await this.folder();
    const identity = await openNodeIdentity(data);
    const member: Member = {
      node: identity.number,
      key: identity.publicKey,
      name,
      machine: `machine-of-${name}`,
      roles,
      weight: 100,
      admittedMs: 1_800_000_000_000,
    };
    return { name, data, identity, member };
  }

  get manifest(): VerifiedManifest {
    if (this.#manifest === null) throw new Error('no cluster is founded');
    return this.#manifest;
  }

  /** The first of them founds the cluster and keeps its key; all are in the ring. */
  async found(...nodes: TestNode[]): Promise<VerifiedManifest> {
    const [first] = nodes;
    if (first === undefined) throw new Error('nobody founds');
    const { keeper } = this;
    const body = foundingManifest({
      keeper: keeper.publicKey,
      member: first.member,
      dhtKey: Buffer.alloc(32, 7),
    });
    const members = nodes.map(({ member }) => member).sort((one, other) => one.node - other.node);
    const cores = members.filter(({ roles }) => roles.includes('core')).map(({ node }) => node);
    const manifest = { ...body, members, ring: { cores, next: null } };
    const signed = signManifest(manifest, keeper.privateKey);
    this.#manifest = { manifest, signed, hash: hashOf(signed) };
    await saveKeeper(first.data, keeper);
    for (const node of nodes) await this.remember(node);
    return this.#manifest;
  }

  /** The manifest after this one, signed apart from any core. */
  next(apply: (manifest: VerifiedManifest['manifest']) => Change, from = this.manifest): VerifiedManifest {
    const change = apply(from.manifest);
    if (change.kind === 'rejected') throw new Error(change.reason);
    const next = signNext(from, change.manifest, this.keeper.privateKey);
    if (next.kind === 'rejected') throw new Error(next.reason);
    return next.verified;
  }

  /** Writes cluster.json as an agent does. */
  async remember(
    { data }: Pick<TestNode, 'data'>,
    known: Partial<ClusterFile> = {},
    verified: VerifiedManifest = this.manifest,
  ): Promise<void> {
    await writeClusterFile(data, {
      cluster: hex(verified.manifest.cluster),
      keeper: hex(this.keeper.publicKey),
      joined: 'founded',
      manifest: packManifest(verified.signed),
      admission: null,
      dhtKey: null,
      cores: [],
      doors: [],
      contacts: [],
      port: null,
      ...known,
    });
  }

  /** An open mesh of this node. `doors`: the only places it knows of. */
  async core(
    node: TestNode,
    options: Partial<MeshPorts> & { doors?: WireAddress[]; port?: number } = {},
    clock?: LinkClock,
  ): Promise<TestCore> {
    const { doors, port = 0, ...ports } = options;
    if (doors !== undefined) await this.remember(node, { doors });
    const witness = new Witness();
    const mesh = await createMesh({
      identity: node.identity,
      data: node.data,
      listen: { host: '127.0.0.1', port, advertise: null },
      name: node.name,
      version: '0.1.0',
      log: witness.log,
      meter: witness.meter,
      ...(clock === undefined ? {} : { clock }),
    });
    let isStopped = false;
    const core: TestCore = {
      ...node,
      mesh,
      witness,
      linked: [],
      unlinked: [],
      messages: [],
      manifests: [],
      says: { serving: 0, held: 0, unheld: 0, clockOffsetMs: 0, health: null },
      place: () => ({ host: '127.0.0.1', port: mesh.port }),
      async stop() {
        if (isStopped) return;
        isStopped = true;
        await mesh.close();
      },
    };
    await mesh.open({
      incarnation: 77,
      report: () => ({ ...core.says, gateways: [] }),
      events: {
        linked: (other) => core.linked.push(other),
        unlinked: (other) => core.unlinked.push(other),
        message: (from, message) => {
          core.messages.push({ from, message });
        },
        writable() {},
        manifest: (verified) => core.manifests.push(verified),
      },
      ...ports,
    });
    this.onClose(() => core.stop());
    return core;
  }
}

/** Who is linked to this core now. */
export function linkedTo({ linked, unlinked }: TestCore): number[] {
  const left = [...unlinked];
  const still = linked.filter(({ node }) => {
    const at = left.indexOf(node);
    if (at < 0) return true;
    left.splice(at, 1);
    return false;
  });
  return still.map(({ node }) => node).sort((one, other) => one - other);
}

export async function ask(core: TestCore, command: object): Promise<Record<string, unknown>> {
  const outcome = await core.mesh.command(JSON.stringify(command));
  if (!outcome.ok) throw new Error(`${outcome.rejection.code}: ${outcome.rejection.message}`);
  return JSON.parse(outcome.value);
}

export async function inviteOf(
  core: TestCore,
  holdsForMs = 60_000,
  roles: Role[] = ['core'],
): Promise<string> {
  const { line } = await ask(core, { do: 'invite', roles, holdsForMs });
  return String(line);
}

/** What a newcomer with this line shows. */
export function admissionWith(line: string, { identity, member }: TestNode): Admission {
  const read = readInvite(line, 0);
  if (read.kind === 'rejected') throw new Error(read.reason);
  const { name, machine, roles } = member;
  return admissionOf(read.invite, { node: identity.publicKey, name, machine, roles, weight: null });
}

export function admitting({ member }: TestNode) {
  return (manifest: VerifiedManifest['manifest']): Change => admit(manifest, member);
}
