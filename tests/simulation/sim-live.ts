// Live sessions at a simulated process: they are given what their followees write, and a cursor up to which they have been given all.
import type { Copy } from '../../cluster/peer-messages.ts';
import type { Replica } from '../../cluster/replica.ts';
import type { Key } from '../../runtime/key.ts';
import { lateApartMs } from '../../runtime/late-facts.ts';
import { type Version, versionMs } from '../../runtime/version.ts';
import { authorOf, type Facts, isPost, type SimSession } from './requests.ts';

export interface LiveEntry {
  key: Key;
  version: Version;
  removed: boolean;
}

export interface LiveOptions {
  replica: Replica;
  partitions: number;
  /** To the checkers. Null: a cursor alone. */
  pushed(session: SimSession, entry: LiveEntry | null, cursor: Version): void;
  /** Reads an account where it is served. Tries until it can. */
  read(wanted: number, account: number, done: (facts: Facts) => void): void;
}

export class Live {
  readonly #options: LiveOptions;
  readonly #sessions: SimSession[] = [];

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  attach(session: SimSession): void {
    this.#sessions.push(session);
    session.waitsFor = this.#options.replica.want(session.followees, []);
    this.wanted();
  }

  detach(session: SimSession): void {
    const place = this.#sessions.indexOf(session);
    if (place >= 0) this.#sessions.splice(place, 1);
  }

  /** Something will never come: sessions read what there is since their cursors. */
  missed(): void {
    for (const session of this.#sessions) {
      session.isLive = false;
      session.isGathered = false;
      session.attachment++;
    }
    this.wanted();
  }

  /** More authors may come from everywhere than before. */
  wanted(): void {
    const through = this.#options.replica.wantedThrough();
    for (const session of this.#sessions) if (session.waitsFor <= through) this.#gather(session);
  }

  /** What was written before the lanes carried it: read where it is served. */
  #gather(session: SimSession): void {
    if (session.isGathered) return;
    session.isGathered = true;
    const { attachment } = session;
    let waiting = session.followees.length;
    const missed: [Key, { version: Version; isThere: boolean }][] = [];
    const isMissed = (fact: { version: Version; arrived: Version | null }): boolean =>
      fact.version > session.cursor ||
      (fact.arrived !== null && versionMs(fact.arrived) > versionMs(session.cursor) - lateApartMs);
    for (const followee of session.followees) {
      this.#options.read(session.waitsFor, followee, (facts) => {
        missed.push(...[...facts].filter(([key, fact]) => isPost(key) && isMissed(fact)));
        waiting--;
        // It may have gone and come back meanwhile.
        if (waiting > 0 || !this.#sessions.includes(session) || session.attachment !== attachment) return;
        session.isLive = true;
        const entries = [
          ...missed.map(([key, { version, isThere }]) => ({ key, version, removed: !isThere })),
          ...session.held.splice(0).map(({ entry }) => entry),
        ].sort((one, other) => (one.version < other.version ? -1 : 1));
        for (const entry of entries) this.#give(session, entry, session.cursor);
      });
    }
  }

  /** Entries of others. */
  arrived(entries: readonly Copy[]): void {
    for (const { key, version, packed } of entries) this.push({ key, version, removed: packed === null });
  }

  push(entry: LiveEntry): void {
    const author = authorOf(entry.key);
    for (const session of this.#sessions) {
      if (!session.followees.includes(author)) continue;
      if (session.isLive) this.#give(session, entry, this.#cursor());
      else session.held.push({ entry });
    }
  }

  #cursor(): Version {
    return this.#options.replica.horizon.watermark();
  }

  #give(session: SimSession, entry: LiveEntry, cursor: Version): void {
    if (cursor > session.cursor) session.cursor = cursor;
    this.#options.pushed(session, entry, session.cursor);
  }

  pushCursors(): void {
    const { replica, partitions, pushed } = this.#options;
    const cursor = this.#cursor();
    for (const session of this.#sessions) {
      if (!session.isLive || cursor <= session.cursor) continue;
      if (replica.server.term(session.account % partitions) === null) continue;
      session.cursor = cursor;
      pushed(session, null, cursor);
    }
  }
}
