// The limits of this machine that bind a crowd of connections, and what to do about each: told before, and when a handshake fails.
import { readFileSync } from 'node:fs';
import { count } from './figures.ts';

/** The load client starts another source address after so many: past half of its ports connect() slows down a hundredfold. */
const connectionsASource = 12_000;

export interface Wanted {
  connections: number;
  targets: readonly string[];
  sources: readonly string[];
  /** The server's ends of the connections are on this machine, too. */
  isLocal: boolean;
}

/** Throws when this machine cannot hold so many, with what can be done about it. */
export function requireLimits(wanted: Wanted): void {
  const binding = limitsThatBind(wanted);
  if (binding.length > 0) throw new Error(binding.map((line) => `${line}.`).join('\n'));
}

/** Why this machine cannot hold so many, each in a line with what to do; empty when nothing is in the way. */
export function limitsThatBind({ connections, targets, sources, isLocal }: Wanted): string[] {
  const told: string[] = [];
  const ends = isLocal ? 2 : 1;
  const files = numberIn('/proc/sys/fs/file-max', 0);
  const open = numberIn('/proc/sys/fs/file-nr', 0);
  if (files !== null && open !== null && open + connections * ends > files)
    told.push(
      `this machine may have ${count(files)} files open in all (${count(open)} are), and ${count(connections)} connections are ${count(connections * ends)}: raise it with sysctl -w fs.file-max=${open + connections * ends * 2}`,
    );
  const [from = 32_768, to = 60_999] = rangeOfPorts();
  const ports = Math.max(0, to - from + 1);
  const isLoopback = targets.every((target) => target.startsWith('127.'));
  const usable = isLoopback
    ? targets.length * 65_000 * connectionsASource
    : targets.length * Math.max(1, sources.length) * ports;
  if (connections > usable)
    told.push(
      `one source address has ${count(ports)} ports to one target, and ${count(connections)} connections need more: give ${Math.ceil(connections / targets.length / connectionsASource)} addresses of this machine with --sources, or widen net.ipv4.ip_local_port_range`,
    );
  if (isLoopback && sources.length > 0 && sources.length * connectionsASource * targets.length < connections)
    told.push(
      `${count(sources.length)} source addresses are few for ${count(connections)} connections: give more, or leave --sources out (127.0.0.2 and those above it are used then)`,
    );
  const free = availableBytes();
  const needed = connections * ends * bytesAnEnd;
  if (free !== null && needed > free)
    told.push(
      `about ${count(needed / 2 ** 20)} MiB of kernel memory are needed, and ${count(free / 2 ** 20)} MiB are free: ask for fewer --connections`,
    );
  return told;
}

/** Measured: 8 to 10 KB of slab for both ends of a connection on one machine. */
const bytesAnEnd = 4_500;

/** Why handshakes failed, and what helps, the commonest reason first. */
export function advice(reasons: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(reasons).sort(([, one], [, other]) => other - one);
  const lines = sorted.map(([why, times]) => `${count(times)} x ${why}${helps(why)}`);
  return `no connection could be opened: ${lines.join('; ')}`;
}

function helps(why: string): string {
  if (why.startsWith('HTTP 401'))
    return ' (the tokens are not valid there: make new ones with "murmuration token --handles FILE")';
  if (why.startsWith('HTTP 404')) return ' (there is no streaming API at this address: look at its path)';
  if (why.startsWith('HTTP 503'))
    return ' (the server takes no more: start it with more --gateways, or ask for fewer)';
  if (why.startsWith('HTTP 429')) return ' (its rate limit: start it with --rate-limit 0 for a measurement)';
  if (why === 'ECONNREFUSED') return ' (nobody listens there: is the server running, is the port right?)';
  if (why === 'EADDRNOTAVAIL' || why === 'EADDRINUSE')
    return ' (no free port at the source address: give more of them with --sources)';
  if (why === 'EMFILE') return ' (open files of the client process: raise them with ulimit -Hn)';
  if (why === 'ENFILE') return ' (open files of this machine: raise fs.file-max with sysctl)';
  if (why === 'ENOBUFS' || why === 'ENOMEM') return ' (kernel memory: ask for fewer --connections)';
  if (why === 'ETIMEDOUT' || why === 'no answer in time')
    return ' (the server is too busy, or a firewall is between: try a lower --open-rate)';
  return '';
}

function numberIn(file: string, at: number): number | null {
  try {
    const value = Number(readFileSync(file, 'latin1').trim().split(/\s+/)[at]);
    return Number.isFinite(value) ? value : null;
  } catch {
    return null;
  }
}

function rangeOfPorts(): number[] {
  const file = '/proc/sys/net/ipv4/ip_local_port_range';
  return [0, 1].flatMap((at) => numberIn(file, at) ?? []);
}

function availableBytes(): number | null {
  const found = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
  return found === undefined ? null : Number(found) * 1024;
}
