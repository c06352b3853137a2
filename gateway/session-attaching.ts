// Attaches sessions at the core: a few at a time, their tokens checked again after a link was lost, and tried again while the core is busy.
import type { CoreClient } from '../cluster/core-client.ts';
import type { RejectionCode } from '../runtime/behaviours.ts';
import type { Authenticator } from './authenticator.ts';
import { heard, type Session } from './session.ts';
import type { SessionTable } from './session-table.ts';

/** Asked of the core at once. */
const mostAtOnce = 256;
/** After a busy answer; each further one doubles it. */
const firstRetryMs = 100;
const mostRetryMs = 3000;
/** So often in a row; then the client is sent away, to come back later. */
const mostTries = 8;

export interface AttachingOptions {
  client: Pick<CoreClient, 'call' | 'isUp'>;
  authenticator: Pick<Authenticator, 'authenticate'>;
  table: SessionTable<Session>;
  nowMs: () => number;
  /** The first thing that a session is told, if it asked for it. */
  started(session: Session, cursor: string): void;
}

export class Attaching {
  readonly #client: AttachingOptions['client'];
  readonly #authenticator: AttachingOptions['authenticator'];
  readonly #table: SessionTable<Session>;
  readonly #nowMs: () => number;
  readonly #started: AttachingOptions['started'];
  #queue: Session[] = [];
  #from = 0;
  #underWay = 0;
  /** Counts the links there have been: what was asked on an earlier one says nothing now. */
  link = 1;

  constructor({ client, authenticator, table, nowMs, started }: AttachingOptions) {
    this.#client = client;
    this.#authenticator = authenticator;
    this.#table = table;
    this.#nowMs = nowMs;
    this.#started = started;
  }

  /** Attaches it as soon as it is its turn; without a link, when there is one. */
  add(session: Session): void {
    this.#queue.push(session);
    this.#next();
  }

  /** The core has no session of ours: all are attached, each from its own cursor, and their tokens looked at anew. */
  up(): void {
    this.#queue = [...this.#table];
    this.#from = 0;
    this.#next();
  }

  down(): void {
    this.link++;
    this.#queue = [];
    this.#from = 0;
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
    if (phase === 'waiting' || !this.#client.isUp) return;
    // What becomes of it does not matter: a push to a number that is not there goes nowhere, and a core that is gone has no sessions.
    void this.#client.call('detach', { account, session: number });
  }

  #next(): void {
    while (this.#underWay < mostAtOnce && this.#from < this.#queue.length && this.#client.isUp) {
      const session = this.#queue[this.#from++];
      if (session === undefined) continue;
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
    const link = this.link;
    if (session.checkedAt !== link) {
      const known = await this.#authenticator.authenticate(session.token);
      if (link !== this.link || !session.isOpen) return;
      if (!known.ok) return this.#refused(session, known.rejection.code);
      session.checkedAt = link;
    }
    const wanted = (session.hears & (heard.user | heard.notification)) !== 0;
    if (!wanted || session.phase !== 'waiting') return;
    const { account, number } = session;
    const since = this.#table.asked(session);
    const answered = await this.#client.call('attach', { account, session: number, since });
    if (link !== this.link || !session.isOpen || session.number !== number) return;
    if (!answered.ok) {
      this.#table.refused(session);
      return this.#refused(session, answered.rejection.code);
    }
    session.tries = 0;
    const { cursor } = answered.value;
    const isFirst = session.since === null;
    this.#table.answered(session, cursor, this.#nowMs());
    if (isFirst) this.#started(session, cursor);
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
      case 'read-only':
      case 'unavailable':
        this.#tryAgain(session);
    }
  }

  /** `unavailable` with the link up is a call that took too long; with the link down, `up` will come. */
  #tryAgain(session: Session): void {
    session.tries++;
    if (session.tries > mostTries) {
      session.end({ code: 1013, reason: 'busy' });
      return;
    }
    const link = this.link;
    const waitMs = Math.min(mostRetryMs, firstRetryMs * 2 ** (session.tries - 1));
    setTimeout(
      () => {
        if (link === this.link && session.isOpen) this.add(session);
      },
      waitMs * (0.5 + Math.random() / 2),
    ).unref();
  }
}
