// The names of the apps that people post with: asked of the core once each.
import { LRUCache } from 'lru-cache';
import type { Ask } from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import { Refusal } from './refusal.ts';

export interface AppNames {
  /** Null: there is no such app, for the token was made by the operator. Throws a `Refusal` without a core. */
  of(clientId: string): Promise<Ask<'publish'>['app']>;
}

interface Named {
  app: Ask<'publish'>['app'];
}

const most = 2000;

export function createAppNames(client: Pick<CoreClient, 'call'>): AppNames {
  // An app never changes its name: nothing is ever dropped for being old.
  const names = new LRUCache<string, Named>({ max: most });
  return {
    async of(clientId) {
      const known = names.get(clientId);
      if (known !== undefined) return known.app;
      const answered = await client.call('app', { clientId });
      if (!answered.ok && answered.rejection.code !== 'not-found') throw new Refusal(answered.rejection);
      const app = answered.ok ? { name: answered.value.name, website: answered.value.website } : null;
      names.set(clientId, { app });
      return app;
    },
  };
}
