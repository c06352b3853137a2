// What a gateway (or the command line) sees of a core: requests with answers, and what the core pushes. The link behind it is link-client.ts's.
import type { Answer, Ask, Changed, RequestKind, Tick } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import type { CoreList, Serving } from './link-messages.ts';

/** How a request was counted: for the X-RateLimit headers. */
export interface Allowance {
  limit: number;
  remaining: number;
  resetMs: number;
}

/** Whom a request counts for (a token's id), and whose limit is `limit-key`'s bucket. Without it a request is not counted. */
export interface Counted {
  limitKey: string;
}

export type Answered<K extends RequestKind> = Outcome<Answer<K>> & {
  allowance?: Allowance;
  /** The link broke before the answer came: what became of the request is not known. */
  isLost?: true;
  /** Which of several cores has answered: its node. */
  core?: number;
};

export interface CoreEvents {
  /** One tick's pushes, in order. */
  tick(tick: Tick): void;
  /** Rows or tokens changed: drop what is cached of them now. Acknowledged to the core when this returns. */
  changed(changed: Changed): void;
  /** The core can be reached (again): attach every session again, with its cursor. Caches are empty: nothing was told in between. */
  up(): void;
  /** The link is gone, and with it what the core knew of it. (Caches must not be used from the end of its lease on: `isUp`, `covered`.) */
  down(reason: string): void;
  /** The partitions that the core answers for now. */
  serving?(serving: Serving): void;
  /** All cores of the cluster. */
  cores?(list: CoreList): void;
  /** So much has been pushed: call this when all of it is written. Absent: it is at once. */
  portion?(written: () => void): void;
  /** The core asks for this process's metrics (prom-client's getMetricsAsJSON). */
  metrics(): Promise<unknown>;
}

export interface CoreClient {
  /**
   * Never throws for what the core says. Without a core: `unavailable` at once (or when the link drops in between: what became
   * of a command is then unknown, and asking again with its idempotency key is safe). For the first 5 s without a core up to
   * 1,000 calls wait for it instead; not `attach` and `detach`, because `up` attaches all sessions. No answer within 30 s:
   * `unavailable`. What awaits the answer goes on, up to its next wait for something else, before anything the core sent later
   * is processed; an answer that went through further waits may be older than a `changed` or `down` in between.
   */
  call<K extends RequestKind>(kind: K, ask: Ask<K>, counted?: Counted): Promise<Answered<K>>;
  /** Topics whose statuses this gateway wants: `public`, `tag:name`. Replaces the earlier list. */
  listen(topics: string[]): void;
  /** By the clock of now, not by a timer: some core can be asked. False as soon as the lease is over, before `down`. */
  readonly isUp: boolean;
  /**
   * Whose rows and tokens may be used from a cache, by the clock of now: those whose server's lease holds. Ask it anew before each
   * use of a cache, and keep the answer no longer than that use takes.
   */
  covered(): (account: AccountId) => boolean;
  /**
   * Whose sessions are attached where they were, or can be: those whose server knows of this link, though it may be silent. `attach` and `detach`
   * are sent to it as well, and answered when it speaks again.
   */
  linked(): (account: AccountId) => boolean;
  close(): Promise<void>;
}
