// Programs of the operating system, run to their end: ip, tc, iptables, mount.
import { spawnSync } from 'node:child_process';

/** What it printed. Throws with what it said when it fails. */
export function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`, { cause: error });
  return stdout;
}

/** For what may be done already: whether it went well. */
export function tryRun(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { encoding: 'utf8' }).status === 0;
}
