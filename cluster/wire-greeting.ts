// The handshake on one new connection, the same at both ends: each says hello, judges the other's, and says when it has accepted it.
import { MalformedError } from '../runtime/codec.ts';
import { closeCodeOf, closeText, reasonOf, type WireEnding } from './wire-close.ts';
import type { WireEndOptions, WirePeer } from './wire-end.ts';
import { acceptedFrame, bodyOf, kindOf, packWire } from './wire-frame.ts';
import {
  commonVersion,
  manifestConflict,
  type Refusal,
  refusalOf,
  type WireHello,
  wireHello,
} from './wire-hello.ts';
import { noWireMeter } from './wire-meter.ts';
import type { WireSocket } from './wire-outbox.ts';
import type { SocketListener } from './wire-socket.ts';

export interface GreetingOptions
  extends Pick<WireEndOptions<never, never>, 'hello' | 'admits' | 'log' | 'meter'> {
  socket: WireSocket & { listen(listener: SocketListener): void };
  /** Of the other end, as TLS has proved it. */
  publicKey: Uint8Array;
  /** Both ends have accepted each other. The next frame may follow at once: listen to the socket before this returns. */
  greeted(peer: WirePeer): void;
  /** Refused by one of both, or left: the connection is ended already. */
  failed(ending: WireEnding): void;
}

/** No hello is longer. */
const helloMostBytes = 16 * 1024;

export class WireGreeting implements SocketListener {
  readonly #options: GreetingOptions;
  readonly #own: WireHello;
  #state: 'open' | 'over' = 'open';
  #other: WireHello | null = null;
  /** The versions in common, once this end has accepted the other. */
  #accepted: number | null = null;
  #isAccepted = false;

  constructor(options: GreetingOptions) {
    this.#options = options;
    this.#own = options.hello();
    options.socket.listen(this);
    this.#send('hello', wireHello.encode(this.#own));
  }

  /** Ends the connection, unless the greeting is over. */
  refuse({ reason, text }: Refusal): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const { socket, log, meter, failed } = this.#options;
    (meter ?? noWireMeter).count(`refused-${reason}`, 1);
    const said = { reason, text, ...this.#about() };
    if (reason === 'manifest-conflict' || reason === 'fault') log.error(said, 'a link was refused');
    else log.warn(said, 'a link was refused');
    socket.close(closeCodeOf(reason), closeText(text));
    failed({ reason, text, by: 'here' });
  }

  take(frame: Uint8Array): void {
    if (this.#state === 'over') return;
    try {
      if (frame.length > helloMostBytes) throw new MalformedError('', 'a hello of fewer bytes');
      const kind = kindOf(frame);
      if (kind === 'hello') this.#judge(wireHello.decode(bodyOf(frame)));
      else if (kind === 'accepted') this.#acceptedBy(acceptedFrame.decode(bodyOf(frame)).protocol);
      else throw new MalformedError('', 'a hello');
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.malformed(`malformed hello: ${error.message}`);
    }
  }

  malformed(text: string): void {
    this.refuse({ reason: 'malformed', text });
  }

  gone(closeCode: number, text: string): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const ending: WireEnding = { reason: reasonOf(closeCode), text, by: 'there' };
    if (ending.reason !== 'lost')
      this.#options.log.warn({ ...ending, ...this.#about() }, 'the other end refused a link');
    this.#options.failed(ending);
  }

  #judge(other: WireHello): void {
    if (this.#other !== null) throw new MalformedError('hello', 'to be said once');
    this.#other = other;
    const refusal = refusalOf(this.#own, other);
    if (refusal !== null) this.refuse(refusal);
    else void this.#admit(other);
  }

  async #admit(other: WireHello): Promise<void> {
    const { admits, publicKey, log } = this.#options;
    try {
      const admission = await admits(other, publicKey);
      if (this.#state === 'over') return;
      if (!admission.ok) {
        this.refuse({ reason: admission.reason, text: admission.text ?? admission.reason });
        return;
      }
    } catch (error) {
      log.error({ error: String(error), ...this.#about() }, 'whether a link is admitted could not be said');
      this.refuse({ reason: 'fault', text: 'whether it is admitted could not be said' });
      return;
    }
    const conflict = manifestConflict(this.#own, other);
    if (conflict !== null) {
      this.refuse(conflict);
      return;
    }
    const protocol = commonVersion(this.#own, other) ?? 0;
    this.#accepted = protocol;
    this.#send('accepted', acceptedFrame.encode({ protocol }));
    this.#open();
  }

  #acceptedBy(protocol: number): void {
    // Before its hello nobody has accepted anything, and both ends find the same version.
    if (this.#other === null || this.#isAccepted || protocol !== commonVersion(this.#own, this.#other))
      throw new MalformedError('accepted', 'a hello that was judged');
    this.#isAccepted = true;
    this.#open();
  }

  #open(): void {
    if (this.#accepted === null || !this.#isAccepted || this.#other === null) return;
    this.#state = 'over';
    const { publicKey, greeted } = this.#options;
    greeted({ hello: this.#other, publicKey, protocol: this.#accepted });
  }

  #send(kind: 'hello' | 'accepted', body: unknown): void {
    this.#options.socket.send(packWire(kind, body), () => {});
  }

  #about(): object {
    const other = this.#other;
    const key = Buffer.from(this.#options.publicKey).toString('hex').slice(0, 16);
    return other === null
      ? { key }
      : { key, peer: other.name, node: other.node, role: other.role, epoch: other.epoch };
  }
}
