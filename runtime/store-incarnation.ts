// Incarnations: the lives of a store. What is written in one life is told from what is written in another.
import { randomInt } from 'node:crypto';
import { dataFileIn, syncNewFolder } from './store-disk.ts';
import type { Environment } from './store-environment.ts';
import { packWire } from './wire-bytes.ts';

/** Which file the incarnation was given to. */
const fileKey = 'file';

/**
 * A new store, and a copy of another's files, get an incarnation of their own: two lives that both went on under one would
 * give different entries the same place in the log.
 */
export async function settleIncarnation(environment: Environment, folder: string): Promise<void> {
  const file = dataFileIn(folder);
  const isNew = environment.incarnation === null;
  const isCopy = environment.meta.get(fileKey) !== file;
  if (!isNew && !isCopy) return;
  await environment.adopt(newIncarnation(environment.incarnation));
  await environment.commit([{ kind: 'put', table: 'meta', key: fileKey, bytes: packWire(file) }]);
  environment.refresh();
  syncNewFolder(folder);
}

/** 1..2^32-1, and not the one given. */
export function newIncarnation(old: number | null): number {
  for (;;) {
    const incarnation = randomInt(1, 2 ** 32);
    if (incarnation !== old) return incarnation;
  }
}
