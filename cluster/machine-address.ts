// The machine's own IPv4 addresses, as its system names them.
import { networkInterfaces } from 'node:os';

/** A text that changes when they do. */
export function machineAddresses(): string {
  return outerAddresses()
    .map(({ address }) => address)
    .sort()
    .join(' ');
}

/** By which somebody at `asker` most likely reaches this machine: one of the same network, else the first; null when there is none. */
export function addressTowards(asker: string): string | null {
  if (asker.startsWith('127.')) return '127.0.0.1';
  const outer = outerAddresses();
  const near = outer.find(
    ({ address, netmask }) => networkOf(address, netmask) === networkOf(asker, netmask),
  );
  return (near ?? outer[0])?.address ?? null;
}

export function outerAddresses(): { address: string; netmask: string }[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal);
}

function networkOf(address: string, netmask: string): number {
  return (numberOf(address) & numberOf(netmask)) >>> 0;
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0);
}
