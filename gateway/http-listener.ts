// The moment to close a listening socket: connections that the system has accepted for it, and this process has not, would be reset.
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** Where Linux tells of sockets, those that listen first. */
const tables = ['/proc/net/tcp', '/proc/net/tcp6'];
const listenState = '0A';
/** The lines of some four hundred listeners. */
const headBytes = 64 * 1024;
const mostTurns = 500;

interface Listener {
  inode: string;
  port: number;
  /** Connections that wait to be accepted. */
  waiting: number;
}

/**
 * Resolves right behind a poll after which nobody waits at this process's listener on the port, or after many turns. What comes in between is
 * microseconds. Elsewhere than on Linux it is two turns: nobody tells. A connection whose handshake is under way at the closing is reset all the
 * same, unless the system moves it to another listener on the port (`net.ipv4.tcp_migrate_req=1`).
 */
export async function untilNobodyWaits(port: number): Promise<void> {
  await turn();
  await turn();
  const own = ownListener(port);
  if (own === null) return;
  for (let turns = 0; turns < mostTurns; turns++) {
    if ((listenersIn(own.table).find(({ inode }) => inode === own.inode)?.waiting ?? 0) === 0) return;
    await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function ownListener(port: number): { table: string; inode: string } | null {
  const found = new Map<string, string>();
  for (const table of tables)
    for (const listener of listenersIn(table))
      if (listener.port === port) found.set(`socket:[${listener.inode}]`, table);
  if (found.size === 0) return null;
  try {
    // It is among the first files that the process opened.
    const files = readdirSync('/proc/self/fd').sort((one, other) => Number(one) - Number(other));
    for (const file of files) {
      const target = linkOf(`/proc/self/fd/${file}`);
      const table = found.get(target);
      if (table !== undefined) return { table, inode: target.slice('socket:['.length, -1) };
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

function listenersIn(table: string): Listener[] {
  let head: string;
  try {
    const file = openSync(table, 'r');
    try {
      const buffer = Buffer.allocUnsafe(headBytes);
      head = buffer.toString('latin1', 0, readSync(file, buffer, 0, headBytes, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return [];
  }
  // sl, local address, remote address, state, tx_queue:rx_queue, tr:when, retransmits, uid, timeout, inode
  return head.split('\n').flatMap((line) => {
    const [, local = '', , state, queues = '', , , , , inode] = line.trim().split(/ +/);
    if (state !== listenState || inode === undefined) return [];
    const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
    return [{ inode, port, waiting: Number.parseInt(queues.slice(queues.indexOf(':') + 1), 16) }];
  });
}
