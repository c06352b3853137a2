// What a machine says of its limits: files of /proc and /sys, read and never written. What is not there is null: containers hide many.
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { type OpenFiles, openFilesIn } from '../runtime/connection-room.ts';

export interface MachineFacts {
  processors: number;
  memory: {
    totalBytes: number;
    /** What could still be taken; null: nobody says. */
    availableBytes: number | null;
    /** Of this process's control groups, the lowest; null: none is set. */
    limit: { bytes: number; usedBytes: number } | null;
  };
  files: {
    process: OpenFiles | null;
    /** fs.file-max, of all processes together, and how many are open. */
    system: { most: number; open: number } | null;
    /** fs.nr_open: the highest hard limit that can be set. */
    mostHard: number | null;
  };
  /** Tasks: processes and their threads. Null: no limit is known. */
  tasks: { most: number; now: number } | null;
  /** For connections made from this machine; both included. */
  ports: { first: number; last: number } | null;
  /** net.core.somaxconn, net.ipv4.tcp_max_syn_backlog, net.core.netdev_max_backlog. */
  listenBacklog: number | null;
  handshakeBacklog: number | null;
  packetBacklog: number | null;
  /** net.ipv4.tcp_migrate_req. */
  movesHandshakes: boolean | null;
  /** net.ipv4.tcp_mem: from here on buffers are made smaller, and none is given. */
  tcpMemory: { pressureBytes: number; mostBytes: number } | null;
  /** The least that a socket may buffer, and what it begins with: net.ipv4.tcp_rmem, tcp_wmem. */
  buffers: { receiveLeast: number; sendLeast: number } | null;
  /** Null: connections are not tracked. */
  tracked: { most: number; now: number } | null;
  /** vm.overcommit_memory: 2 counts what is asked for, not what is used. */
  overcommit: number | null;
  /** vm.max_map_count. */
  maps: number | null;
}

/** `root`: for tests, a folder in place of `/`. */
export function machineFacts(root = '/'): MachineFacts {
  const text = (path: string): string | null => {
    try {
      return readFileSync(join(root, path), 'latin1');
    } catch {
      return null;
    }
  };
  const numbers = (path: string): number[] => numbersIn(text(path) ?? '');
  const number = (path: string): number | null => numbers(path)[0] ?? null;
  const setting = (name: string): number | null => number(`proc/sys/${name}`);

  const pageBytes =
    1024 * (numbersIn(/^KernelPageSize:.*$/m.exec(text('proc/self/smaps') ?? '')?.[0] ?? '')[0] ?? 4);
  const available = /^MemAvailable: +(\d+) kB$/m.exec(text('proc/meminfo') ?? '')?.[1];
  const limits = text('proc/self/limits');
  const [open, , most] = numbers('proc/sys/fs/file-nr');
  const [first, last] = numbers('proc/sys/net/ipv4/ip_local_port_range');
  const [, pressure, mostPages] = numbers('proc/sys/net/ipv4/tcp_mem');
  const [receiveLeast] = numbers('proc/sys/net/ipv4/tcp_rmem');
  const [sendLeast] = numbers('proc/sys/net/ipv4/tcp_wmem');
  const trackedMost = setting('net/netfilter/nf_conntrack_max');
  const migrates = setting('net/ipv4/tcp_migrate_req');
  const groups = text('proc/self/cgroup') ?? '';
  const limit = lowest(memoryPlaces(groups), number);
  return {
    processors: availableParallelism(),
    memory: {
      totalBytes: totalmem(),
      availableBytes: available === undefined ? null : Number(available) * 1024,
      limit: limit === null ? null : { bytes: limit.most, usedBytes: limit.now },
    },
    files: {
      process: limits === null ? null : openFilesIn(limits),
      system: open === undefined || most === undefined ? null : { most, open },
      mostHard: setting('fs/nr_open'),
    },
    tasks: lowest(taskPlaces(groups), number),
    ports: first === undefined || last === undefined ? null : { first, last },
    listenBacklog: setting('net/core/somaxconn'),
    handshakeBacklog: setting('net/ipv4/tcp_max_syn_backlog'),
    packetBacklog: setting('net/core/netdev_max_backlog'),
    movesHandshakes: migrates === null ? null : migrates === 1,
    tcpMemory:
      pressure === undefined || mostPages === undefined
        ? null
        : { pressureBytes: pressure * pageBytes, mostBytes: mostPages * pageBytes },
    buffers: receiveLeast === undefined || sendLeast === undefined ? null : { receiveLeast, sendLeast },
    tracked:
      trackedMost === null
        ? null
        : { most: trackedMost, now: setting('net/netfilter/nf_conntrack_count') ?? 0 },
    overcommit: setting('vm/overcommit_memory'),
    maps: setting('vm/max_map_count'),
  };
}

/** Where a limit of a control group is written, and what is in use. */
interface Place {
  most: string;
  now: string;
}

function memoryPlaces(groups: string): Place[] {
  return [
    ...placesOf(groups, '', { most: 'memory.max', now: 'memory.current' }),
    ...placesOf(groups, 'memory', { most: 'memory.limit_in_bytes', now: 'memory.usage_in_bytes' }),
  ];
}

function taskPlaces(groups: string): Place[] {
  const files = { most: 'pids.max', now: 'pids.current' };
  return [...placesOf(groups, '', files), ...placesOf(groups, 'pids', files)];
}

/**
 * By /proc/self/cgroup: this process's group, and all above it: each may have a limit. Inside a container they begin at the top. The second version
 * has no name for its controllers.
 */
function placesOf(groups: string, controller: string, { most, now }: Place): Place[] {
  const path = groups
    .split('\n')
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
    .find((match) => match?.[1]?.split(',').includes(controller))?.[2];
  return pathsTo(path ?? '/').map((above) => {
    const folder = join('sys/fs/cgroup', controller, above);
    return { most: join(folder, most), now: join(folder, now) };
  });
}

/** `/a/b` as `/a/b`, `/a` and the top. */
function pathsTo(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  return Array.from({ length: parts.length + 1 }, (_, gone) => parts.slice(0, parts.length - gone).join('/'));
}

/** The first version says "without limit" by a number that no machine has. */
const withoutLimit = 2 ** 60;

function lowest(
  places: readonly Place[],
  number: (path: string) => number | null,
): { most: number; now: number } | null {
  let found: { most: number; now: number } | null = null;
  for (const { most: path, now } of places) {
    const most = number(path);
    if (most === null || most >= withoutLimit || (found !== null && found.most <= most)) continue;
    found = { most, now: number(now) ?? 0 };
  }
  return found;
}

function numbersIn(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}
