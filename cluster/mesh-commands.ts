// Commands of operators to the cluster, as JSON: checked, done here, or handed to the core that has the keeper's key.
import { z } from 'zod';
import type { Outcome } from '../runtime/behaviours.ts';
import { MalformedError } from '../runtime/codec.ts';
import { hexDigits } from './hex.ts';
import type { InviteContact } from './invite.ts';
import { type Admission, admission } from './invite-admission.ts';
import { inviteLifeMostMs } from './invite-certificate.ts';
import type { Manifest } from './manifest.ts';
import type { MeshKeeper } from './mesh-keeper.ts';
import type { MeshReleases } from './mesh-releases.ts';
import { unpacked } from './packed.ts';
import { rejected } from './rejection.ts';
import { handoverFromJson, handoverJson } from './release-handover.ts';

const nodeNamed = z.union([z.int().min(1), z.string().min(1).max(40)]);
export const meshCommand = z.discriminatedUnion('do', [
  z.object({ do: z.literal('status') }),
  z.object({ do: z.literal('ringShow') }),
  z.object({ do: z.literal('deployShow') }),
  z.object({
    do: z.literal('deploy'),
    /** A signed pointer: release-pointer.ts. */
    pointer: z.base64().max(2000),
    handovers: z.array(handoverJson).max(16),
  }),
  /** Of this machine's own agent: the core is to run the behaviours of this release folder. */
  z.object({
    do: z.literal('swap'),
    release: z.string().startsWith('/').max(4000),
    /** It may be one from which there is no way back. */
    isOneWay: z.boolean(),
  }),
  z.object({
    do: z.literal('invite'),
    roles: z
      .array(z.enum(['gateway', 'core']))
      .min(1)
      .max(2),
    holdsForMs: z.int().min(1).max(inviteLifeMostMs),
  }),
  z.object({ do: z.enum(['ringAdd', 'ringRemove', 'revoke']), node: nodeNamed }),
  z.object({ do: z.literal('revokeInvite'), id: z.string().regex(/^[0-9a-f]{32}$/) }),
  z.object({ do: z.literal('trustRelease'), key: hexDigits(32) }),
  z.object({ do: z.enum(['ringAbort', 'rotateKey', 'retireKey', 'rotateKeeper']) }),
  /** Of a core that a newcomer has knocked at. */
  z.object({ do: z.literal('admit'), admission: z.base64() }),
]);
export type MeshCommand = z.infer<typeof meshCommand>;

export interface MeshCommandsOptions {
  keeper: MeshKeeper;
  /** Whether what needs the key is to be done here. */
  isKeeper(): Promise<boolean>;
  /** Asks the core that has the key. */
  forward(json: string): Promise<Outcome<string>>;
  manifest(): Manifest;
  /** Where newcomers are to knock. */
  contacts(): InviteContact[];
  status(): object;
  ring(): object;
  deploys: Pick<MeshReleases, 'deploy' | 'show'>;
}

/** `isLast`: it came from a core that took this one for the keeper's, and goes no further. */
export async function doCommand(
  json: string,
  { isLast }: { isLast: boolean },
  options: MeshCommandsOptions,
): Promise<Outcome<string>> {
  const read = readCommand(json);
  if (!read.ok) return read;
  const command = read.value;
  if (command.do === 'status') return { ok: true, value: JSON.stringify(options.status()) };
  if (command.do === 'ringShow') return { ok: true, value: JSON.stringify(options.ring()) };
  if (command.do === 'deployShow') return { ok: true, value: JSON.stringify(options.deploys.show()) };
  if (command.do === 'deploy') return await deploy(command, options);
  if (command.do === 'swap') return rejected('forbidden', 'swap is for the machine’s own agent');
  if (!isLast && !(await options.isKeeper())) return await options.forward(json);
  return await asKeeper(command, options);
}

/** Whoever may bring it: the signature says whose it is. */
async function deploy(
  { pointer, handovers }: Extract<MeshCommand, { do: 'deploy' }>,
  { deploys }: MeshCommandsOptions,
): Promise<Outcome<string>> {
  const outcome = await deploys.deploy({
    pointer: Buffer.from(pointer, 'base64'),
    handovers: handovers.map(handoverFromJson),
    info: null,
  });
  return outcome.ok ? { ok: true, value: JSON.stringify(outcome.value) } : outcome;
}

async function asKeeper(
  command: Exclude<MeshCommand, { do: 'status' | 'ringShow' | 'deployShow' | 'deploy' | 'swap' }>,
  { keeper, contacts, manifest }: MeshCommandsOptions,
): Promise<Outcome<string>> {
  switch (command.do) {
    case 'invite': {
      const made = await keeper.invite({ ...command, contacts: contacts() });
      return made.ok ? { ok: true, value: JSON.stringify(made.value) } : made;
    }
    case 'admit': {
      const shown = readAdmission(command.admission);
      return shown === null ? rejected('invalid', 'that is no admission') : done(await keeper.admit(shown));
    }
    case 'ringAdd':
    case 'ringRemove':
    case 'revoke': {
      const named = nodeOf(command.node, manifest());
      return named.ok ? done(await keeper.change({ do: command.do, node: named.value })) : named;
    }
    case 'revokeInvite':
      return done(await keeper.change({ do: 'revokeInvite', id: Buffer.from(command.id, 'hex') }));
    case 'trustRelease':
      return done(await keeper.change({ do: 'trustRelease', key: Buffer.from(command.key, 'hex') }));
    case 'ringAbort':
    case 'rotateKey':
    case 'retireKey':
      return done(await keeper.change({ do: command.do }));
    case 'rotateKeeper':
      return done(await keeper.rotate());
  }
}

export function readCommand(json: string): Outcome<MeshCommand> {
  const read = meshCommand.safeParse(jsonOrNull(json));
  return read.success
    ? { ok: true, value: read.data }
    : rejected('invalid', `not a command: ${z.prettifyError(read.error).replaceAll(/\s+/g, ' ')}`);
}

function done(outcome: Awaited<ReturnType<MeshKeeper['change']>>): Outcome<string> {
  return outcome.ok ? { ok: true, value: JSON.stringify({ epoch: outcome.value.manifest.epoch }) } : outcome;
}

/** By its number or its name. A core that was revoked can still be taken out of the ring: by its number. */
export function nodeOf(named: number | string, { members }: Manifest): Outcome<number> {
  const number = typeof named === 'number' ? named : /^[0-9]+$/.test(named) ? Number(named) : null;
  if (number !== null) return { ok: true, value: number };
  const found = members.filter(({ name }) => name === named);
  const [only] = found;
  if (only === undefined) return rejected('invalid', `no node is named ${named}`);
  if (found.length > 1)
    return rejected(
      'invalid',
      `${found.length} nodes are named ${named}: say which by its number, as "murmuration status" shows it`,
    );
  return { ok: true, value: only.node };
}

function readAdmission(base64: string): Admission | null {
  try {
    return unpacked(admission, Buffer.from(base64, 'base64'));
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return null;
  }
}

function jsonOrNull(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
