// What the operators of a machine that may have no core can ask of the cluster: to look, and to take that machine out. Pure.
import type { Outcome } from '../runtime/behaviours.ts';
import type { Manifest } from './manifest.ts';
import { type MeshCommand, nodeOf, readCommand } from './mesh-commands.ts';
import { rejected } from './rejection.ts';

/** The command as it is to be done, or why it is not: asked by operators of this node. */
export function guestCommand(
  json: string,
  { node, manifest }: { node: number; manifest: Manifest },
): Outcome<string> {
  const read = readCommand(json);
  if (!read.ok) return read;
  const command = read.value;
  if (open.has(command.do)) return { ok: true, value: json };
  if (command.do === 'revoke') {
    const named = nodeOf(command.node, manifest);
    if (!named.ok) return named;
    // By its number, so that it is this one wherever the command is done.
    if (named.value === node) return { ok: true, value: JSON.stringify({ do: 'revoke', node }) };
  }
  return rejected('forbidden', refusal);
}

/** To look is free, and a deploy is whoever's who signed it. */
const open: ReadonlySet<MeshCommand['do']> = new Set(['status', 'ringShow', 'deployShow', 'deploy']);

const refusal =
  'a machine without a core can only show the status and the ring, deploy, and revoke itself: ask on a machine that has a core';
