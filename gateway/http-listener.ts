// The listening sockets of a port as the system's own table tells of them: which is this process's, how many others there are, and the moment to
// close it: connections that the system has accepted for it, and this process has not, would be reset.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { openFilesIn } from '../runtime/connection-room.ts';

/** Where Linux tells of sockets, those that listen first. */
const tables = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
const listenState = '0A';
/** Linux gives about this much at a time, however much is asked for. */
const pieceBytes = 4096;
/** The lines of some seven thousand listeners. */
const mostBytes = 1024 * 1024;
const mostTurns = 500;

export interface Listener {
  table: (typeof tables)[number];
  /** Address and port as the table writes them. */
  local: string;
  port: number;
  inode: string;
  /** Connections that wait to be accepted. */
  waiting: number;
}

/** All on a port. Empty where nobody tells. */
export function listenersOn(port: number): Listener[] {
  return tables.flatMap((table) => listenersIn(table)).filter((listener) => listener.port === port);
}

/** This process's listener on the port, which was not there `before`. Null elsewhere than on Linux. */
export function ownListener(port: number, before: readonly Listener[]): Listener | null {
  const known = new Set(before.map(({ inode }) => inode));
  const added = listenersOn(port).filter(({ inode }) => !known.has(inode));
  const [only] = added;
  // Others open theirs in the same moment, now and then.
  return added.length === 1 && only !== undefined ? only : openedHere(added);
}

/** How many other processes listen at the same address and port. */
export function othersBeside({ table, local, inode }: Listener): number {
  return listenersIn(table).filter((other) => other.local === local && other.inode !== inode).length;
}

/**
 * Resolves right behind a poll after which nobody waits at this process's listener, or after many turns. What comes in between is
 * microseconds. Elsewhere than on Linux (null) it is two turns: nobody tells. A connection whose handshake is under way at the closing is reset all
 * the same, unless the system moves it to another listener on the port (`net.ipv4.tcp_migrate_req=1`).
 */
export async function untilNobodyWaits(own: Listener | null): Promise<void> {
  await turn();
  await turn();
  if (own === null) return;
  for (let turns = 0; turns < mostTurns; turns++) {
    // It reads no further than this line: from here to the closing every moment counts.
    const [now] = listenersIn(own.table, ({ inode }) => inode === own.inode);
    if ((now?.waiting ?? 0) === 0) return;
    await turn();
  }
}

/**
 * Of all listeners at an address one at a time may leave it: two that saw each other there would both. The turn is a name that the system gives to
 * one process only, and takes back when that ends. Null: somebody else has it.
 */
export function turnToLeave({ local }: Listener): Promise<{ end(): void } | null> {
  return new Promise((resolve) => {
    const holder = createServer((socket) => socket.destroy());
    holder.once('error', () => resolve(null));
    holder.listen(`\0murmuration-leaving-${local}`, () => resolve({ end: () => void holder.close() }));
  });
}

/** How many files this process may open; null: without limit, or nobody tells. */
export function openFiles(): number | null {
  try {
    return openFilesIn(readFileSync('/proc/self/limits', 'latin1'))?.soft ?? null;
  } catch {
    return null;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function openedHere(listeners: readonly Listener[]): Listener | null {
  const found = new Map(listeners.map((listener) => [`socket:[${listener.inode}]`, listener]));
  if (found.size === 0) return null;
  try {
    // It is often among the first files that the process opened.
    const files = readdirSync('/proc/self/fd').sort((one, other) => Number(one) - Number(other));
    for (const file of files) {
      const listener = found.get(linkOf(`/proc/self/fd/${file}`));
      if (listener !== undefined) return listener;
    }
  } catch {
    // No such folder.
  }
  return null;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** `only`: the first that fits, and no further. */
function listenersIn(table: Listener['table'], only?: (listener: Listener) => boolean): Listener[] {
  const listeners: Listener[] = [];
  let rest = '';
  try {
    const file = openSync(table, 'r');
    try {
      const buffer = Buffer.allocUnsafe(pieceBytes);
      for (let bytes = 0; bytes < mostBytes; ) {
        const taken = readSync(file, buffer, 0, pieceBytes, null);
        if (taken === 0) break;
        bytes += taken;
        const lines = (rest + buffer.toString('latin1', 0, taken)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          // sl, local address, remote address, state, tx_queue:rx_queue, tr:when, retransmits, uid, timeout, inode
          const [, local = '', , state, queues = '', , , , , inode] = line.trim().split(/ +/);
          if (state === undefined || inode === undefined || local === 'local_address') continue;
          // Those that listen come first: the others may be a million.
          if (state !== listenState) return listeners;
          const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
          const waiting = Number.parseInt(queues.slice(queues.indexOf(':') + 1), 16);
          const listener = { table, local, port, inode, waiting };
          if (only === undefined) listeners.push(listener);
          else if (only(listener)) return [listener];
        }
      }
    } finally {
      closeSync(file);
    }
  } catch {
    // No such table.
  }
  return listeners;
}
