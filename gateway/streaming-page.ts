// The stream `page`: our own page asks under which page it sits now, and is told when that changes. Not of the Mastodon API.
import type { Session } from './session.ts';

export interface PageNewsOptions {
  /** The id of the page that is shown; null: none is. */
  page: string | null;
  send(session: Session, frame: Uint8Array): void;
}

/** Told of a change at once; the rest follows in the next turns of the loop, so that other streams go on. */
const atOnce = 256;

export class PageNews {
  readonly #send: PageNewsOptions['send'];
  readonly #listeners = new Set<Session>();
  #page: string | null;

  constructor({ page, send }: PageNewsOptions) {
    this.#page = page;
    this.#send = send;
  }

  /** False: there is no page, or the session is none of a page. */
  add(session: Session): boolean {
    if (this.#page === null || session.form !== 'json') return false;
    this.#listeners.add(session);
    this.#tell(session);
    return true;
  }

  remove(session: Session): void {
    this.#listeners.delete(session);
  }

  /** It may have missed the last change. */
  remind(session: Session): void {
    if (this.#listeners.has(session)) this.#tell(session);
  }

  changed(page: string): void {
    if (page === this.#page) return;
    this.#page = page;
    this.#tellNext([...this.#listeners], page);
  }

  #tellNext(sessions: readonly Session[], page: string): void {
    // Another change meanwhile tells all of them anew.
    if (page !== this.#page) return;
    for (const session of sessions.slice(0, atOnce)) if (session.isOpen) this.#tell(session);
    if (sessions.length > atOnce) setImmediate(() => this.#tellNext(sessions.slice(atOnce), page));
  }

  #tell(session: Session): void {
    this.#send(session, Buffer.from(`{"stream":["page"],"event":"page","payload":"${this.#page}"}`));
  }
}
