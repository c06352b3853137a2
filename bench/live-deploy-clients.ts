// Sockets of `bench live-deploy`: each counts every post it should hear, when it came, and goes on from its cursor when it is sent away.
import { WebSocket } from 'ws';
import { percentileOf } from './figures.ts';
import { homePages } from './live-deploy-home.ts';

/** A post on its way: who has not heard it yet. */
interface Underway {
  dueMs: number;
  missing: Set<number>;
}

/** What the clients saw in a stretch of time. */
export interface Seen {
  deliveries: number;
  /** From when a post was due to be sent to when somebody heard it. */
  latencyMs: { p50: number; p99: number; max: number };
  /** The longest time without any delivery to any of them. */
  silenceMs: number;
  closed: number;
  resumed: number;
  /** Told once more to somebody who has been connected anew since it was told first: who resumes is to drop what it has. */
  again: number;
  /** Heard once more by the same connection, or by somebody who was not to hear it. */
  twice: number;
  /** How often a client was told to read its home anew, which it does: what it had not heard is delivered then. */
  anew: number;
}

const marker = /qz(\d+)x(\d+)x\d+zq/;
const markers = /qz(\d+)x(\d+)x\d+zq/g;
/** In place of the life that heard it: read in the home. */
const read = 0;
const cursorIn = /"cursor":"([^"]+)"/;
const connectAtOnce = 64;
const liveWithinMs = 120_000;
const lookMs = 50;
/** What did not come within that time comes no more: who attaches anew may wait for answers of other cores, which are given up after half a minute. */
const goneMs = 60_000;

interface Client {
  target: string;
  token: string;
  cursor: string;
  socket: WebSocket | null;
  /** How often it has been connected. */
  life: number;
  /** In a row, that failed. */
  attempts: number;
  /** By post, in which life it was heard last. */
  heard: Map<number, number>;
  /** Told to read anew, and has not begun to since. */
  isStale: boolean;
}

export interface LiveClientsOptions {
  /** One that was sent away is connected again. */
  resumed?(): void;
}

/** As a client does it that minds its server: the first time at once, then twice as long each time, never two in step. */
function againMs(attempt: number): number {
  return Math.min(2000, 50 * 2 ** attempt) * (0.5 + Math.random());
}

/** A connection that ended earlier counts as an attempt that failed. */
const stayedMs = 2000;

export class LiveClients {
  readonly #options: LiveClientsOptions;
  readonly #clients: Client[];
  readonly #underway = new Map<number, Underway>();
  /** All that were ever expected; and who heard what before that, for in a process of clients the order to expect a post may be read after the post. */
  readonly #expected = new Set<number>();
  readonly #early = new Map<number, Set<number>>();
  readonly wrong: string[] = [];
  /** Otherwise it is wrong that anybody is told to. */
  mayReadAnew = false;
  #toldAgain = 0;
  #heardTwice = 0;
  #toldAnew = 0;
  #latencies: number[] = [];
  #lastMs = performance.now();
  #silenceMs = 0;
  #closed = 0;
  #resumed = 0;
  #isOver = false;

