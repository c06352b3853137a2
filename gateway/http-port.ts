// A gateway's place at a port that it shares: it listens, leaves accepting to others while it is full, comes back, and leaves for good.

import uWS, { type TemplatedApp, type us_listen_socket } from 'uWebSockets.js';
import type { Logger } from 'pino';
import {
  type Listener,
  listenersOn,
  othersBeside,
  ownListener,
  turnToLeave,
  untilNobodyWaits,
} from './http-listener.ts';
import type { HttpRoom } from './http-room.ts';

export interface HttpPortOptions {
  app: Pick<TemplatedApp, 'listen'>;
  room: HttpRoom;
  log: Pick<Logger, 'info' | 'error'>;
}

/** Whoever is full looks so often whether others listen. */
const lookMs = 200;
/** Another one leaves just now: its turn is over soon. */
const soonMs = 10;

export class HttpPort {
  readonly #options: HttpPortOptions;
  #host = '';
  #port = 0;
  #socket: us_listen_socket | null = null;
  /** As the system knows it; the last one while there is none. Null: it tells nothing, and this gateway stays. */
  #own: Listener | null = null;
  #isLeaving = false;
  #isGone = false;
  #timer: NodeJS.Timeout | null = null;
  /** What was said last in the log. */
  #said: 'listens' | 'leaves' | 'is the last' = 'listens';

  constructor(options: HttpPortOptions) {
    this.#options = options;
    options.room.events = { filled: () => this.#filled(), freed: () => this.#look() };
  }

  get isListening(): boolean {
    return this.#socket !== null;
  }

  /** Resolves with the port (useful when 0 was asked for); rejects when it cannot listen. */
  async listen(port: number, host: string): Promise<number> {
    this.#host = host;
    this.#port = port;
    if (!this.#open())
      throw new Error(
        `cannot listen on ${host}:${port}: the port is taken, or the address is not this machine's`,
      );
    return this.#port;
  }

  /** For good, when others listen: what has been accepted for it is taken first. */
  async leave(): Promise<void> {
    this.#isGone = true;
    this.#stopLooking();
    if (this.#socket !== null) await untilNobodyWaits(this.#own);
    this.#shut();
  }

  /** For good, at once. */
  close(): void {
    this.#isGone = true;
    this.#stopLooking();
    this.#shut();
  }

  #open(): boolean {
    const before = this.#port === 0 ? [] : listenersOn(this.#port);
    let isOpen = false;
    this.#options.app.listen(this.#host, this.#port, (socket) => {
      if (socket === false) return;
      isOpen = true;
      this.#socket = socket;
      this.#port = uWS.us_socket_local_port(socket);
    });
    if (!isOpen) return false;
    this.#own = ownListener(this.#port, before);
    this.#options.room.isLeaving = false;
    return true;
  }

  #shut(): void {
    if (this.#socket !== null) uWS.us_listen_socket_close(this.#socket);
    this.#socket = null;
  }

  #filled(): void {
    // While it is full it looks by the clock.
    if (this.#timer === null) this.#look();
  }

  /** Whether to be at the port, by what the room and the system say now. */
  #look(): void {
    const { room } = this.#options;
    this.#stopLooking();
    if (this.#isGone || this.#isLeaving) return;
    if (this.#socket === null) {
      if (room.isFree || this.#others() === 0) this.#comeBack();
      else this.#lookIn(lookMs);
    } else if (!room.isFull) this.#say('listens');
    else if (this.#others() > 0) void this.#makeWay();
    else {
      room.isLeaving = false;
      this.#say('is the last');
      this.#lookIn(lookMs);
    }
  }

  async #makeWay(): Promise<void> {
    const { room } = this.#options;
    const own = this.#own;
    if (own === null) return;
    this.#isLeaving = true;
    room.isLeaving = true;
    const turn = await turnToLeave(own);
    if (turn !== null) {
      // Only who ends can leave during this turn: that is looked at behind it, for here each moment lets somebody come who would be reset.
      const isOneOfMany = this.#others() > 0;
      if (isOneOfMany) await untilNobodyWaits(own);
      if (isOneOfMany && !this.#isGone && this.#socket !== null && room.isFull) {
        this.#shut();
        this.#say('leaves');
        // Who listened a moment ago may have ended.
        if (this.#others() === 0) this.#comeBack();
      }
      turn.end();
    }
    this.#isLeaving = false;
    if (turn === null && !this.#isGone) this.#lookIn(soonMs);
    else this.#look();
    if (this.#socket !== null && !room.isFull) room.isLeaving = false;
  }

  #comeBack(): void {
    if (this.#open()) this.#say('listens');
    else this.#options.log.error({ port: this.#port }, 'the gateway cannot listen again');
    if (this.#socket === null || this.#options.room.isFull) this.#lookIn(lookMs);
  }

  #others(): number {
    return this.#own === null ? 0 : othersBeside(this.#own);
  }

  #lookIn(ms: number): void {
    this.#stopLooking();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#look();
    }, ms);
    this.#timer.unref();
  }

  #stopLooking(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #say(what: 'listens' | 'leaves' | 'is the last'): void {
    if (this.#said === what) return;
    this.#said = what;
    const { open, limits } = this.#options.room;
    const said = {
      listens: 'the gateway has room again',
      leaves: 'the gateway is full: the others at its port take what comes',
      'is the last': 'the gateway is full, and nobody else listens at its port: what comes is refused',
    };
    this.#options.log.info({ open, most: limits.most }, said[what]);
  }
}
