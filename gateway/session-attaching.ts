// Attaches sessions at the core: a few at a time, their tokens checked again after a link was lost, and tried again while the core is busy.
import type { CoreClient } from '../cluster/core-client.ts';
import { partitionOf } from '../runtime/account-id.ts';
import type { RejectionCode } from '../runtime/behaviours.ts';
import type { Authenticator } from './authenticator.ts';
import { heard, type Session } from './session.ts';
import type { SessionTable } from './session-table.ts';

/**
 * Asked of the core at once: fewer when its answers take long, as many of its gateways ask together. What waits there in front of a heartbeat
 * would cost all of them their links, and that is more to attach.
 */
const mostAtOnce = 256;
const leastAtOnce = 32;
const slowMs = 500;
const quickMs = 250;
/** After a busy answer; each further one doubles it. */
const firstRetryMs = 100;
const mostRetryMs = 3000;
/** So often in a row; then the client is sent away, to come back later. */
const mostTries = 8;

export interface AttachingOptions {
  client: Pick<CoreClient, 'call' | 'linked'>;
  authenticator: Pick<Authenticator, 'authenticate'>;
  table: SessionTable<Session>;
  /** The first thing that a session is told, if it asked for it. */
  started(session: Session, cursor: string): void;
}

export class Attaching {
  readonly #client: AttachingOptions['client'];
  readonly #authenticator: AttachingOptions['authenticator'];
  readonly #table: SessionTable<Session>;
  readonly #started: AttachingOptions['started'];
  #queue: Session[] = [];
  #from = 0;
  #underWay = 0;
  #atOnce = mostAtOnce;
  /** When that was made less: what was asked before says nothing about it. */
  #lessSinceMs = 0;
  #putOff = 0;

  constructor({ client, authenticator, table, started }: AttachingOptions) {
    this.#client = client;
    this.#authenticator = authenticator;
    this.#table = table;
    this.#started = started;
  }

  /** Those that are being attached, or will be next. Not those that nobody serves. */
  get size(): number {
    return this.#queue.length - this.#from + this.#underWay + this.#putOff;
  }

  /** Attaches it as soon as it is its turn; while nobody serves it, when somebody does. */
  add(session: Session): void {
    this.#queue.push(session);
    this.#next();
  }

  /** Whoever serves these has no session of theirs: all are attached, each from its own cursor, and their tokens looked at anew. */
  served(partitions: ReadonlySet<number>): void {
    for (const session of this.#table)
      if (partitions.has(partitionOf(session.account))) this.#queue.push(session);
    this.#next();
  }

  /** These are attached nowhere any more. Everything that was sent to them has been written. */
  lost(partitions: ReadonlySet<number>): void {
    const seats = [...this.#table].filter(({ account }) => partitions.has(partitionOf(account)));
    this.#table.lost(seats);
    for (const session of seats) session.link++;
  }

  detach(session: Session): void {
    const { phase, number, account } = session;
    // What waits to be written is newer than where it stands: whoever attaches again gets it in its place.
    session.pending = null;
    this.#table.renumber(session);
    this.#tell(phase, account, number);
  }

  /** The session is closed and out of the table. */
  left({ phase, account, number }: Pick<Session, 'phase' | 'account' | 'number'>): void {
    this.#tell(phase, account, number);
  }

  #tell(phase: Session['phase'], account: Session['account'], number: number): void {
    // A session whose answer is outstanding may be attached: the core takes both in order.
    if (phase === 'waiting' || !this.#client.linked()(account)) return;
    // What becomes of it does not matter: a push to a number that is not there goes nowhere, and a core that is gone has no sessions.
    void this.#client.call('detach', { account, session: number });
  }

  #next(): void {
    const isServed = this.#client.linked();
    while (this.#underWay < this.#atOnce && this.#from < this.#queue.length) {
      const session = this.#queue[this.#from++];
      // Who serves it next will be told of it by `served`.
      if (session === undefined || !isServed(session.account)) continue;
      this.#underWay++;
      void this.#bring(session).finally(() => {
        this.#underWay--;
        this.#next();
      });
    }
    if (this.#from > 0 && this.#from === this.#queue.length) {
      this.#queue = [];
      this.#from = 0;
    }
  }

  async #bring(session: Session): Promise<void> {
    if (!session.isOpen) return;
    const { link } = session;
    if (session.checkedAt !== link) {
      const known = await this.#authenticator.authenticate(session.token);
      if (link !== session.link || !session.isOpen) return;
      if (!known.ok) return this.#refused(session, known.rejection.code);
      session.checkedAt = link;
    }
    const wanted = (session.hears & (heard.user | heard.notification)) !== 0;
    if (!wanted || session.phase !== 'waiting') return;
    const { account, number } = session;
    const since = this.#table.asked(session);
    // Of an attachment whose answer never came: it comes again, and would pass for the first of what was missed.
    session.pending = null;
    const askedMs = performance.now();
    const answered = await this.#client.call('attach', { account, session: number, since });
    this.#took(askedMs);
    if (link !== session.link || !session.isOpen || session.number !== number) return;
    if (!answered.ok) {
      const { code } = answered.rejection;
      // Perhaps it is attached, and nobody could say so: what is pushed to that number is for nobody from now on.
      if (code === 'unavailable') this.detach(session);
      else this.#table.refused(session);
      return this.#refused(session, code);
    }
    session.tries = 0;
    const { cursor } = answered.value;
    const isFirst = session.since === null;
    // What it has missed may be here before this: it waits for its turn to be written.
    this.#table.answered(session, { core: answered.core ?? 0, cursor });
    if (isFirst) this.#started(session, cursor);
  }

  #took(askedMs: number): void {
    const nowMs = performance.now();
    const tookMs = nowMs - askedMs;
    if (tookMs < quickMs) this.#atOnce = Math.min(mostAtOnce, this.#atOnce + 1);
    if (tookMs < slowMs || askedMs < this.#lessSinceMs) return;
    this.#lessSinceMs = nowMs;
    this.#atOnce = Math.max(leastAtOnce, Math.floor(this.#atOnce / 2));
  }

  #refused(session: Session, code: RejectionCode): void {
    switch (code) {
      case 'unauthorized':
      case 'forbidden':
      case 'not-found':
      case 'invalid':
      case 'taken':
        session.end({ code: 1008, reason: 'token-revoked' });
        return;
      case 'busy':
      case 'rate-limited':
      case 'behind':
      case 'read-only':
      case 'unavailable':
      case 'moved':
        this.#tryAgain(session);
    }
  }

  /** `unavailable` where it is served is a call that took too long; where it is not, `served` will come. */
  #tryAgain(session: Session): void {
    session.tries++;
    if (session.tries > mostTries) {
      session.end({ code: 1013, reason: 'busy' });
      return;
    }
    const { link } = session;
    const waitMs = Math.min(mostRetryMs, firstRetryMs * 2 ** (session.tries - 1));
    this.#putOff++;
    setTimeout(
      () => {
        this.#putOff--;
        if (link === session.link && session.isOpen) this.add(session);
      },
      waitMs * (0.5 + Math.random() / 2),
    ).unref();
  }
}
