// Where a bundle is shared or fetched: a swarm on a TCP port, and a DHT on the UDP port of the same number, sealed with a key that the info
// hash gives, so that everybody with the link is a member and nobody else.
import { createHmac } from 'node:crypto';
import { dhtAddressesOf, dhtHostOf } from './agent-cluster-port.ts';
import { type AgentDht, type DhtAddress, DhtError, openDht } from './agent-dht.ts';
import type { PlaceOptions } from './command-bundle-options.ts';
import { CommandFault, errorCode } from './command-fault.ts';
import { outerAddresses } from './machine-address.ts';
import { openSwarm, type Swarm } from './swarm.ts';
import type { SwarmAddress } from './swarm-order.ts';
import { noWireLog } from './wire-meter.ts';

export interface BundlePlace {
  swarm: Swarm;
  /** Where others reach this machine, the likeliest first. */
  addresses: SwarmAddress[];
  /** Who may have it: those of the link, and whom the DHT knows. */
  find(): Promise<SwarmAddress[]>;
  /** From now on others find this machine. */
  announce(): Promise<void>;
  close(): Promise<void>;
}

const addressesMost = 4;
const portTriesMost = 20;

/** Throws a `CommandFault` when it cannot listen. */
export async function openBundlePlace(
  { hash, peers }: { hash: Uint8Array; peers: readonly SwarmAddress[] },
  options: PlaceOptions,
): Promise<BundlePlace> {
  const host = await dhtHostOf(options.host);
  if (host === null) throw new CommandFault(`${options.host} is no IPv4 address: name another by --host.`);
  const advertise = options.advertise === undefined ? null : await dhtHostOf(options.advertise);
  if (options.advertise !== undefined && advertise === null)
    throw new CommandFault(`${options.advertise} has no IPv4 address: name another by --advertise.`);
  const known = await dhtAddressesOf(peers);
  const { swarm, dht } = await openBoth({ hash, host, advertise, known }, options);
  const hosts = advertise !== null ? [advertise] : host === '0.0.0.0' ? machineHosts() : [host];
  const addresses = hosts.map((one) => ({ host: one, port: swarm.port }));
  const own = new Set([...hosts, ...machineHosts(), '127.0.0.1']);
  return {
    swarm,
    addresses,
    async find() {
      const all = [...known, ...(await dht.lookupHash(hash))];
      return all.filter((one) => one.port !== swarm.port || !own.has(one.host));
    },
    announce: () => dht.announceHash(hash, swarm.port),
    async close() {
      await Promise.all([swarm.close(), dht.close()]);
    },
  };
}

interface Both {
  hash: Uint8Array;
  host: string;
  advertise: string | null;
  known: readonly DhtAddress[];
}

async function openBoth(both: Both, options: PlaceOptions): Promise<{ swarm: Swarm; dht: AgentDht }> {
  const { hash, host, advertise, known } = both;
  const entries = await dhtAddressesOf(options.dhtEntry ?? []);
  for (let tries = 1; ; tries++) {
    const swarm = await swarmAt(host, options);
    try {
      const dht = await openDht({
        host,
        port: swarm.port,
        keys: [createHmac('sha256', 'murmuration bundle').update(hash).digest()],
        clusterId: hash,
        bootstrap: known,
        log: noWireLog,
        ...(advertise === null ? {} : { advertise }),
        ...(options.door === true ? { door: { entries } } : {}),
      });
      return { swarm, dht };
    } catch (error) {
      await swarm.close();
      if (!(error instanceof DhtError)) throw error;
      // Somebody has the UDP half of a number that nobody asked for.
      if (options.port !== 0 || tries >= portTriesMost) throw taken(host, options.port, error);
    }
  }
}

async function swarmAt(host: string, { port, upRate, downRate }: PlaceOptions): Promise<Swarm> {
  try {
    return await openSwarm({
      host,
      port,
      rates: { up: upRate ?? null, down: downRate ?? null },
      log: noWireLog,
    });
  } catch (error) {
    if (!['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES'].includes(errorCode(error))) throw error;
    throw taken(host, port, error);
  }
}

function taken(host: string, port: number, cause: unknown): CommandFault {
  return new CommandFault(
    `Port ${port} on ${host} is taken, or not this machine’s: choose others by --port and --host.`,
    { cause },
  );
}

function machineHosts(): string[] {
  const outer = outerAddresses().map(({ address }) => address);
  return outer.length === 0 ? ['127.0.0.1'] : outer.slice(0, addressesMost);
}
