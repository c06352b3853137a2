// Where a request comes from and what it calls us: the client's address and our origin, with a proxy in front or without.
import { BlockList, isIP } from 'node:net';
import { shared } from './shared-values.ts';

export interface AddressSettings {
  /** `https://example.org`; null: from the Host header. */
  publicUrl: string | null;
  /** Whose X-Forwarded-* is believed. */
  trustedProxy: boolean | readonly string[];
}

export interface Forwarded {
  host: string;
  forwardedProto: string;
  forwardedHost: string;
}

export interface Addresses {
  /** True when what the peer says about the client counts. */
  trusts(peer: string): boolean;
  /** The client's address: the last one in X-Forwarded-For that is not a trusted proxy itself. */
  clientOf(peer: string, forwardedFor: string): string;
  /** `https://example.org`; null when the request names no host that could be one. */
  originOf(peer: string, forwarded: Forwarded): string | null;
}

const hostForm = /^(?:[a-z0-9_.-]{1,255}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/i;

export function createAddresses({ publicUrl, trustedProxy }: AddressSettings): Addresses {
  const trusted = typeof trustedProxy === 'boolean' ? null : blockListOf(trustedProxy);
  // Each session keeps its own.
  const sharedOrigin = shared((origin) => origin);

  function trusts(peer: string): boolean {
    if (trusted === null) return trustedProxy === true;
    const family = isIP(peer);
    return family !== 0 && trusted.check(peer, family === 4 ? 'ipv4' : 'ipv6');
  }

  function clientOf(peer: string, forwardedFor: string): string {
    if (forwardedFor === '' || !trusts(peer)) return peer;
    const hops = forwardedFor.split(',').map((hop) => hop.trim());
    // Everybody is trusted: the first named is the client. Else whoever the nearest trusted proxy saw.
    if (trusted === null) return readable(hops[0]) ?? peer;
    let client = peer;
    for (const hop of hops.reverse()) {
      const address = readable(hop);
      if (address === null) break;
      client = address;
      if (!trusts(address)) break;
    }
    return client;
  }

  function originOf(peer: string, forwarded: Forwarded): string | null {
    if (publicUrl !== null) return publicUrl;
    const believed = (forwarded.forwardedHost !== '' || forwarded.forwardedProto !== '') && trusts(peer);
    const host = (believed && firstOf(forwarded.forwardedHost)) || forwarded.host;
    const protocol = believed && firstOf(forwarded.forwardedProto) === 'https' ? 'https' : 'http';
    return hostForm.test(host) ? sharedOrigin(`${protocol}://${host.toLowerCase()}`) : null;
  }

  return { trusts, clientOf, originOf };
}

/** An address of 4 or 16 bytes as text; IPv4 inside IPv6 as IPv4; empty when it is neither. */
export function printAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return '';
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (mapped) return bytes.subarray(12).join('.');
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2)
    groups.push((((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16));
  return groups.join(':');
}

/** Whom a limit by address counts: an IPv4 address (also in the form that IPv6 sockets give it), or the /64 that one IPv6 household has. */
export function neighbourhoodOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const mapped = /^(?:::|(?:0{1,4}:){5})ffff:(.+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isIP(mapped) === 4 ? mapped : dotted(mapped);
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros: string[] =
    tail === undefined ? [] : new Array(Math.max(0, 8 - before.length - after.length)).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}

/** `102:304` as `1.2.3.4`. */
function dotted(groups: string): string {
  return groups
    .split(':')
    .flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 255];
    })
    .join('.');
}

function blockListOf(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of addresses) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** An address, without the port or brackets some proxies add; null for anything else. */
function readable(hop: string | undefined): string | null {
  const bare = (hop ?? '')
    .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}

function firstOf(list: string): string {
  return (list.split(',', 1)[0] ?? '').trim();
}
