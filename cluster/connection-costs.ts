// What processes and connections cost in memory, to foresee what a machine can hold. The one place to update when they are measured anew.

const kibibyte = 1024;
const mebibyte = 1024 * 1024;

/** Of each process, what it shares with others counted once (PSS): a gateway of sixty that had just started had 33 MiB, and grows in use. */
export const processBytes = {
  agent: 90 * mebibyte,
  core: 200 * mebibyte,
  gateway: 45 * mebibyte,
};

/**
 * Of a live timeline by WebSocket, each of another user, who follows twenty: `bench connections` at 500,000 of them sees 3.7 KB of gateways and
 * core together, and 10.4 KB of the kernel for both ends of a connection within one machine. How gateways and core share it is reckoned, and with
 * room for busier ones.
 */
export const connectionBytes = {
  /** The socket and its session. */
  gateway: 2 * kibibyte,
  /** What the core keeps for a live user. */
  core: 3 * kibibyte,
  /** The kernel's end: the socket, its file, its place in the tables. */
  kernel: 5 * kibibyte,
};

export const bytesOfConnection = connectionBytes.gateway + connectionBytes.core + connectionBytes.kernel;

/** Of each gateway: Node's and uWebSockets.js's. */
export const threadsOfGateway = 11;

export interface Memory {
  bytes: number;
  gateways: number;
  hasCore: boolean;
}

/** Connections for which there is memory; 0 when not even the processes have theirs. */
export function connectionsInMemory({ bytes, gateways, hasCore }: Memory): number {
  const processes = processBytes.agent + (hasCore ? processBytes.core : 0) + gateways * processBytes.gateway;
  const each = hasCore ? bytesOfConnection : bytesOfConnection - connectionBytes.core;
  return Math.max(0, Math.floor((bytes - processes) / each));
}
