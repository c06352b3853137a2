// The room of a gateway for connections: how many sockets are open, and what may still come. Whether it listens is http-port.ts's part.
import type { ConnectionRoom } from '../runtime/connection-room.ts';

/** What was refused: `silent` is a socket that was closed before it had asked for anything. */
export const refusedKinds = ['websocket', 'server-sent-events', 'request', 'silent'] as const;
export type RefusedKind = (typeof refusedKinds)[number];

export interface RoomEvents {
  /** One more than there is room for would not be held. */
  filled(): void;
  /** There is room again: more than for one, so that a listener does not open and close with each. */
  freed(): void;
}

/** Of the seconds after which asking again is worth it: the first, and how many. Not all come at once. */
const retryAfterS = { from: 5, values: 11 };

export class HttpRoom {
  readonly limits: ConnectionRoom;
  /**
   * Others take what comes: what waited here is held, too. Otherwise this gateway is the last at its port, and holds exactly what it may.
   */
  isLeaving = false;
  events: RoomEvents = { filled() {}, freed() {} };
  readonly refused: Record<RefusedKind, number> = {
    websocket: 0,
    'server-sent-events': 0,
    request: 0,
    silent: 0,
  };
  #open = 0;
  #streams = 0;
  #answered = 0;

  constructor(limits: ConnectionRoom) {
    this.limits = limits;
  }

  /** Open sockets: streams, requests, and those that say nothing. */
  get open(): number {
    return this.#open;
  }

  get isFull(): boolean {
    return this.#open >= this.limits.most;
  }

  /** A hundredth of all is free. */
  get isFree(): boolean {
    const { most } = this.limits;
    return this.#open <= most - Math.ceil(most / 100);
  }

  /** From here on no connection is kept for a next request: uWebSockets.js ends those that are idle after 10 s, and no new ones become so. */
  get isShort(): boolean {
    return this.#open > this.limits.most - (this.limits.most >> 3);
  }

  /** A socket has opened, and is counted. False: not even for a refusal is there room. */
  opened(): boolean {
    this.#open++;
    const { most, passing, refused } = this.limits;
    if (this.#open >= most) this.events.filled();
    if (this.#open <= most + passing + refused) return true;
    this.refused.silent++;
    return false;
  }

  closed(): void {
    const wasFree = this.isFree;
    this.#open--;
    if (!wasFree && this.isFree) this.events.freed();
  }

  /**
   * Whether a stream may begin now on a socket that is open already. Idle connections do not keep one out: they end soon, and until then they
   * have the room for what passes. One that may not is counted as refused.
   */
  takesStream(kind: 'websocket' | 'server-sent-events'): boolean {
    const { most, passing } = this.limits;
    const isHeld = this.#streams < (this.isLeaving ? most + passing : most);
    if (isHeld && this.#open <= most + passing) return true;
    this.refused[kind]++;
    return false;
  }

  /** Right after `takesStream`: nothing may come between. */
  streamOpened(): void {
    this.#streams++;
  }

  streamClosed(): void {
    this.#streams--;
  }

  /** Whether a request may be answered: so may those of sessions that are held, for their connections end with the answer. */
  takesRequest(): boolean {
    const { most, passing } = this.limits;
    if (this.#open <= most + passing) return true;
    this.refused.request++;
    return false;
  }

  /** For whoever is refused: in seconds. */
  retryAfter(): string {
    this.#answered = (this.#answered + 1) % retryAfterS.values;
    return String(retryAfterS.from + this.#answered);
  }
}
