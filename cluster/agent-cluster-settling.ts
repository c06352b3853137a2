// Which cluster a data folder is in: founded here, joined by an invite, or as before. Nothing is asked of other machines yet.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ClusterFile,
  ClusterFileError,
  manifestIn,
  packManifest,
  readClusterFile,
  writeClusterFile,
} from './cluster-file.ts';
import { CommandFault } from './command-fault.ts';
import { type Invite, readInvite } from './invite.ts';
import { admission, admissionOf, isName, weightUnlessTold } from './invite-admission.ts';
import { type Keeper, newKeeper, readKeeper, saveKeeper } from './keeper.ts';
import { KeyFileError } from './key-file.ts';
import { dhtKeyBytes, foundingManifest, type Role, signManifest } from './manifest.ts';
import { type NodeIdentity, openNodeIdentity } from './node-identity.ts';
import { packed } from './packed.ts';

export interface Settling {
  data: string;
  name: string;
  machine: string;
  /** The line of an invite; null: none was given. */
  join: string | null;
  /** Null: what the invite is for, or all. */
  roles: Role[] | null;
  /** Null: as others. */
  weight: number | null;
  nowMs: number;
}

export interface Settled {
  identity: NodeIdentity;
  file: ClusterFile;
  /** What is to run on this machine. */
  roles: Role[];
}

const allRoles: Role[] = ['gateway', 'core'];
const storeFolder = 'store';

/** Throws a `CommandFault` when the folder cannot be what it is asked to be. */
export async function settleCluster(settling: Settling): Promise<Settled> {
  const { data, join: line } = settling;
  try {
    const file = await readClusterFile(data);
    if (file === null) return line === null ? await found(settling) : await joinWith(line, settling);
    if (line !== null) assertSame(file, inviteOf(line, 0), data);
    const identity = await openNodeIdentity(data);
    return { identity, file, roles: rolesAgain(settling, { file, identity }) };
  } catch (error) {
    if (error instanceof KeyFileError || error instanceof ClusterFileError)
      throw new CommandFault(
        `${error.message}. Bring it back from a copy, or choose another folder with --data DIR.`,
        { cause: error },
      );
    throw error;
  }
}

async function found(settling: Settling): Promise<Settled> {
  const { data, roles, weight, nowMs } = settling;
  const chosen = roles ?? allRoles;
  if (!chosen.includes('core'))
    throw new CommandFault(
      'The first machine of a cluster needs a core: leave --roles out, or join a cluster with --join LINE.',
    );
  const identity = await openNodeIdentity(data);
  const keeper = await newOrLeft(data);
  const manifest = foundingManifest({
    keeper: keeper.publicKey,
    member: {
      node: identity.number,
      key: identity.publicKey,
      name: nameOf(settling.name, 40),
      machine: nameOf(settling.machine, 64),
      roles: allRoles,
      weight: weight ?? weightUnlessTold,
      admittedMs: Math.floor(nowMs),
    },
    dhtKey: randomBytes(dhtKeyBytes),
  });
  const file: ClusterFile = {
    ...nothing,
    cluster: hex(manifest.cluster),
    keeper: hex(keeper.publicKey),
    joined: 'founded',
    manifest: packManifest(signManifest(manifest, keeper.privateKey)),
  };
  await writeClusterFile(data, file);
  return { identity, file, roles: chosen };
}

/** A start that was cut short may have left a key of which nothing has come: it is this cluster's then. */
async function newOrLeft(data: string): Promise<Keeper> {
  const left = await readKeeper(data);
  if (left !== null && existsSync(join(data, storeFolder)))
    throw new CommandFault(
      `${data} has a keeper’s key and no cluster.json: bring that back from a copy, or a second history of the cluster would begin.`,
    );
  if (left !== null) return left;
  const keeper = newKeeper();
  await saveKeeper(data, keeper);
  return keeper;
}

async function joinWith(line: string, settling: Settling): Promise<Settled> {
  const { data, nowMs, weight } = settling;
  const invite = inviteOf(line, nowMs);
  if (existsSync(join(data, storeFolder)))
    throw new CommandFault(
      `${data} has accounts of its own and cannot join a cluster: choose an empty folder with --data DIR.`,
    );
  const granted = invite.certificate.roles;
  const roles = settling.roles ?? granted;
  assertGranted(roles, granted);
  const identity = await openNodeIdentity(data);
  const shown = admissionOf(invite, {
    node: identity.publicKey,
    name: nameOf(settling.name, 40),
    machine: nameOf(settling.machine, 64),
    roles,
    weight,
  });
  const places = (port: 'linkPort' | 'dhtPort') =>
    invite.contacts.flatMap((contact) => {
      const number = contact[port];
      return number === null ? [] : [{ host: contact.host, port: number }];
    });
  const file: ClusterFile = {
    ...nothing,
    cluster: hex(invite.cluster),
    keeper: hex(invite.keeper),
    joined: 'invite',
    admission: Buffer.from(packed(admission, shown)).toString('base64'),
    dhtKey: hex(invite.dhtKey),
    doors: places('linkPort'),
    contacts: places('dhtPort'),
  };
  await writeClusterFile(data, file);
  return { identity, file, roles };
}

/** As it was let in; `--roles` can leave some of that out. */
function rolesAgain({ roles }: Settling, { file, identity }: Pick<Settled, 'file' | 'identity'>): Role[] {
  const member = manifestIn(file)?.manifest.members.find(({ node }) => node === identity.number);
  if (roles !== null && member !== undefined) assertGranted(roles, member.roles);
  return roles ?? member?.roles ?? allRoles;
}

function assertGranted(roles: readonly Role[], granted: readonly Role[]): void {
  if (roles.every((role) => granted.includes(role))) return;
  throw new CommandFault(
    `This machine was invited as ${granted.join(' and ')} only: ask for an invite with --roles ${roles.join(',')}.`,
  );
}

function assertSame(file: ClusterFile, invite: Invite, data: string): void {
  if (file.cluster === hex(invite.cluster)) return;
  throw new CommandFault(
    `${data} is in another cluster (${file.cluster.slice(0, 12)}): join with an empty folder, chosen with --data DIR.`,
  );
}

function inviteOf(line: string, nowMs: number): Invite {
  const read = readInvite(line, nowMs);
  if (read.kind === 'invite') return read.invite;
  throw new CommandFault(`--join: ${read.reason}.`);
}

/** A host's name may hold what a name in logs and commands may not. */
function nameOf(given: string, most: number): string {
  const tidy = given.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, most);
  return isName(tidy) ? tidy : 'node';
}

const nothing = {
  manifest: null,
  admission: null,
  dhtKey: null,
  cores: [],
  doors: [],
  contacts: [],
  port: null,
} satisfies Partial<ClusterFile>;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
