// A call that has no answer yet: its codec, its promise, its time. Which link carries it is link-connection.ts's.
import type { Answer, Ask, RequestKind } from '../actors/messages.ts';
import type { Rejection } from '../runtime/behaviours.ts';
import { MalformedError } from '../runtime/codec.ts';
import type { Allowance, Answered, Counted } from './core-client.ts';
import { codecsOf } from './link-requests.ts';

/** A pending call of whatever kind, as the link carries it. */
export type SomePendingCall = Omit<PendingCall<RequestKind>, 'answered'>;

export class PendingCall<K extends RequestKind> {
  readonly kind: K;
  /** The request in its wire form. */
  readonly ask: unknown;
  readonly limitKey: string | null;
  /** When to give up. */
  readonly dueMs: number;
  readonly answered: Promise<Answered<K>>;
  #settle: (answered: Answered<K>) => void = () => {};

  constructor(kind: K, ask: Ask<K>, counted: Counted | undefined, dueMs: number) {
    this.kind = kind;
    this.ask = codecsOf(kind).ask.encode(ask);
    this.limitKey = counted === undefined ? null : counted.limitKey;
    this.dueMs = dueMs;
    this.answered = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Settles the call with what the core sent. False when that is no such answer; the call is settled nevertheless. */
  answer(wire: unknown, allowance: Allowance | null): boolean {
    let value: Answer<K>;
    try {
      // Decoded by the codec that Answer<K> is the type of; the compiler cannot follow a codec through a lookup by K.
      value = codecsOf(this.kind).answer.decode(wire) as Answer<K>;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.reject({ code: 'unavailable', message: 'The core gave an answer that makes no sense.' }, null);
      return false;
    }
    this.#settle(allowance === null ? { ok: true, value } : { ok: true, value, allowance });
    return true;
  }

  reject(rejection: Rejection, allowance: Allowance | null, how: { isLost?: true } = {}): void {
    this.#settle(
      allowance === null ? { ok: false, rejection, ...how } : { ok: false, rejection, allowance, ...how },
    );
  }
}
