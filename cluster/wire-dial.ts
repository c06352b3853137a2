// One attempt to open a wire to another node: TLS, the expected key, hello, link. Trying again is wire-keeper.ts's.
import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { type LinkClock, machineClock } from './link-clock.ts';
import { connectNode, peerKeyOf } from './wire-certificate.ts';
import type { WireEnding } from './wire-close.ts';
import { type WireEndOptions, type WireLink, type WirePeer, wireBounds } from './wire-end.ts';
import { WireGreeting } from './wire-greeting.ts';
import { OpenWire } from './wire-link.ts';
import { noWireMeter } from './wire-meter.ts';
import { ListenedSocket, socketSettings, wirePath } from './wire-socket.ts';

export interface DialOptions<D, C> extends WireEndOptions<D, C> {
  host: string;
  port: number;
  /** Whether this key (32 bytes) may answer there. When not, nothing is said to it. */
  expects(publicKey: Uint8Array): boolean;
}

export type DialOutcome<D, C> =
  | { kind: 'opened'; link: WireLink<D, C> }
  | { kind: 'refused'; ending: WireEnding };

export interface Dialing<D, C> {
  /** Never rejects. Settled within `handshakeMs`. */
  readonly outcome: Promise<DialOutcome<D, C>>;
  /** Gives the attempt up; a link that is open already stays so. */
  abandon(): void;
}

export function connectWire<D, C>(options: DialOptions<D, C>): Dialing<D, C> {
  return new Dial(options);
}

class Dial<D, C> implements Dialing<D, C> {
  readonly outcome: Promise<DialOutcome<D, C>>;
  readonly #options: DialOptions<D, C>;
  readonly #clock: LinkClock;
  readonly #connection: TLSSocket;
  readonly #stopWaiting: () => void;
  #greeting: WireGreeting | null = null;
  #settle: (outcome: DialOutcome<D, C>) => void = () => {};
  #isSettled = false;

  constructor(options: DialOptions<D, C>) {
    this.#options = options;
    this.#clock = options.clock ?? machineClock;
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const { host, port, tls, bounds } = options;
    this.#stopWaiting = this.#clock.after(bounds?.handshakeMs ?? wireBounds.handshakeMs, () =>
      this.#tooLate(),
    );
    this.#connection = connectNode({ host, port }, tls);
    this.#connection.once('secureConnect', () => this.#upgrade());
    // From the greeting on, the WebSocket says how it ended.
    this.#connection.on('error', (error) => {
      if (this.#greeting === null) this.#refused({ reason: 'unreachable', text: error.message, by: 'here' });
    });
    this.#connection.once('close', () => {
      if (this.#greeting === null) this.#refused({ reason: 'lost', text: 'it hung up', by: 'there' });
    });
  }

  abandon(): void {
    this.#stop('the attempt was given up');
  }

  #tooLate(): void {
    this.#stop('no answer came in time');
  }

  #stop(text: string): void {
    if (this.#isSettled) return;
    if (this.#greeting === null) this.#connection.destroy();
    else this.#greeting.refuse({ reason: 'too-late', text });
    this.#refused({ reason: 'too-late', text, by: 'here' });
  }

  #upgrade(): void {
    const { expects } = this.#options;
    const publicKey = peerKeyOf(this.#connection);
    if (publicKey === null || !expects(publicKey)) {
      this.#connection.destroy();
      const text = publicKey === null ? 'it has no Ed25519 certificate' : 'another node answers there';
      this.#refused({ reason: 'unexpected-key', text, by: 'here' });
      return;
    }
    // The connection is there already, so the name in the address means nothing.
    const socket = new WebSocket(`ws://wire${wirePath}`, {
      ...socketSettings,
      createConnection: () => this.#connection,
      // Masks keep browsers from fooling proxies. Neither is here, and a mask of zeros costs nothing.
      generateMask: (mask: Buffer) => {
        mask.fill(0);
      },
    });
    const listened = new ListenedSocket(socket, this.#clock);
    socket.once('unexpected-response', (_request, response) => {
      const text = `it answered ${response.statusCode}`;
      this.#refused({ reason: 'unreachable', text, by: 'there' });
      this.#connection.destroy();
    });
    socket.once('open', () => this.#greet(listened, publicKey));
  }

  #greet(socket: ListenedSocket, publicKey: Uint8Array): void {
    const { hello, admits, log, meter } = this.#options;
    this.#greeting = new WireGreeting({
      socket,
      publicKey,
      hello,
      admits,
      log,
      ...(meter === undefined ? {} : { meter }),
      greeted: (peer) => this.#open(socket, peer),
      failed: (ending) => this.#refused(ending),
    });
  }

  #open(socket: ListenedSocket, peer: WirePeer): void {
    const { messages, onLink, log, meter, bounds } = this.#options;
    const link = new OpenWire<D, C>({
      peer,
      socket,
      messages,
      onLink,
      log,
      meter: meter ?? noWireMeter,
      clock: this.#clock,
      bounds: { ...wireBounds, ...bounds },
      ended: () => {},
    });
    socket.listen(link);
    this.#over({ kind: 'opened', link });
  }

  #refused(ending: WireEnding): void {
    this.#over({ kind: 'refused', ending });
  }

  #over(outcome: DialOutcome<D, C>): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#stopWaiting();
    this.#settle(outcome);
  }
}
