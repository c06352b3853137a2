// What Linux says of a process and its children: CPU seconds and memory, from /proc. Reads only.
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts process time in hundredths of a second (USER_HZ) on every platform Node runs on. */
const ticksPerSecond = 100;

export interface ProcessFigures {
  pid: number;
  command: string;
  cpuSeconds: number;
  residentBytes: number;
}

/** The processes of the tree below `root`, itself included. One that ends meanwhile is left out. */
export function processTree(root: number): ProcessFigures[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readStat(pid) : undefined;
    if (stat) parents.set(pid, stat.parent);
  }
  const inTree = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || inTree(parents.get(pid)));
  return [...parents.keys()]
    .filter(inTree)
    .flatMap((pid) => processFigures(pid) ?? [])
    .sort((a, b) => a.pid - b.pid);
}

export function processFigures(pid: number): ProcessFigures | undefined {
  const stat = readStat(pid);
  if (!stat) return undefined;
  const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').join(' ').trim();
  return { pid, command, cpuSeconds: stat.ticks / ticksPerSecond, residentBytes: stat.residentPages * 4096 };
}

/** CPU seconds each process of `after` has used since `before`; a process that was not there before counts whole. */
export function cpuBetween(before: readonly ProcessFigures[], after: readonly ProcessFigures[]): number {
  const earlier = new Map(before.map((one) => [one.pid, one.cpuSeconds]));
  return after.reduce((sum, one) => sum + one.cpuSeconds - (earlier.get(one.pid) ?? 0), 0);
}

function readStat(pid: number): { parent: number; ticks: number; residentPages: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name stands in brackets and may hold anything: count fields from the last bracket on.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const at = (index: number) => fields[index] ?? 0;
  return { parent: Number(fields[1]), ticks: at(11) + at(12), residentPages: at(21) };
}

export interface MachineTime {
  /** Of all processors together, since it was switched on. */
  busySeconds: number;
  allSeconds: number;
}

/** What all processes and the kernel have used. Time that a host above takes away counts as used. */
export function machineTime(): MachineTime {
  const line = readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '';
  const fields = line.split(/\s+/).slice(1, 9).map(Number);
  const all = fields.reduce((sum, ticks) => sum + ticks, 0);
  const idle = (fields[3] ?? 0) + (fields[4] ?? 0);
  return { busySeconds: (all - idle) / ticksPerSecond, allSeconds: all / ticksPerSecond };
}
