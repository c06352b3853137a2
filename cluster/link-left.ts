// DATA/store/left: the last core on this store has ended with no gateway left that could hold a lease of it. The next one need not wait for that.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function pathIn(storeFolder: string): string {
  return join(storeFolder, 'left');
}

/** Written by a core as its last deed, before it lets go of the store. */
export function noteLeft(storeFolder: string): void {
  writeFileSync(pathIn(storeFolder), '');
}

/**
 * Whether there is the note. It is gone when this returns true: the core after this one must not find it, however this one ends. (A power cut
 * may bring it back. By the time that anything runs again all leases are over.)
 */
export function takeLeftNote(storeFolder: string): boolean {
  const path = pathIn(storeFolder);
  try {
    if (!existsSync(path)) return false;
    rmSync(path);
    return true;
  } catch {
    return false;
  }
}
