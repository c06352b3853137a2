// How often an address may ask without a token: a fixed window each. Tokens are counted by the core, whatever the number of gateways.
import { LRUCache } from 'lru-cache';
import type { Allowance } from '../cluster/core-client.ts';

export interface AddressLimit {
  /** Counts one request; `remaining` below 0 means that it is one too many. Null: there is no limit. */
  count(address: string, nowMs: number): Allowance | null;
  /** Counts nothing: may this address ask once more? */
  hasRoom(address: string, nowMs: number): boolean;
}

export interface AddressLimitOptions {
  /** 0: no limit. */
  requests: number;
  windowS: number;
  /** Addresses remembered; the least recently seen are forgotten first, and start anew. */
  most?: number;
}

interface Window {
  used: number;
  resetMs: number;
}

export function createAddressLimit({ requests, windowS, most = 100_000 }: AddressLimitOptions): AddressLimit {
  const windows = new LRUCache<string, Window>({ max: most });
  return {
    count(address, nowMs) {
      if (requests === 0) return null;
      let window = windows.get(address);
      if (window === undefined || window.resetMs <= nowMs) {
        window = { used: 0, resetMs: nowMs + windowS * 1000 };
        windows.set(address, window);
      }
      window.used++;
      return { limit: requests, remaining: requests - window.used, resetMs: window.resetMs };
    },
    hasRoom(address, nowMs) {
      const window = requests === 0 ? undefined : windows.peek(address);
      return window === undefined || window.resetMs <= nowMs || window.used < requests;
    },
  };
}
