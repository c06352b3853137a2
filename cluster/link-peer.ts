// A gateway or an operator's command line at the other end of a link, as the core sees it. Accepting links is link-server.ts's.
import type { WebSocket } from 'ws';
import type { Changed, Tick } from '../actors/messages.ts';
import type { Rejection } from '../runtime/behaviours.ts';
import type { Allowance } from './core-client.ts';
import type { LinkClock } from './link-clock.ts';
import { aboutBytes } from './link-frame.ts';
import { GivenLease, heartbeatMs, leaseMsOf, operatorSilenceMs } from './link-lease.ts';
import {
  answer,
  type CoreList,
  closeCode,
  fromCore,
  isBare,
  type LinkRole,
  type Serving,
  topicsMost,
} from './link-messages.ts';
import type { LinkMeter } from './link-meter.ts';
import { Outbox } from './link-outbox.ts';
import { Portions } from './link-portions.ts';
import { silenceMostMsOf } from './link-silence.ts';
import { postChanged, postTick } from './link-ticks.ts';

export interface LinkPeer {
  readonly name: string;
  readonly role: LinkRole;
  /** The machine it is on, as the manifest calls it; null: this one. */
  readonly machine: string | null;
  /** What it listens to; changes in place. */
  readonly topics: ReadonlySet<string>;
  readonly isOpen: boolean;
  /** Bytes sent and not yet taken by the machine's network. Hold back what can wait (catching up) when this is high. */
  readonly backlogBytes: number;
  /** It has not written yet what it was pushed before, though it works on it: what is pushed now would keep its answers waiting. */
  readonly isBehind: boolean;
  /** For how long it has written everything that it was pushed in whole portions; 0: it has not. */
  readonly idleMs: number;
  /** What is pushed to a peer that is gone goes nowhere. Do not change the bytes of an item afterwards: they are packed later. */
  pushTick(tick: Tick): void;
  sendChanged(changed: Changed): void;
  /** All partitions that this core answers for now: when the link has opened, and whenever that changes. */
  sendServing(serving: Serving): void;
  sendCores(list: CoreList): void;
  /**
   * Resolves when the peer has processed everything sent before, or when it is gone and surely uses no cache any more. Never
   * rejects. Operators hold no caches, but acknowledge like everybody.
   */
  fence(): Promise<void>;
  /** The peer's metrics as JSON values; null when it is gone or gives none within 2 s. */
  askMetrics(): Promise<unknown>;
  /** Ends the link. The peer comes back if it can. */
  close(reason: string): void;
}

const metricsWaitMs = 2000;
const closingWaitMs = 1000;
const messageMost = 2000;
/** Who has said nothing for as long, not even a ping, holds up nobody else: what is for it waits in its link. */
const workingMs = 2000;

export interface RemoteEnd {
  machine: string;
  publicKey: Uint8Array;
}

export interface PeerOptions {
  socket: WebSocket;
  name: string;
  role: LinkRole;
  /** Of another machine: its name and its key. */
  remote: RemoteEnd | null;
  introducedAtMs: number;
  /** Of the link. */
  protocol: number;
  clock: LinkClock;
  meter: LinkMeter;
  /** Called once, whoever ended the link. */
  gone(reason: string): void;
}

