// Posts of `bench live-deploy`: at a steady rate, each asked for again under its own key until it is acknowledged.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { LiveClients } from './live-deploy-clients.ts';
import { postText } from './posts.ts';
import type { Random } from './random.ts';

export interface LivePostsOptions {
  targets: readonly string[];
  tokens: readonly string[];
  texts: readonly string[];
  rate: number;
  random: Random;
  clients: Pick<LiveClients, 'expect'>;
  /** The first so many write nothing. */
  silent: number;
  receiversOf(author: number): Iterable<number>;
}

/** After the first refusal; doubled after each other, as well-behaved clients do. */
const againMs = 50;
const againMostMs = 2000;
const answerMs = 10_000;
const tickMs = 20;

export class LivePosts {
  readonly #options: LivePostsOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 128 });
  readonly #seqs = new Map<number, number>();
  readonly #underway = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;
  posted = 0;
  /** Asked again, because the answer was none or a refusal for now. */
  repeated = 0;

  constructor(options: LivePostsOptions) {
    this.#options = options;
  }

  /** At the whole rate after so long, from a tenth of it: processes that have just started are slow. */
  start(rampMs: number): void {
    const { rate, tokens, random, silent, receiversOf } = this.#options;
    const startMs = performance.now();
    let dueMs = startMs;
    const gapMs = (): number => 1000 / (rate * Math.min(1, 0.1 + (0.9 * (dueMs - startMs)) / rampMs));
    this.#timer = setInterval(() => {
      for (; dueMs < performance.now(); dueMs += gapMs()) {
        const author = silent + random.below(tokens.length - silent);
        this.post(author, receiversOf(author));
      }
    }, tickMs);
  }

  /** Also of one who is silent otherwise. */
  post(author: number, receivers: Iterable<number>): void {
    const { texts, clients } = this.#options;
    const seq = this.#seqs.get(author) ?? 0;
    this.#seqs.set(author, seq + 1);
    clients.expect(author, seq, receivers);
    const body = JSON.stringify({ status: postText(texts, { author, seq }, '0000000000000000') });
    const posting = this.#untilTaken(author, body, randomUUID());
    this.#underway.add(posting);
    void posting.finally(() => this.#underway.delete(posting));
  }

  /** Resolves when all that were begun are acknowledged. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await Promise.all(this.#underway);
  }

  async #untilTaken(author: number, body: string, key: string): Promise<void> {
    const { targets } = this.#options;
    for (let attempt = 0; ; attempt++) {
      const target = targets[(author + attempt) % targets.length] ?? '';
      const status = await this.#ask(target, author, body, key).catch(() => 0);
      if (status === 200) break;
      if (![0, 408, 409, 429, 500, 502, 503, 504].includes(status))
        throw new Error(`a post was answered with ${status}`);
      this.repeated++;
      const waitMs = Math.min(againMostMs, againMs * 2 ** Math.min(attempt, 10));
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    this.posted++;
  }

  #ask(target: string, author: number, body: string, key: string): Promise<number> {
    const headers = {
      authorization: `Bearer ${this.#options.tokens[author]}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'idempotency-key': key,
    };
    return new Promise((resolve, reject) => {
      const asked = request(
        `http://${target}/api/v1/statuses`,
        { method: 'POST', headers, agent: this.#agent, timeout: answerMs },
        (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode ?? 0));
          answer.on('error', reject);
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', reject);
      asked.end(body);
    });
  }
}
