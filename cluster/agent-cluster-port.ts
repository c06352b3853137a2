// The cluster port of a machine: TCP for links, UDP of the same number for the DHT. What was asked for, what it was last, or any.
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { probePort } from './agent-port.ts';
import { CommandFault } from './command-fault.ts';
import type { DhtAddress } from './dht-address.ts';

export interface PortWanted {
  host: string;
  /** Null: nobody has asked for one. 0: any. */
  asked: number | null;
  /** What it had last, and what it has unless told, in this order. */
  usual: readonly number[];
  /** A core of an agent that died has it still. */
  isHeld(port: number): boolean;
}

/** Throws a `CommandFault` when the port that was asked for cannot be had. */
export async function clusterPort({ host, asked, usual, isHeld }: PortWanted): Promise<number> {
  for (const port of asked === null || asked === 0 ? usual : [asked]) {
    if (port < 1 || port > 65_535) continue;
    if (isHeld(port) || (await isFree(host, port))) return port;
  }
  if (asked === null || asked === 0) return await anyPort(host);
  throw new CommandFault(
    `The cluster port ${asked} on ${host} is taken, or not this machine’s: choose others with --cluster-port N and --cluster-host.`,
  );
}

/** The IPv4 address the DHT listens at: it knows no other kind. Null when the host has none. */
export async function dhtHostOf(host: string): Promise<string | null> {
  if (isIPv4(host)) return host;
  if (host === '::') return '0.0.0.0';
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    return null;
  }
}

/** IPv4 only: the DHT knows no other. Names that lead nowhere are left out. */
export async function dhtAddressesOf(addresses: readonly DhtAddress[]): Promise<DhtAddress[]> {
  const all = await Promise.all(
    addresses.map(async ({ host, port }) => ({ host: await dhtHostOf(host), port })),
  );
  return all.flatMap(({ host, port }) => (host === null ? [] : [{ host, port }]));
}

const triesMost = 20;

async function anyPort(host: string): Promise<number> {
  for (let tries = 0; tries < triesMost; tries++) {
    const port = await probePort({ host, port: 0 });
    if (await isFree(host, port)) return port;
  }
  throw new CommandFault(`No port for the cluster is free on ${host}: choose one with --cluster-port N.`);
}

async function isFree(host: string, port: number): Promise<boolean> {
  try {
    await probePort({ host, port });
  } catch (error) {
    if (error instanceof CommandFault) return false;
    throw error;
  }
  const address = await dhtHostOf(host);
  return address === null || (await isUdpFree(address, port));
}

function isUdpFree(address: string, port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, address, () => socket.close(() => resolve(true)));
  });
}
