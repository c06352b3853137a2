// What a gateway is told of deleted posts when its link opens: it was not there, or has forgotten it, when they were announced.
import { serverAccount } from '../runtime/account-id.ts';
import type { Reader } from '../runtime/behaviours.ts';
import { afterPrefix, keyOf } from '../runtime/key.ts';
import type { StatusId } from '../runtime/status-id.ts';
import { makeVersion } from '../runtime/version.ts';
import type { Peers } from './core-options.ts';
import type { LinkPeer } from './link-peer.ts';

/** Of deletions: actors/views.ts calls them so. Their keys end in the versions, their values are the ids. */
const deletions = keyOf(serverAccount, 'X');
/** Whoever resumes from further back reads anew. */
const sinceMost = 24 * 3600 * 1000;
/** The newest; 140 KB on the link. */
const idsMost = 10_000;

/**
 * To be called before anything else is sent to the gateway: whatever a core that lags behind this one pushes or answers later, the
 * gateway then knows what any of the cores it is linked to knows. Beyond the newest 10,000 of a day it does not.
 */
export function tellDeletions(
  peer: Pick<LinkPeer, 'role' | 'sendChanged'>,
  { reader, nowMs }: { reader: Pick<Reader, 'views'>; nowMs: number },
): void {
  if (peer.role !== 'gateway') return;
  const deleted = recentDeletions(reader, nowMs);
  if (deleted.length > 0) peer.sendChanged({ statuses: [], accounts: [], tokens: [], deleted });
}

/** In the order of their versions: who cannot keep all of them keeps the newest. */
function recentDeletions(reader: Pick<Reader, 'views'>, nowMs: number): StatusId[] {
  const since = makeVersion(Math.max(0, nowMs - sinceMost), 0, 0);
  const newestFirst = reader.views({
    from: deletions + since,
    to: afterPrefix(deletions),
    most: idsMost,
    reverse: true,
  });
  return newestFirst.map(({ value }) => idOf(value)).reverse();
}

function idOf(value: unknown): StatusId {
  return Buffer.from(value as Uint8Array).toString('latin1') as StatusId;
}

/** No gateway goes by these tokens any more when it resolves. */
export async function forgetTokens(tokens: string[], to: Peers): Promise<void> {
  const changed = { statuses: [], accounts: [], tokens };
  for (const peer of to.peers) if (peer.role === 'gateway') peer.sendChanged(changed);
  await to.fence();
}
