// What a core does with a request from a link: checked, handed on, answered. What the answer is, is the core's concern.
import type { Answer, Ask, RequestKind } from '../actors/messages.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import { MalformedError } from '../runtime/codec.ts';
import type { Allowance, Counted } from './core-client.ts';
import type { LinkLog } from './link-log.ts';
import type { Call } from './link-messages.ts';
import type { LinkMeter } from './link-meter.ts';
import { backlogSoftBytes } from './link-outbox.ts';
import type { LinkPeer, Peer } from './link-peer.ts';
import { codecsOf, decodeAsk, isCommand, isRequestKind } from './link-requests.ts';

/** What became of a request. */
export interface Handled<K extends RequestKind = RequestKind> {
  outcome: Outcome<Answer<K>>;
  allowance?: Allowance;
}

/**
 * A request, checked. May answer at once or later; a thrown fault is logged and answered `unavailable`. The answer goes out
 * behind everything that was pushed to the peer before it was given.
 */
export type HandleRequest = <K extends RequestKind>(
  kind: K,
  ask: Ask<K>,
  from: LinkPeer,
  counted: Counted | null,
) => Handled | Promise<Handled>;

/** Requests of one peer that are being handled. More are answered `busy`. */
const underWayMost = 16_384;

export class Requests {
  readonly #handle: HandleRequest;
  readonly #log: LinkLog;
  readonly #meter: LinkMeter;

  constructor(handle: HandleRequest, log: LinkLog, meter: LinkMeter) {
    this.#handle = handle;
    this.#log = log;
    this.#meter = meter;
  }

  take(peer: Peer, asked: Call): void {
    const { id, request: kind } = asked;
    if (!isRequestKind(kind)) {
      this.#meter.count('malformed-asks', 1);
      peer.answer(id, null, { code: 'invalid', message: `no such request: ${kind}` }, null);
      return;
    }
    // What is written is taken in all the same: its answer waits behind what is pushed.
    if (peer.underWay >= underWayMost || (peer.backlogBytes > backlogSoftBytes && !isWrite(kind))) {
      this.#meter.count('busy', 1);
      peer.answer(id, null, { code: 'busy', message: 'Too much is under way. Try again.' }, null);
      return;
    }
    let ask: Ask<RequestKind>;
    try {
      ask = decodeAsk(kind, asked.ask);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#meter.count('malformed-asks', 1);
      const path = error.path === '' ? kind : `${kind}.${error.path}`;
      const expected = error.message.slice(error.message.indexOf(': expected'));
      peer.answer(id, null, { code: 'invalid', message: `${path}${expected}` }, null);
      return;
    }
    const counted = asked.limitKey === null ? null : { limitKey: asked.limitKey };
    peer.underWay++;
    let handled: Handled | Promise<Handled>;
    try {
      handled = this.#handle(kind, ask, peer, counted);
    } catch (error) {
      this.#fault(peer, id, kind, error);
      return;
    }
    if (!(handled instanceof Promise)) {
      this.#answer(peer, id, kind, handled);
      return;
    }
    handled.then(
      (settled) => this.#answer(peer, id, kind, settled),
      (error: unknown) => this.#fault(peer, id, kind, error),
    );
  }

  #answer(peer: Peer, id: number, kind: RequestKind, { outcome, allowance }: Handled): void {
    if (!outcome.ok) {
      peer.underWay--;
      peer.answer(id, null, outcome.rejection, allowance ?? null);
      return;
    }
    let value: unknown;
    try {
      value = codecsOf(kind).answer.encode(outcome.value);
    } catch (error) {
      this.#fault(peer, id, kind, error);
      return;
    }
    peer.underWay--;
    peer.answer(id, value, null, allowance ?? null);
  }

  #fault(peer: Peer, id: number, kind: RequestKind, error: unknown): void {
    peer.underWay--;
    this.#meter.count('faults', 1);
    this.#log.warn({ peer: peer.name, kind, error: textOf(error) }, 'a request failed');
    peer.answer(id, null, { code: 'unavailable', message: 'Something went wrong in the core.' }, null);
  }
}

function isWrite(kind: RequestKind): boolean {
  return isCommand(kind) && kind !== 'home' && kind !== 'attach' && kind !== 'detach';
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
