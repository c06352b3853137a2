// What connections cost in memory: that of processes, apart for what is theirs and what maps files, and that of the kernel. Reads /proc only.
import { readFileSync } from 'node:fs';

export interface UserMemory {
  /** Proportional share of what is no file: heaps, stacks, buffers. */
  ownBytes: number;
  /** Of mapped files: programs and the store. The page cache has them anyway. */
  fileBytes: number;
}

export interface KernelMemory {
  /** Of all on this machine: sockets, their files and epoll entries are here, for both ends of a local connection. */
  slabBytes: number;
  /** Buffers of TCP sockets. */
  socketBytes: number;
  /** Page tables and stacks of processes. */
  tableBytes: number;
}

/** A process that has ended counts nothing. */
export function userMemory(pids: Iterable<number>): UserMemory {
  const sum: UserMemory = { ownBytes: 0, fileBytes: 0 };
  for (const pid of pids) {
    const text = textOf(`/proc/${pid}/smaps_rollup`);
    sum.ownBytes += bytesIn(text, 'Pss_Anon') + bytesIn(text, 'Pss_Shmem');
    sum.fileBytes += bytesIn(text, 'Pss_File');
  }
  return sum;
}

/** The same in short, and cheap enough for every second: resident, without files. */
export function residentBytes(pids: Iterable<number>): number {
  let sum = 0;
  for (const pid of pids) sum += bytesIn(textOf(`/proc/${pid}/status`), 'RssAnon');
  return sum;
}

export function kernelMemory(): KernelMemory {
  const text = textOf('/proc/meminfo');
  const pages = /^TCP:.* mem (\d+)/m.exec(textOf('/proc/net/sockstat'))?.[1];
  return {
    slabBytes: bytesIn(text, 'Slab'),
    socketBytes: Number(pages ?? 0) * 4096,
    tableBytes: bytesIn(text, 'PageTables') + bytesIn(text, 'KernelStack'),
  };
}

function bytesIn(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