/** The peer as link-server.ts uses it. */
export class Peer implements LinkPeer {
  readonly name: string;
  readonly role: LinkRole;
  readonly machine: string | null;
  readonly remote: RemoteEnd | null;
  readonly topics = new Set<string>();
  readonly lease: GivenLease;
  readonly #leaseMs: number;
  isOpen = true;
  /** Requests that are being handled. */
  underWay = 0;
  readonly #options: PeerOptions;
  readonly #outbox: Outbox;
  readonly #portions: Portions;
  #fenceToSend: Fence | null = null;
  #fencesSent: Fence[] = [];
  #lastFence = 0;
  #metricsAsked = new Map<number, (json: string | null) => void>();
  #lastMetrics = 0;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.name = options.name;
    this.role = options.role;
    this.remote = options.remote;
    this.machine = options.remote?.machine ?? null;
    this.#leaseMs = leaseMsOf({ isOwn: options.remote === null, protocol: options.protocol });
    this.lease = new GivenLease(options.introducedAtMs, this.#leaseMs);
    this.#portions = new Portions({
      isOwn: options.remote === null,
      protocol: options.protocol,
      nowMs: options.clock.nowMs(),
    });
    this.#outbox = new Outbox({
      socket: options.socket,
      meter: options.meter,
      beforeFlush: () => this.#sendFence(),
      tooLarge: (message, bytes) => this.#tooLarge(message, bytes),
      overflow: (reason) => this.drop(reason, 'slow-peers'),
    });
  }

  get backlogBytes(): number {
    return this.#outbox.backlogBytes;
  }

  get isBehind(): boolean {
    if (!this.isOpen || !this.#portions.isBehind) return false;
    return this.lease.silentMs(this.#options.clock.nowMs()) < workingMs;
  }

  pushTick(tick: Tick): void {
    if (!this.isOpen) return;
    postTick(tick, (message, about) => {
      this.#outbox.post(message, about);
      const id = this.#portions.pushed(about);
      if (id !== null) this.#outbox.post(fromCore.encode({ kind: 'portion', id }), 0);
    });
  }

  get idleMs(): number {
    return this.#portions.idleMs(this.#options.clock.nowMs());
  }

  written(id: number): void {
    this.#portions.written(id, this.#options.clock.nowMs());
  }

  sendChanged(changed: Changed): void {
    if (this.isOpen) postChanged(changed, (message, about) => this.#outbox.post(message, about));
  }

  sendServing(told: Serving): void {
    if (this.isOpen)
      this.#outbox.post(fromCore.encode({ kind: 'serving', ...told }), 100 + 12 * told.terms.length);
  }

  sendCores(list: CoreList): void {
    if (this.isOpen)
      this.#outbox.post(fromCore.encode({ kind: 'cores', ...list }), 100 + 200 * list.cores.length);
  }

  sendLeaving(): void {
    if (this.isOpen) this.#outbox.post(fromCore.encode({ kind: 'leaving' }));
  }

  fence(): Promise<void> {
    if (!this.isOpen) return this.#untilLeaseIsOver();
    // One fence a flush serves all who ask for one in this turn: it goes behind everything, so it promises rather more.
    this.#fenceToSend ??= newFence(++this.#lastFence);
    this.#outbox.schedule();
    return this.#fenceToSend.passed;
  }

  askMetrics(): Promise<unknown> {
    if (!this.isOpen) return Promise.resolve(null);
    const id = ++this.#lastMetrics;
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(metricsWaitMs, () => this.tookMetrics(id, null));
      this.#metricsAsked.set(id, (json) => {
        cancel();
        resolve(json === null ? null : jsonOrNull(json));
      });
      this.#outbox.post(fromCore.encode({ kind: 'askMetrics', id }));
    });
  }

  close(reason: string): void {
    this.end(reason, closeCode.dropped);
  }

  answer(id: number, value: unknown, rejection: Rejection | null, allowance: Allowance | null): void {
    if (!this.isOpen) return;
    const bounded =
      rejection !== null && rejection.message.length > messageMost
        ? { code: rejection.code, message: rejection.message.slice(0, messageMost) }
        : rejection;
    this.#outbox.post(answer.encode({ id, value, rejection: bounded, allowance }), aboutBytes(value));
  }

  pong(ping: { id: number; confirmed: number }): void {
    this.lease.renew(this.#options.clock.nowMs(), ping);
    this.#outbox.post(fromCore.encode({ kind: 'pong', id: ping.id }));
  }

  listen(add: string[], remove: string[]): void {
    for (const topic of remove) this.topics.delete(topic);
    for (const topic of add) this.topics.add(topic);
    if (this.topics.size > topicsMost) this.end('it listens to too many topics', closeCode.dropped);
  }

  /** Everything up to this fence is processed. */
  fenced(id: number): void {
    while (true) {
      const first = this.#fencesSent[0];
      if (first === undefined || first.id > id) return;
      this.#fencesSent.shift();
      first.pass();
    }
  }

  tookMetrics(id: number, json: string | null): void {
    this.#metricsAsked.get(id)?.(json);
    this.#metricsAsked.delete(id);
  }

  /**
   * Gives the peer up when it is silent, or speaks but does not take in what it is sent: a fence would wait for it for ever.
   * (A gateway's lease has run out by then: the pong that would renew it is among what it has not taken.) A gateway that no fence waits for
   * is given more time: `link-silence.ts` says why. Called every so often.
   */
  check(nowMs: number): void {
    const isWaitedFor = this.#fencesSent.length > 0 || this.#fenceToSend !== null;
    const spareMs = this.role === 'gateway' && !isWaitedFor ? silenceMostMsOf(this.remote === null) : 0;
    const patienceMs = this.role === 'operator' ? operatorSilenceMs : this.#leaseMs + spareMs;
    const untakenMs = this.lease.untakenMs(nowMs);
    if (this.lease.silentMs(nowMs) > patienceMs) {
      this.drop(`nothing came from it for ${patienceMs} ms`, 'silent-peers');
    } else if (untakenMs > patienceMs + 2 * heartbeatMs) {
      this.drop(`it has not taken in what was sent ${untakenMs} ms ago`, 'slow-peers');
    }
  }

  /** Ends the link at once: no farewell would get through. */
  drop(reason: string, event: 'slow-peers' | 'silent-peers'): void {
    if (!this.isOpen) return;
    this.#options.meter.count(event, 1);
    this.#options.socket.terminate();
    this.gone(reason);
  }

  end(reason: string, code: number): void {
    if (!this.isOpen) return;
    const { socket, clock } = this.#options;
    this.#outbox.flush();
    if (!this.isOpen) return;
    socket.close(code, closeReason(reason));
    const cancel = clock.after(closingWaitMs, () => socket.terminate());
    socket.once('close', cancel);
    this.gone(reason);
  }

  /** The link has ended. What was asked of the peer is settled as its lease allows. */
  gone(reason: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#outbox.stop();
    for (const took of this.#metricsAsked.values()) took(null);
    this.#metricsAsked.clear();
    const open = this.#fenceToSend === null ? this.#fencesSent : [...this.#fencesSent, this.#fenceToSend];
    this.#fencesSent = [];
    this.#fenceToSend = null;
    if (open.length > 0) {
      void this.#untilLeaseIsOver().then(() => {
        for (const fence of open) fence.pass();
      });
    }
    this.#options.gone(reason);
  }

  #untilLeaseIsOver(): Promise<void> {
    if (this.role !== 'gateway') return Promise.resolve();
    const { clock } = this.#options;
    const waitMs = this.lease.surelyOverAtMs - clock.nowMs();
    if (waitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      clock.after(waitMs, resolve);
    });
  }

  #sendFence(): void {
    const fence = this.#fenceToSend;
    if (fence === null) return;
    this.#fenceToSend = null;
    this.#fencesSent.push(fence);
    this.#outbox.post(fromCore.encode({ kind: 'fence', id: fence.id }), 0);
  }

  #tooLarge(message: unknown, bytes: number): unknown {
    if (isBare(message)) {
      const rejection: Rejection = {
        code: 'invalid',
        message: `The answer is too large for a link: ${bytes} bytes.`,
      };
      return answer.encode({ ...answer.decode(message), value: null, rejection });
    }
    const sent = fromCore.decode(message);
    // A push that is left out would be a gap nobody knows of. The link ends instead, and sessions read up by their cursors.
    this.drop(`a ${sent.kind} of ${bytes} bytes is too large for a link`, 'slow-peers');
    return null;
  }
}

/** A close frame holds 123 bytes. */
export function closeReason(reason: string): string {
  return reason.replace(/[^ -~]/g, '?').slice(0, 120);
}

interface Fence {
  id: number;
  passed: Promise<void>;
  pass(): void;
}

function newFence(id: number): Fence {
  let pass = (): void => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { id, passed, pass };
}

function jsonOrNull(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
