// Accounts that a machine serves, probed from outside while it is killed: each writes and reads through another machine, and holds a socket there.
import { WebSocket } from 'ws';
import { z } from 'zod';
import { atEnd } from './cleanup.ts';

export interface Person {
  handle: string;
  token: string;
}

export interface Acknowledged {
  id: string;
  text: string;
  token: string;
}

const statusBody = z.object({ id: z.string() });
const homeBody = z.array(statusBody);
const answerWithinMs = 20_000;
const againMs = 20;

/** One request; null: no answer of 200 came. */
async function ask<T>(url: string, init: RequestInit, body: z.ZodType<T>): Promise<T | null> {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(answerWithinMs) });
    const said: unknown = await answer.json();
    return answer.status === 200 ? body.parse(said) : null;
  } catch {
    return null;
  }
}

/** Null: it was not acknowledged. Sending the same text again is the same post. */
export async function post(url: string, { token }: Person, text: string): Promise<Acknowledged | null> {
  const init = {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': text,
    },
    body: JSON.stringify({ status: text }),
  };
  const said = await ask(`${url}/api/v1/statuses`, init, statusBody);
  return said === null ? null : { id: said.id, text, token };
}

/** What the newest post in this home is, of those that are not newer than `id`; null: no answer, or none. */
export async function newestUpTo(
  url: string,
  { token }: Person,
  id: string,
): Promise<{ id: string | null } | null> {
  const query = `max_id=${BigInt(id) + 1n}&limit=1`;
  const init = { headers: { authorization: `Bearer ${token}` } };
  const home = await ask(`${url}/api/v1/timelines/home?${query}`, init, homeBody);
  return home === null ? null : { id: home[0]?.id ?? null };
}

/** Tries again and again; resolves with what came and when. Rejects after a minute. */
export async function untilGiven<T>(
  what: string,
  attempt: () => Promise<T | null>,
): Promise<{ value: T; atMs: number }> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const value = await attempt();
    if (value !== null) return { value, atMs: performance.now() };
    if (performance.now() > deadline) throw new Error(`${what}: not within a minute`);
    await new Promise((resolve) => setTimeout(resolve, againMs));
  }
}

/** A socket that notes which of a numbered series of posts came, and when first. */
export class Listener {
  /** By number: when it came first. */
  readonly cameAtMs = new Map<number, number>();
  isOutOfOrder = false;
  resyncs = 0;
  closed: string | null = null;
  readonly #socket: WebSocket;
  #highest = -1;

  private constructor(socket: WebSocket, series: string) {
    this.#socket = socket;
    const marker = new RegExp(`${series} n(\\d+)`);
    socket.on('message', (data) => this.#take(String(data), marker));
    socket.on('close', (code) => {
      this.closed ??= `code ${code}`;
    });
    socket.on('error', () => {});
    const takeBack = atEnd(() => socket.terminate());
    socket.once('close', takeBack);
  }

  /** Resolves when the socket is open. */
  static async open(url: string, { token }: Person, series: string): Promise<Listener> {
    const address = `${url.replace('http', 'ws')}/api/v1/streaming?stream=user`;
    const socket = new WebSocket(address, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    const listener = new Listener(socket, series);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    return listener;
  }

  /** When the first of those from `number` on came; undefined: none has. */
  firstSince(number: number): number | undefined {
    let first: number | undefined;
    for (const [came, atMs] of this.cameAtMs)
      if (came >= number && (first === undefined || atMs < first)) first = atMs;
    return first;
  }

  close(): void {
    this.closed ??= 'by the benchmark';
    this.#socket.terminate();
  }

  #take(frame: string, marker: RegExp): void {
    if (frame.includes('"event":"resync"')) this.resyncs++;
    const found = marker.exec(frame)?.[1];
    if (found === undefined) return;
    const number = Number(found);
    // What came before may come again; what is new comes in order.
    if (this.cameAtMs.has(number)) return;
    if (number < this.#highest) this.isOutOfOrder = true;
    this.#highest = Math.max(this.#highest, number);
    this.cameAtMs.set(number, performance.now());
  }
}
