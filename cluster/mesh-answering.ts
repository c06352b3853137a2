// The request `cluster` of operators, as it comes over a core's own links: handed to the mesh. All other requests are the core's.
import type { Ask, RequestKind } from '../actors/messages.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import type { Handled } from './link-handling.ts';
import type { LinkPeer } from './link-peer.ts';
import type { Mesh } from './mesh.ts';
import { rejected } from './rejection.ts';

/** Null: it is another request. */
export function answerCluster<K extends RequestKind>(
  mesh: Pick<Mesh, 'command'>,
  kind: K,
  ask: Ask<K>,
  from: Pick<LinkPeer, 'role'>,
): Promise<Handled> | null {
  if (kind !== 'cluster') return null;
  if (from.role !== 'operator' || !('command' in ask)) {
    const message = 'cluster is for operators';
    return Promise.resolve({ outcome: rejected('forbidden', message) });
  }
  return mesh.command(String(ask.command)).then((outcome: Outcome<string>): Handled => {
    return { outcome: outcome.ok ? { ok: true, value: { json: outcome.value } } : outcome };
  });
}
