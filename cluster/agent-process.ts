// Processes by pid and start time, so that a pid that was given to another program is never taken for ours.
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since the machine started, from /proc; 0 where there is no /proc. */
  startTime: number;
}

/** Null: no such process. One that has ended and only waits to be reaped counts as gone. */
export function identify(pid: number): ProcessIdentity | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return hasProc ? null : identifyBySignal(pid);
  }
  // The second field is the program's name in brackets, and may hold anything; the third is its state, the 22nd its start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const startTime = Number(fields[19]);
  if (state === 'Z' || state === 'X' || !Number.isSafeInteger(startTime)) return null;
  return { pid, startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** False when it is gone already. */
export function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false;
  }
}

export function ownIdentity(): ProcessIdentity {
  return identify(process.pid) ?? { pid: process.pid, startTime: 0 };
}

const hasProc = identifyExists();

function identifyExists(): boolean {
  try {
    readFileSync(`/proc/${process.pid}/stat`);
    return true;
  } catch {
    return false;
  }
}

function identifyBySignal(pid: number): ProcessIdentity | null {
  try {
    process.kill(pid, 0);
    return { pid, startTime: 0 };
  } catch {
    return null;
  }
}
