// Programs that tests start over and over, each as one file, made by their global setup: through tsx each start would cost a processor
// one and a half seconds more.
import { join } from 'node:path';

/** One folder below package.json: so is the source of the command line, which looks for things from there. */
const folder = join(import.meta.dirname, '..', '..', 'build');

/** `murmuration`. */
export const commandLine = join(folder, 'murmuration.mjs');
/** tests/runtime/store-child.ts */
export const storeChild = join(folder, 'store-child.mjs');
/** tests/runtime/emptied-child.ts */
export const emptiedChild = join(folder, 'emptied-child.mjs');

/** tests/support/agent-program.ts */
export const agentProgram = join(folder, 'agent-program.mjs');

/** Source file, in the package, and the file made of it. */
export const bundled: readonly (readonly [entry: string, outfile: string])[] = [
  ['cluster/murmuration.ts', commandLine],
  ['tests/runtime/store-child.ts', storeChild],
  ['tests/runtime/emptied-child.ts', emptiedChild],
  ['tests/support/agent-program.ts', agentProgram],
];
