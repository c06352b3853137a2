// The checkout that this program was started from: where it is, and which version it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder that holds package.json. */
export const packageRoot = join(import.meta.dirname, '..');

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  return typeof version === 'string' ? version : 'unknown';
}
