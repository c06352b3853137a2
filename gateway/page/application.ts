// The page as an OAuth client: it registers itself once with the server, like any other client, and remembers its id.
import { registerApplication } from './api.ts';
import { type Application, application } from './entities.ts';
import { remember, rememberedJson } from './memory.ts';
import type { Reply } from './server.ts';

/** Where the server sends people back to. It is also what the registration is good for. */
export function redirectUri(): string {
  return `${location.origin}/`;
}

export async function ownApplication(): Promise<Reply<Application>> {
  const known = registered();
  if (known) return { kind: 'done', value: known, older: null };
  const reply = await registerApplication(redirectUri());
  if (reply.kind === 'done') remember('application', JSON.stringify({ ...reply.value, at: redirectUri() }));
  return reply;
}

/** The server does not know it (any more): the next one asks anew. */
export function forgetApplication(): void {
  remember('application', null);
}

export function registered(): Application | null {
  const kept = rememberedJson('application');
  if (typeof kept !== 'object' || kept === null || !('at' in kept) || kept.at !== redirectUri()) return null;
  try {
    return application(kept, '');
  } catch {
    return null;
  }
}
