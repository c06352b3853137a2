// Which processes serve a data folder now: by what the kernel says of each, for what the server itself has noted may be gone or old.
import { readdirSync, readFileSync } from 'node:fs';

export type Role = 'agent' | 'core' | 'gateway';

export interface Served {
  pid: number;
  role: Role;
}

export function processesOn(data: string): Served[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const role = roleOf(name, data);
    return role === null ? [] : [{ pid: Number(name), role }];
  });
}

/** False: it was gone. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

export interface Beginning {
  pid: number;
  /** Clock ticks since the machine started: with it, a pid that was given out again is not taken for ours. */
  startTime: number;
}

/** Null: there is no such process. */
export function beginningOf(pid: number): Beginning | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in brackets, and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : { pid, startTime: Number(fields[19]) };
  } catch {
    return null;
  }
}

export function isRunning({ pid, startTime }: Beginning): boolean {
  return beginningOf(pid)?.startTime === startTime;
}

function roleOf(pid: string, data: string): Role | null {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (words.includes('start') && words[words.indexOf('--data') + 1] === data) return 'agent';
    const program = words.find((word) => /\/(core|gateway)\.mjs$/.test(word));
    if (program === undefined) return null;
    const settings = readFileSync(`/proc/${pid}/environ`, 'utf8');
    if (!settings.includes(`"data":"${data}"`)) return null;
    return program.endsWith('core.mjs') ? 'core' : 'gateway';
  } catch {
    // It has ended, or is nobody's we may look at.
    return null;
  }
}
