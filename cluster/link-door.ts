// Where a core is reached: one attempt at a time, by core.link on this machine or by TLS on another. Trying again is link-client.ts's.
import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { LinkFileError, linkFileVersion, readLinkFile } from './link-file.ts';
import { frameMostBytes } from './link-frame.ts';
import { connectNode, peerKeyOf } from './wire-certificate.ts';

export const handshakeMs = 5000;
export const linkPath = '/link';

/** A connection on its way to a core: listen to the socket before anything else happens. */
export interface Knocked {
  socket: WebSocket;
  /** For the greeting. */
  key: Uint8Array;
  /** It is on this machine. */
  isOwn: boolean;
  /** Whom it belongs to, for the log. */
  about: object;
}

export interface Door {
  /** Null `knocked`: there is nobody there, or somebody else. Never rejects; takes `handshakeMs` at most. */
  knock(): Promise<{ knocked: Knocked } | { knocked: null; reason: string }>;
  /** Another text when a core may have come since `knock` was called last. */
  version(): Promise<string>;
  /** Gives an attempt up that is under way. */
  leave(): void;
}

/** The core of this machine, whose file is read anew for each attempt. */
export function fileDoor(path: string): Door {
  return {
    async knock() {
      try {
        const { port, key, pid, incarnation } = await readLinkFile(path);
        const socket = new WebSocket(`ws://127.0.0.1:${port}${linkPath}`, settings);
        return { knocked: { socket, key, isOwn: true, about: { pid, incarnation } } };
      } catch (error) {
        if (!(error instanceof LinkFileError)) throw error;
        return { knocked: null, reason: error.message };
      }
    },
    version: () => linkFileVersion(path),
    leave: () => {},
  };
}

export interface NodeDoorOptions {
  /** Tried in turn, one an attempt. */
  addresses: readonly { host: string; port: number }[];
  /** This node's, in PEM form. */
  tls: { key: string; cert: string };
  /** Whether this key (32 bytes) may answer there. When not, nothing is said to it. */
  expects(publicKey: Uint8Array): boolean;
  /** `linkKeyOf` the cluster. */
  key: Uint8Array;
}

/** A core of another machine: TLS 1.3 with certificates on both sides, whose keys alone count. */
export function nodeDoor({ addresses, tls, expects, key }: NodeDoorOptions): Door {
  let attempts = 0;
  let leave: () => void = () => {};
  return {
    knock() {
      const address = addresses[attempts++ % Math.max(1, addresses.length)];
      if (address === undefined) return Promise.resolve({ knocked: null, reason: 'it has no address' });
      const { host, port } = address;
      const connection = connectNode(address, tls);
      return new Promise((resolve) => {
        const refuse = (reason: string): void => {
          connection.destroy();
          resolve({ knocked: null, reason: `${host}:${port}: ${reason}` });
        };
        const timer = setTimeout(() => refuse('no answer came in time'), handshakeMs);
        leave = () => refuse('the attempt was given up');
        connection.once('error', (error) => refuse(error.message));
        // Nobody listens for what a lost connection says once it is refused.
        connection.on('error', () => {});
        connection.once('close', () => clearTimeout(timer));
        connection.once('secureConnect', () => {
          clearTimeout(timer);
          leave = () => {};
          const publicKey = peerKeyOf(connection);
          if (publicKey === null) refuse('it has no Ed25519 certificate');
          else if (!expects(publicKey)) refuse('another node answers there');
          else resolve({ knocked: { socket: over(connection), key, isOwn: false, about: { host, port } } });
        });
      });
    },
    version: () => Promise.resolve(''),
    leave: () => leave(),
  };
}

const settings = {
  perMessageDeflate: false,
  maxPayload: frameMostBytes,
  maxFragments: 16,
  handshakeTimeout: handshakeMs,
  // Masks keep browsers from fooling proxies. Neither is here, and a mask of zeros costs nothing.
  generateMask: (mask: Buffer) => {
    mask.fill(0);
  },
};

/** The connection is there already, so the name in the address means nothing. */
function over(connection: TLSSocket): WebSocket {
  return new WebSocket(`ws://core${linkPath}`, { ...settings, createConnection: () => connection });
}
