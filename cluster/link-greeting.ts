// The core's side of the handshake on one new connection: challenge, introduction, welcome. Nothing else is read before it is done.
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { MalformedError } from '../runtime/codec.ts';
import type { LinkClock } from './link-clock.ts';
import { packFrame, unpackFrame } from './link-frame.ts';
import {
  type Challenge,
  challenge,
  closeCode,
  type Introduction,
  introduction,
  type LinkRole,
  protocolFrom,
  protocolTo,
  welcome,
} from './link-messages.ts';
import { closeReason } from './link-peer.ts';
import { commonProtocol, isLinkName, newNonce, proofOf, sameProof } from './link-proof.ts';

export const greetingMs = 5000;
/** What a stranger may send in all, the HTTP request included. */
const strangerMostBytes = 16 * 1024;

export interface GreetingOptions {
  socket: WebSocket;
  /** The connection under it. */
  connection: Socket;
  key: Uint8Array;
  /** As what it may come. */
  roles: readonly LinkRole[];
  clock: LinkClock;
  /** Proved. The next message may follow at once: listen to the socket before this returns. */
  greeted(introduced: Introduction, protocol: number): void;
  /** Refused, timed out or left: the connection is ended already. */
  failed(reason: string, event: 'handshakes-refused' | 'handshakes-timed-out' | null): void;
}

export function greet(options: GreetingOptions): void {
  const { socket, connection, key, roles, clock } = options;
  const asked: Challenge = { protocolFrom, protocolTo, nonce: newNonce() };
  const cancelTimeout = clock.after(greetingMs, () => {
    refuse('no introduction came in time', 'handshakes-timed-out', closeCode.refused);
  });
  socket.on('message', introduce);
  socket.on('close', left);
  connection.on('data', watch);
  socket.send(packFrame(challenge.encode(asked)));

  function done(): void {
    cancelTimeout();
    socket.off('message', introduce);
    socket.off('close', left);
    connection.off('data', watch);
  }

  function refuse(reason: string, event: 'handshakes-refused' | 'handshakes-timed-out', code: number): void {
    done();
    socket.close(code, closeReason(reason));
    const cancel = clock.after(1000, () => socket.terminate());
    socket.once('close', cancel);
    options.failed(reason, event);
  }

  function left(): void {
    done();
    options.failed('it left before it introduced itself', null);
  }

  function watch(): void {
    if (connection.bytesRead <= strangerMostBytes) return;
    done();
    socket.terminate();
    options.failed(`more than ${strangerMostBytes} bytes before an introduction`, 'handshakes-refused');
  }

  function introduce(data: RawData, isBinary: boolean): void {
    let introduced: Introduction;
    try {
      if (!isBinary || !Buffer.isBuffer(data)) throw new MalformedError('', 'bytes');
      introduced = introduction.decode(unpackFrame(data));
      if (!isLinkName(introduced.name)) throw new MalformedError('name', 'a name of a-z, 0-9 and -');
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      refuse(`malformed introduction: ${error.message}`, 'handshakes-refused', closeCode.refused);
      return;
    }
    if (!sameProof(introduced.proof, proofOf('visitor', key, asked, introduced))) {
      refuse('the proof is wrong: another key, or a replay', 'handshakes-refused', closeCode.refused);
      return;
    }
    if (!roles.includes(introduced.role)) {
      refuse(`no ${introduced.role} is let in here`, 'handshakes-refused', closeCode.refused);
      return;
    }
    const protocol = commonProtocol(introduced);
    if (protocol === null) {
      refuse(
        `it speaks protocols ${introduced.protocolFrom} to ${introduced.protocolTo}, this core ${protocolFrom} to ${protocolTo}`,
        'handshakes-refused',
        closeCode.version,
      );
      return;
    }
    done();
    socket.send(packFrame(welcome.encode({ protocol, proof: proofOf('core', key, asked, introduced) })));
    options.greeted(introduced, protocol);
  }
}
