// One connection to a core, from handshake to end: calls, pushes in their order, the lease. Coming back is link-client.ts's.
import { type RawData, WebSocket } from 'ws';
import type { Changed, Pushed, Tick } from '../actors/messages.ts';
import { MalformedError } from '../runtime/codec.ts';
import type { LinkClock } from './link-clock.ts';
import { handshakeMs, type Knocked } from './link-door.ts';
import { aboutBytes, unpackMessages } from './link-frame.ts';
import { Introducing } from './link-introducing.ts';
import { HeldLease, heartbeatMs, leaseMsOf, operatorSilenceMs } from './link-lease.ts';
import {
  type AnswerMessage,
  answer,
  type CoreList,
  call,
  closeCode,
  type FromCore,
  fromCore,
  isBare,
  type LinkRole,
  metricsMost,
  type Serving,
  toCore,
  topicsAtOnce,
} from './link-messages.ts';
import type { LinkMeter } from './link-meter.ts';
import { backlogSoftBytes, Outbox } from './link-outbox.ts';
import type { SomePendingCall } from './link-pending.ts';
import { LinkSilence, silenceMostMsOf } from './link-silence.ts';

export interface ConnectionOptions {
  knocked: Knocked;
  name: string;
  role: LinkRole;
  clock: LinkClock;
  meter: LinkMeter;
  /** Both sides have proved themselves. */
  opened(): void;
  tick(tick: Tick): void;
  changed(changed: Changed): void;
  serving(serving: Serving): void;
  cores(list: CoreList): void;
  /** `written` is to be called when the sockets have everything of the ticks before. */
  portion(written: () => void): void;
  metrics(): Promise<unknown>;
  /** The core's answer to this kind of request was not what was declared. */
  malformedAnswer(kind: string): void;
  /** Called once, last. Pending calls are settled already. `wasOpen`: between `opened` and now caches were in use. */
  closed(reason: string, wasOpen: boolean): void;
}

const closingWaitMs = 1000;
const pendingMost = 20_000;
const tickItemsMost = 100_000;