  constructor(targets: readonly string[], tokens: readonly string[], options: LiveClientsOptions = {}) {
    this.#options = options;
    this.#clients = tokens.map((token, user) => ({
      target: targets[user % targets.length] ?? '',
      token,
      cursor: '',
      socket: null,
      life: 0,
      attempts: 0,
      heard: new Map(),
      isStale: false,
    }));
  }

  /** Connected now. */
  get openNow(): number {
    return this.#clients.filter(({ socket }) => socket?.readyState === WebSocket.OPEN).length;
  }

  /**
   * Resolves when all are connected and each has been told where it stands: a stream is live only then, and who is sent away before that has nothing
   * to go on from.
   */
  async open(): Promise<void> {
    const waiting = [...this.#clients.entries()].reverse();
    const opener = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await this.#open(...next);
    };
    await Promise.all(Array.from({ length: connectAtOnce }, opener));
    const untilMs = performance.now() + liveWithinMs;
    for (;;) {
      const waits = this.#clients.filter(({ cursor }) => cursor === '').length;
      if (waits === 0) return;
      if (performance.now() > untilMs)
        throw new Error(`${waits} sockets were not told where they stand within ${liveWithinMs / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  #open(user: number, client: Client): Promise<void> {
    const query = `stream=user&access_token=${client.token}&since=${client.cursor}`;
    const socket = new WebSocket(`ws://${client.target}/api/v1/streaming?${query}`, {
      perMessageDeflate: false,
    });
    client.socket = socket;
    client.life++;
    socket.on('message', (data: Buffer) => this.#heard(user, client, data.toString('latin1')));
    return new Promise((resolve, reject) => {
      let isOpen = false;
      let sinceMs = 0;
      socket.on('open', () => {
        isOpen = true;
        sinceMs = performance.now();
        resolve();
      });
      socket.on('error', (error) => (isOpen ? undefined : reject(error)));
      socket.on('close', () => {
        if (this.#isOver || !isOpen) return;
        this.#closed++;
        if (performance.now() - sinceMs > stayedMs) client.attempts = 0;
        else client.attempts++;
        this.#again(user, client);
      });
    });
  }

  #again(user: number, client: Client): void {
    if (client.attempts === 0) this.#resume(user, client);
    else setTimeout(() => this.#resume(user, client), againMs(client.attempts - 1));
  }

  #resume(user: number, client: Client): void {
    if (this.#isOver) return;
    this.#open(user, client).then(
      () => {
        this.#resumed++;
        this.#options.resumed?.();
      },
      () => {
        client.attempts++;
        this.#again(user, client);
      },
    );
  }

  #heard(user: number, client: Client, frame: string): void {
    const cursor = cursorIn.exec(frame)?.[1];
    if (cursor !== undefined) client.cursor = cursor;
    const found = marker.exec(frame);
    if (found === null) {
      if (frame.includes('"resync"')) this.#readAnew(user, client);
      return;
    }
    const nowMs = performance.now();
    this.#silenceMs = Math.max(this.#silenceMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    const key = keyOf(Number(found[1]), Number(found[2]));
    if (this.#hadBefore(client, key)) return;
    if (!this.#expected.has(key)) {
      const early = this.#early.get(key) ?? new Set();
      this.#early.set(key, early);
      early.add(user);
      return;
    }
    const post = this.#underway.get(key);
    if (post === undefined || !post.missing.delete(user)) {
      this.#heardTwice++;
      return;
    }
    this.#latencies.push(nowMs - post.dueMs);
    if (post.missing.size === 0) this.#underway.delete(key);
  }

  #readAnew(user: number, client: Client): void {
    this.#toldAnew++;
    if (!this.mayReadAnew) this.wrong.push(`client ${user} was told to read anew`);
    const isUnderWay = client.isStale;
    client.isStale = true;
    if (!isUnderWay) void this.#readHome(user, client);
  }

  /** Until it was answered, and nobody has told it to read once more meanwhile. */
  async #readHome(user: number, client: Client): Promise<void> {
    for (let attempt = 0; client.isStale && !this.#isOver; attempt++) {
      client.isStale = false;
      try {
        for await (const page of homePages(client)) {
          const keys = [...page.matchAll(markers)].map((found) => keyOf(Number(found[1]), Number(found[2])));
          if (!keys.map((key) => this.#found(user, client, key)).includes(true)) break;
        }
      } catch {
        // It is asked again until it answers: what it lacks then is said at the end.
        client.isStale = true;
        await new Promise((resolve) => setTimeout(resolve, againMs(attempt)));
      }
    }
  }

  /** True: the client had not heard it. */
  #found(user: number, { heard }: Client, key: number): boolean {
    const post = this.#underway.get(key);
    if (post === undefined || !post.missing.delete(user)) return false;
    // A stream may tell of it still.
    heard.set(key, read);
    const nowMs = performance.now();
    this.#lastMs = nowMs;
    this.#latencies.push(nowMs - post.dueMs);
    if (post.missing.size === 0) this.#underway.delete(key);
    return true;
  }

  #hadBefore({ life, heard }: Client, key: number): boolean {
    const before = heard.get(key);
    heard.set(key, life);
    if (before === undefined) return false;
    if (before === life) this.#heardTwice++;
    else this.#toldAgain++;
    return true;
  }

  /** To be called before it is sent. */
  expect(author: number, seq: number, receivers: Iterable<number>): void {
    const key = keyOf(author, seq);
    const missing = new Set(receivers);
    this.#expected.add(key);
    for (const user of this.#early.get(key) ?? []) {
      if (!missing.delete(user)) this.#heardTwice++;
      // It came before it could be asked when it was due.
      else this.#latencies.push(0);
    }
    this.#early.delete(key);
    if (missing.size > 0) this.#underway.set(key, { dueMs: performance.now(), missing });
  }

  /** What was seen since this was called last. */
  take(): Seen {
    const all = this.#latencies;
    const at = (share: number): number => percentileOf(all, share);
    const seen: Seen = {
      deliveries: all.length,
      latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
      silenceMs: this.#silenceMs,
      closed: this.#closed,
      resumed: this.#resumed,
      again: this.#toldAgain,
      twice: this.#heardTwice,
      anew: this.#toldAnew,
    };
    this.#toldAnew = 0;
    this.#toldAgain = 0;
    this.#heardTwice = 0;
    this.#latencies = [];
    this.#silenceMs = 0;
    this.#closed = 0;
    this.#resumed = 0;
    return seen;
  }

  /** Resolves when all posts have been heard by all, or nobody heard any for so long: then it is said what is missing. */
  async settled(name: string, quietMs = goneMs): Promise<void> {
    const fromMs = performance.now();
    while (this.#underway.size > 0 && performance.now() - Math.max(fromMs, this.#lastMs) < quietMs)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const missing = [...this.#underway.values()].flatMap((post) => [...post.missing]);
    if (missing.length > 0) {
      const users = [...new Set(missing)];
      this.wrong.push(
        `${name}: ${missing.length} deliveries of ${this.#underway.size} posts never came, to ${users.length} clients: ${users.slice(0, 10).join(', ')}`,
      );
    }
    this.#underway.clear();
  }

  close(): void {
    this.#isOver = true;
    for (const { socket } of this.#clients) socket?.terminate();
  }
}

function keyOf(author: number, seq: number): number {
  return author * 2 ** 24 + seq;
}
