// Requests over a wire: a call and its answer find each other by a number, within a time. What is asked is the caller's.
import type { Outcome, Rejection } from '../runtime/behaviours.ts';
import {
  type Codec,
  type Infer,
  MalformedError,
  oneOf,
  optional,
  struct,
  text,
  uint,
} from '../runtime/codec.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import { noWireMeter, type WireMeter } from './wire-meter.ts';

/** Decoded by who knows what was asked. */
const undecoded: Codec<unknown> = { encode: (value) => value, decode: (wire) => wire };

const messageMost = 2000;
const rejection = struct({
  code: oneOf(
    'invalid',
    'not-found',
    'forbidden',
    'unauthorized',
    'taken',
    'rate-limited',
    'behind',
    'busy',
    'read-only',
    'unavailable',
    'moved',
  ),
  message: text(messageMost),
});

export const callBody = struct({ id: uint, ask: undecoded });
/** Null as rejection: `value` is the answer. */
export const answerBody = struct({ id: uint, value: undecoded, rejection: optional(rejection) });
/** To be spread into the cases of a lane's `union`. */
export const callCases = { call: callBody, answer: answerBody };
export type CallMessage = { kind: 'call' } & Infer<typeof callBody>;
export type AnswerMessage = { kind: 'answer' } & Infer<typeof answerBody>;

export interface WireCallsOptions<Q, A> {
  ask: Codec<Q>;
  answer: Codec<A>;
  /** Puts the message on a lane of the link. */
  send(message: CallMessage): void;
  /** 10 s unless told. */
  timeoutMs?: number;
  /** Calls without an answer; more are rejected `busy`. 4,096 unless told. */
  pendingMost?: number;
  clock?: LinkClock;
  meter?: WireMeter;
}

interface Pending<A> {
  dueMs: number;
  settle(outcome: Outcome<A>): void;
}

const lookMs = 250;

/** One for each link: `close` it when the link is closed. */
export class WireCalls<Q, A> {
  readonly #options: WireCallsOptions<Q, A>;
  readonly #clock: LinkClock;
  readonly #pending = new Map<number, Pending<A>>();
  #lastId = 0;
  #stopLooking: (() => void) | null = null;
  #isClosed = false;

  constructor(options: WireCallsOptions<Q, A>) {
    this.#options = options;
    this.#clock = options.clock ?? machineClock;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Never rejects: `unavailable` when the link goes or the time runs out (what became of it is not known then), `busy` when too much is asked. */
  call(ask: Q): Promise<Outcome<A>> {
    const { pendingMost = 4096, timeoutMs = 10_000, meter = noWireMeter } = this.#options;
    if (this.#isClosed) return Promise.resolve(rejected(gone));
    if (this.#pending.size >= pendingMost) {
      meter.count('calls-busy', 1);
      return Promise.resolve(rejected({ code: 'busy', message: 'Too much is under way. Try again.' }));
    }
    const id = ++this.#lastId;
    const wire = this.#options.ask.encode(ask);
    return new Promise((resolve) => {
      this.#pending.set(id, { dueMs: this.#clock.nowMs() + timeoutMs, settle: resolve });
      this.#stopLooking ??= this.#clock.every(lookMs, () => this.#look());
      this.#options.send({ kind: 'call', id, ask: wire });
    });
  }

  /** An answer has come. Throws `MalformedError` when it is not what was declared: the link is to end as malformed. */
  take(message: AnswerMessage): void {
    const pending = this.#pending.get(message.id);
    // Not there: it has waited too long and was settled.
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    if (message.rejection !== null) {
      pending.settle(rejected(message.rejection));
      return;
    }
    try {
      pending.settle({ ok: true, value: this.#options.answer.decode(message.value) });
    } catch (error) {
      pending.settle(
        rejected({ code: 'unavailable', message: 'The peer gave an answer that makes no sense.' }),
      );
      throw error;
    }
  }

  /** The link is gone. */
  close(): void {
    this.#isClosed = true;
    this.#stopLooking?.();
    for (const pending of this.#pending.values()) pending.settle(rejected(gone));
    this.#pending.clear();
  }

  /** All wait equally long, so the oldest are first. */
  #look(): void {
    const nowMs = this.#clock.nowMs();
    for (const [id, pending] of this.#pending) {
      if (pending.dueMs > nowMs) return;
      this.#pending.delete(id);
      (this.#options.meter ?? noWireMeter).count('calls-timed-out', 1);
      pending.settle(rejected({ code: 'unavailable', message: 'The peer did not answer in time.' }));
    }
  }
}

/** Answers a call by `handle`. An ask that is not what was declared is answered `invalid`; a fault is for `handle` to report. */
export async function answerCall<Q, A>(
  { ask, answer }: { ask: Codec<Q>; answer: Codec<A> },
  message: CallMessage,
  handle: (ask: Q) => Outcome<A> | Promise<Outcome<A>>,
): Promise<AnswerMessage> {
  const { id } = message;
  let asked: Q;
  try {
    asked = ask.decode(message.ask);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    const refusal: Rejection = { code: 'invalid', message: error.message.slice(0, messageMost) };
    return { kind: 'answer', id, value: null, rejection: refusal };
  }
  const outcome = await handle(asked);
  if (outcome.ok) return { kind: 'answer', id, value: answer.encode(outcome.value), rejection: null };
  const { code } = outcome.rejection;
  return {
    kind: 'answer',
    id,
    value: null,
    rejection: { code, message: outcome.rejection.message.slice(0, messageMost) },
  };
}

function rejected(refusal: Rejection): { ok: false; rejection: Rejection } {
  return { ok: false, rejection: refusal };
}

const gone: Rejection = {
  code: 'unavailable',
  message: 'The link is gone. What became of the request is not known.',
};