export class LinkConnection {
  readonly #options: ConnectionOptions;
  readonly #socket: WebSocket;
  readonly #outbox: Outbox;
  #state: 'greeting' | 'open' | 'closed' = 'greeting';
  readonly #introducing: Introducing;
  #lease: HeldLease | null = null;
  #silence: LinkSilence | null = null;
  /** The core takes no more requests, and this end says goodbye when those are answered that it took. */
  #isLeaving = false;
  readonly #pending = new Map<number, SomePendingCall>();
  #lastCall = 0;
  #wanted: ReadonlySet<string> = new Set();
  #isWantedNew = false;
  readonly #told = new Set<string>();
  /** Items of a tick whose end has not come yet. */
  #tickItems: Pushed[] = [];
  /** Messages that wait for the continuations of answers before them. */
  #inbox: unknown[] = [];
  #inboxAt = 0;
  #isSettling = false;
  readonly #stops: (() => void)[] = [];
  /** The socket is closed: nothing of this connection is left. */
  readonly gone: Promise<void>;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { clock, knocked, name, role } = options;
    const { socket } = knocked;
    this.#introducing = new Introducing({ key: knocked.key, name, role });
    this.#socket = socket;
    this.#outbox = new Outbox({
      socket,
      meter: options.meter,
      beforeFlush: () => this.#sendTopics(),
      tooLarge: (message, bytes) => this.#tooLarge(message, bytes),
      overflow: (reason) => this.end(reason),
    });
    this.#stops.push(clock.after(handshakeMs, () => this.#checkGreeting()));
    this.gone = new Promise((resolve) => {
      socket.once('close', () => resolve());
    });
    let fault = '';
    socket.on('error', (error) => {
      fault = error.message;
    });
    socket.on('message', (data, isBinary) => this.#take(data, isBinary));
    socket.on('close', (code, reason) => {
      this.end(
        reason.length > 0 ? `${reason.toString()} (${code})` : fault || `the core closed the link (${code})`,
      );
    });
  }

  /** Open, and the lease holds by the clock of now. */
  isUpAt(nowMs: number): boolean {
    return this.#state === 'open' && this.#lease !== null && this.#lease.holds(nowMs);
  }

  /** The same, and the core takes requests. */
  takesCallsAt(nowMs: number): boolean {
    return !this.#isLeaving && this.isUpAt(nowMs);
  }

  /** The core knows of this link and takes requests, though it may have said nothing for long. */
  get isOpen(): boolean {
    return !this.#isLeaving && this.#state === 'open';
  }

  /** When the lease is over, or was; -Infinity before there is one. */
  get leaseEndsAtMs(): number {
    return this.#lease?.endsAtMs ?? Number.NEGATIVE_INFINITY;
  }

  call(pending: SomePendingCall): void {
    if (this.#pending.size >= pendingMost || this.#outbox.backlogBytes > backlogSoftBytes) {
      this.#options.meter.count('busy', 1);
      pending.reject({ code: 'busy', message: 'Too much is under way. Try again.' }, null);
      return;
    }
    const id = ++this.#lastCall;
    this.#pending.set(id, pending);
    this.#outbox.post(
      call.encode({ id, request: pending.kind, ask: pending.ask, limitKey: pending.limitKey }),
      aboutBytes(pending.ask),
    );
  }

  /** Tells the core, at the end of this turn, how this differs from what it was told before. */
  listen(topics: ReadonlySet<string>): void {
    this.#wanted = topics;
    this.#isWantedNew = true;
    if (this.#state === 'open') this.#outbox.schedule();
  }

  /** Settles calls that have waited too long. Called every so often; callers wait equally long, so the oldest are first. */
  expire(nowMs: number): void {
    for (const [id, pending] of this.#pending) {
      if (pending.dueMs > nowMs) return;
      this.#pending.delete(id);
      this.#options.meter.count('calls-timed-out', 1);
      pending.reject({ code: 'unavailable', message: 'The core did not answer in time.' }, null);
    }
  }

  /** Ends the connection. Caches are dropped by `closed` before the core hears the goodbye. Does nothing the second time. */
  end(reason: string): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    this.#inbox = [];
    this.#tickItems = [];
    for (const stop of this.#stops) stop();
    // What awaits an answer that came in this turn may still put it into a cache: dropping the caches comes after that.
    if (this.#isSettling) setImmediate(() => this.#finish(reason, wasOpen));
    else this.#finish(reason, wasOpen);
  }

  #finish(reason: string, wasOpen: boolean): void {
    for (const pending of this.#pending.values()) {
      pending.reject(
        {
          code: 'unavailable',
          message: 'The link to the core is gone. What became of the request is not known.',
        },
        null,
        { isLost: true },
      );
    }
    this.#pending.clear();
    this.#options.closed(reason, wasOpen);
    if (wasOpen) {
      this.#outbox.post(toCore.encode({ kind: 'goodbye' }));
      this.#outbox.flush();
    }
    this.#outbox.stop();
    const socket = this.#socket;
    if (socket.readyState === WebSocket.CLOSED) return;
    const cancel = this.#options.clock.after(closingWaitMs, () => socket.terminate());
    socket.once('close', cancel);
    socket.close(closeCode.goodbye);
  }

  #take(data: RawData, isBinary: boolean): void {
    if (this.#state === 'closed') return;
    try {
      if (!isBinary || !Buffer.isBuffer(data)) throw new MalformedError('', 'bytes');
      if (this.#state === 'greeting') {
        this.#greet(data);
        return;
      }
      const nowMs = this.#options.clock.nowMs();
      const isUp = this.isUpAt(nowMs);
      if (!isUp && !this.#silence?.mayLast(nowMs, data.length)) {
        this.#leaseIsOver();
        return;
      }
      const messages = unpackMessages(data);
      const { meter } = this.#options;
      meter.count('frames-in', 1);
      meter.count('bytes-in', data.length);
      meter.count('messages-in', messages.length);
      if (this.#inbox.length === 0) {
        this.#inbox = messages;
        this.#inboxAt = 0;
      } else {
        for (const message of messages) this.#inbox.push(message);
      }
      if (!isUp) {
        if (!this.#silence?.isEndedBy(messages, nowMs)) return;
        meter.count('links-revived', 1);
      }
      this.#drain();
    } catch (error) {
      this.#malformed(error);
    }
  }

  #malformed(error: unknown): void {
    if (!(error instanceof MalformedError)) throw error;
    this.#options.meter.count('malformed-frames', 1);
    this.end(`malformed frame from the core: ${error.message}`);
  }

  #greet(frame: Uint8Array): void {
    const { clock, role, knocked } = this.#options;
    const step = this.#introducing.take(frame, clock.nowMs());
    switch (step.kind) {
      case 'send':
        this.#socket.send(step.frame);
        return;
      case 'refuse':
        this.#options.meter.count('handshakes-refused', 1);
        this.end(step.reason);
        return;
      case 'open': {
        const { introducedAtMs, protocol } = step;
        const lastsMs =
          role === 'operator' ? operatorSilenceMs : leaseMsOf({ isOwn: knocked.isOwn, protocol });
        this.#state = 'open';
        this.#lease = new HeldLease(introducedAtMs, lastsMs);
        this.#silence = new LinkSilence(this.#lease, role === 'gateway' ? silenceMostMsOf(knocked.isOwn) : 0);
        this.#stops.push(clock.every(heartbeatMs, () => this.#beat()));
        if (this.#isWantedNew) this.#outbox.schedule();
        this.#options.meter.count('links-opened', 1);
        this.#options.opened();
        return;
      }
    }
  }

  #beat(): void {
    const nowMs = this.#options.clock.nowMs();
    const lease = this.#lease;
    if (lease === null || !this.#silence?.mayLast(nowMs)) this.#leaseIsOver();
    else
      this.#outbox.post(toCore.encode({ kind: 'ping', id: lease.ping(nowMs), confirmed: lease.confirmed }));
  }

  #leaseIsOver(): void {
    this.#options.meter.count('silent-peers', 1);
    this.end('the core has confirmed nothing for the time of a lease');
  }

  /**
   * In the order sent, and so that order means something to who awaits: what was waiting for an answer goes on, up to its next
   * wait for something outside, before anything that the core sent after the answer is processed. Otherwise a row in an answer
   * could enter a cache after the change that makes it stale.
   */
  #drain(): void {
    while (this.#inboxAt < this.#inbox.length) {
      const message = this.#inbox[this.#inboxAt];
      const isAnswer = isBare(message);
      if (this.#isSettling && !isAnswer) return;
      this.#inboxAt++;
      if (isAnswer) this.#answer(answer.decode(message));
      else this.#receive(fromCore.decode(message));
    }
    this.#inbox = [];
    this.#inboxAt = 0;
  }

  #settling(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    setImmediate(() => {
      this.#isSettling = false;
      if (this.#state === 'open' && !this.isUpAt(this.#options.clock.nowMs())) return;
      try {
        this.#drain();
      } catch (error) {
        this.#malformed(error);
      }
    });
  }

  #receive(message: FromCore): void {
    switch (message.kind) {
      case 'tickPart':
        for (const item of message.items) this.#tickItems.push(item);
        if (this.#tickItems.length > tickItemsMost)
          throw new MalformedError('tickPart', 'the end of the tick');
        return;
      case 'tick': {
        const before = this.#tickItems;
        this.#tickItems = [];
        this.#options.tick({
          items: before.length === 0 ? message.items : before.concat(message.items),
          cursor: message.cursor,
        });
        return;
      }
      case 'changed':
        this.#options.changed(message);
        return;
      case 'serving':
        this.#options.serving(message);
        return;
      case 'cores':
        this.#options.cores(message);
        return;
      case 'fence':
        this.#outbox.post(toCore.encode({ kind: 'fenced', id: message.id }));
        return;
      case 'portion':
        this.#options.portion(() => {
          if (this.#state === 'open') this.#outbox.post(toCore.encode({ kind: 'written', id: message.id }));
        });
        return;
      case 'pong':
        this.#lease?.confirm(message.id);
        return;
      case 'askMetrics':
        void this.#tellMetrics(message.id);
        return;
      case 'leaving':
        this.#isLeaving = true;
        this.#leave();
        return;
    }
  }

  #answer(message: AnswerMessage): void {
    const pending = this.#pending.get(message.id);
    // Not there: it has waited too long and was settled.
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    this.#settling();
    if (message.rejection !== null) {
      pending.reject(message.rejection, message.allowance);
    } else if (!pending.answer(message.value, message.allowance)) {
      this.#options.meter.count('malformed-answers', 1);
      this.#options.malformedAnswer(pending.kind);
    }
    this.#leave();
  }

  /** Caches are of use to the last: what is answered now may yet go into them, and all are dropped at the end. */
  #leave(): void {
    if (this.#isLeaving && this.#pending.size === 0) this.end('the core is going away');
  }

  async #tellMetrics(id: number): Promise<void> {
    let json: string | null = null;
    try {
      json = JSON.stringify(await this.#options.metrics());
    } catch {
      // The core reports this process without metrics.
    }
    if (json === undefined || (json !== null && json.length > metricsMost)) json = null;
    this.#outbox.post(toCore.encode({ kind: 'metrics', id, json }), json?.length ?? 0);
  }

  #sendTopics(): void {
    if (!this.#isWantedNew || this.#state !== 'open') return;
    this.#isWantedNew = false;
    const remove = [...this.#told].filter((topic) => !this.#wanted.has(topic));
    const add = [...this.#wanted].filter((topic) => !this.#told.has(topic));
    for (const topic of remove) this.#told.delete(topic);
    for (const topic of add) this.#told.add(topic);
    for (let from = 0; from < Math.max(remove.length, add.length); from += topicsAtOnce) {
      const to = from + topicsAtOnce;
      const part = { add: add.slice(from, to), remove: remove.slice(from, to) };
      this.#outbox.post(
        toCore.encode({ kind: 'listen', ...part }),
        (part.add.length + part.remove.length) * 40,
      );
    }
  }

  /** What no frame can hold. Only a request can be that: all else this end sends is bounded. */
  #tooLarge(message: unknown, bytes: number): unknown {
    if (isBare(message)) {
      const { id } = call.decode(message);
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      pending?.reject(
        { code: 'invalid', message: `The request is too large for a link: ${bytes} bytes.` },
        null,
      );
    }
    return null;
  }

  #checkGreeting(): void {
    if (this.#state === 'greeting') this.end('no core answered there in time');
  }
}
