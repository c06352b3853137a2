// A client that listens to its stream: comes back with its cursor, each time at another gateway, whenever its socket ends or it feels like it.
import WebSocket from 'ws';
import type { Random } from '../simulation/random.ts';
import { type Account, fieldOf, type Gateway, shownOf, textIn } from './asking.ts';
import { type ClientRecord, nowMs, type Streamed } from './record.ts';

export interface ListenerOptions {
  account: Account;
  gateways: readonly Gateway[];
  record: ClientRecord;
  random: Random;
  /** Of all sockets of the run. */
  nextSocket(): number;
}

/** A handshake that takes longer is given up, as browsers do. */
const openWithinMs = 10_000;
/** How long it stays at one gateway by itself. */
const staysMs = { least: 4_000, most: 15_000 };

export class Listener {
  readonly handle: string;
  /** The posts it has been sent. */
  readonly received = new Set<string>();
  resumes = 0;
  resyncs = 0;
  readonly #options: ListenerOptions;
  #cursor = '';
  #socket: WebSocket | null = null;
  #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;
  #hops = true;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.handle = options.account.handle;
    this.#connect();
  }

  get hasStarted(): boolean {
    return this.#cursor !== '';
  }

  /** From now on it stays where it is, as long as its socket does. */
  settle(): void {
    this.#hops = false;
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#socket?.terminate();
  }

  #connect(): void {
    if (this.#isClosed) return;
    const { account, gateways, random, nextSocket } = this.#options;
    const gateway = random.pick(gateways);
    const number = nextSocket();
    const note = (event: Streamed['event']): void => {
      const { record } = this.#options;
      const who = account.handle;
      record.add({ kind: 'streamed', atMs: nowMs(), who, via: gateway.name, socket: number, event });
    };
    const since = this.#cursor;
    note({ kind: 'opening', since });
    const url = `${gateway.url.replace('http', 'ws')}/api/v1/streaming?stream=user&since=${since}`;
    const socket = new WebSocket(url, {
      headers: { authorization: `Bearer ${account.token}` },
      perMessageDeflate: false,
      handshakeTimeout: openWithinMs,
    });
    this.#socket = socket;
    let why = '';
    socket.on('message', (data) => this.#take(JSON.parse(String(data)), note));
    socket.on('open', () => {
      if (since !== '') this.resumes++;
      this.#later(random.between(staysMs.least, staysMs.most), () => {
        if (this.#hops) socket.terminate();
      });
    });
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.once('close', (code, reason) => {
      if (this.#isClosed) return;
      note({ kind: 'closed', code, reason: why || reason.toString() });
      this.#later(random.between(20, 300), () => this.#connect());
    });
  }

  #take(frame: unknown, note: (event: Streamed['event']) => void): void {
    const cursor = fieldOf(frame, 'cursor');
    const name = textIn(frame, 'event');
    switch (name) {
      case 'cursor':
        note({ kind: 'start' });
        break;
      case 'update': {
        const shown = this.#options.record.shown(shownOf(JSON.parse(textIn(frame, 'payload'))));
        this.received.add(shown.id);
        note({ kind: 'update', shown });
        break;
      }
      case 'delete':
        note({ kind: 'deleted', id: textIn(frame, 'payload') });
        break;
      case 'resync':
        this.resyncs++;
        note({ kind: 'resync' });
        break;
      default:
        note({ kind: 'other', name });
    }
    if (typeof cursor === 'string') this.#cursor = cursor;
  }

  #later(afterMs: number, does: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#isClosed) does();
    }, afterMs);
    this.#timers.add(timer);
  }
}
