// A core that stands by while another serves: tested on a read of what is there, it waits for its agent's word to take over.
import { join } from 'node:path';
import { lockFolder, type StoreLock } from '../runtime/store-lock.ts';
import type { StateSchema } from '../runtime/store-schema.ts';
import { type RehearsalOptions, rehearse } from './core-rehearsal.ts';
import { selfTest } from './core-self-test.ts';
import { agentOrder, tellAgent } from './settings.ts';

/** The agent kills a core that takes longer over its end. */
const lockWithinMs = 300_000;

export interface StandbyOptions extends RehearsalOptions {
  schema: StateSchema;
}

/**
 * Resolves with the lock of the store, once the agent has given the order and the core that served has let go of it. Rejects when the self-test
 * or the rehearsal fails. Without an agent there is nobody who could ever give the order: then the process ends.
 */
export async function standBy(options: StandbyOptions): Promise<StoreLock> {
  const { product, data, schema, chance } = options;
  const folder = storeFolderIn(data);
  const endAlone = (): void => process.exit(0);
  const ordered = new Promise<void>((resolve) => {
    process.on('message', (wire) => {
      if (!agentOrder.safeParse(wire).success) return;
      // From here on it goes on without an agent, too: the one that served may have ended already.
      process.off('disconnect', endAlone);
      tellAgent({ taking: true });
      resolve();
    });
  });
  process.once('disconnect', endAlone);
  if (process.connected !== true) endAlone();
  const report = await selfTest({ product, folder, schema, nowMs: options.now(), chance });
  await rehearse(options);
  tellAgent({ tested: report });
  await ordered;
  process.removeAllListeners('message');
  return await lockFolder(folder, { withinMs: lockWithinMs });
}

export function storeFolderIn(data: string): string {
  return join(data, 'store');
}
