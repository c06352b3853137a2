// The hub of a gateway's streams: takes the core's ticks and gives each session what it listens to. Sockets are the adapters' part.
import type { Changed, Pushed, Tick } from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import { statusMs } from '../runtime/status-id.ts';
import type { Authenticator } from './authenticator.ts';
import type { DeletedPosts } from './deleted-posts.ts';
import { type Closing, heard, type Session } from './session.ts';
import { Attaching } from './session-attaching.ts';
import { includes } from './session-had.ts';
import { eachNumber, SessionTable } from './session-table.ts';
import { type EntityWriter, StreamEvent, startFrame } from './streaming-event.ts';
import type { StreamingMeter } from './streaming-meter.ts';
import { Outgoing } from './streaming-outgoing.ts';
import { PageNews } from './streaming-page.ts';
import {
  type ClientCommand,
  type Refusal,
  type Since,
  type Stream,
  streamLabel,
  streamScope,
} from './streaming-protocol.ts';
import { SlowReaders } from './streaming-slow.ts';
import { statusesIn, toldBy } from './streaming-told.ts';
import { StreamingTopics } from './streaming-topics.ts';

export interface HubLog {
  error(fields: object, text: string): void;
}

export interface HubOptions {
  client: Pick<CoreClient, 'call' | 'listen' | 'linked'>;
  /** Told of all that is deleted before `changed` is. */
  deleted: Pick<DeletedPosts, 'has'>;
  authenticator: Pick<Authenticator, 'authenticate'>;
  writer: EntityWriter;
  meter: StreamingMeter;
  log: HubLog;
  /** The id of the page that is shown; null: none is. */
  page?: string | null;
  nowMs?: () => number;
}

/** Older than anything the core can catch up on: it answers with a resync. */
const unknownCursor = '0'.repeat(24);
const ofOneself = heard.user | heard.notification;
const userLabel = '["user"]';
const notificationLabel = '["user:notification"]';

export class StreamingHub {
  readonly #table = new SessionTable<Session>();
  readonly #attaching: Attaching;
  readonly #topics: StreamingTopics;
  readonly #pageNews: PageNews;
  readonly #slow: SlowReaders;
  readonly #writer: EntityWriter;
  readonly #meter: StreamingMeter;
  readonly #log: HubLog;
  readonly #deleted: HubOptions['deleted'];
  readonly #nowMs: () => number;
  readonly #outgoing: Outgoing;
  /** Of posts that wait to be written: their times, and how many live sessions they go to. */
  #lags: { ms: number; sessions: number }[] = [];
  /** New streams are refused: the process is about to end. */
  isClosing = false;

  constructor(options: HubOptions) {
    const { client, authenticator, deleted, writer, meter, log, page = null, nowMs = Date.now } = options;
    this.#deleted = deleted;
    this.#writer = writer;
    this.#meter = meter;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#attaching = new Attaching({
      client,
      authenticator,
      table: this.#table,
      started: (session, cursor) => this.#started(session, cursor),
    });
    this.#outgoing = new Outgoing({
      write: (session) => this.#flush(session),
      passed: (core, cursor) => {
        this.#table.passed({ core, cursor }, this.#nowMs());
        this.#measure();
      },
    });
    this.#topics = new StreamingTopics({
      client,
      deleted,
      send: (session, event, label) => this.#sendTopic(session, event, label),
    });
    meter.attaching(() => this.#attaching.size);
    this.#slow = new SlowReaders({ meter, readAnew: (session) => this.#readAnew(session) });
    this.#pageNews = new PageNews({ page, send: (session, frame) => this.#send(session, frame) });
  }

  get size(): number {
    return this.#table.size;
  }

  /** A session whose socket is open, and whose token has just been found good. */
  open(session: Session): void {
    session.checkedAt = session.link;
    this.#table.add(session);
    this.#meter.opened(session.form);
  }

  /** Its socket is closed, by whomever. */
  closed(session: Session): void {
    session.isOpen = false;
    if (this.#table.find(session.number) !== session) return;
    const { phase, account, number } = session;
    this.#topics.removeAll(session);
    this.#pageNews.remove(session);
    this.#table.remove(session);
    this.#attaching.left({ phase, account, number });
    this.#meter.closed(session.form);
  }

  /** Null when it is done; else what to tell the client. */
  command(session: Session, command: ClientCommand): Refusal | null {
    if (command.kind === 'subscribe' && command.since.kind !== 'now' && session.form !== 'events')
      session.knowsResync = true;
    const refusal =
      command.kind === 'subscribe' ? this.#subscribe(session, command.stream, command.since) : null;
    if (command.kind === 'unsubscribe') this.#unsubscribe(session, command.stream);
    if (refusal !== null) this.#meter.refused();
    return refusal;
  }

  #subscribe(session: Session, stream: Stream, since: Since): Refusal | null {
    if (
      !(streamScope(stream) === 'read:notifications' ? session.mayReadNotifications : session.mayReadStatuses)
    ) {
      return { status: 403, error: 'This action is outside the authorized scopes' };
    }
    if (stream.name === 'page')
      return this.#pageNews.add(session) ? null : { status: 404, error: 'There is no page here' };
    const bit = bitOf(stream);
    if (bit === null)
      return this.#topics.add(session, stream)
        ? null
        : { status: 429, error: 'Too many streams on one connection' };
    const isAttached = (session.hears & ofOneself) !== 0;
    session.hears |= bit;
    if ((bit & ofOneself) === 0) return null;
    const cursor = since.kind === 'cursor' ? since.cursor : since.kind === 'unknown' ? unknownCursor : null;
    if (since.kind === 'start') session.asksCursor = true;
    if (!isAttached) {
      session.since = cursor;
      session.had = null;
      this.#attaching.add(session);
    } else if (cursor !== null) {
      this.#again(session, cursor);
    } else if (since.kind === 'start') {
      const standing = this.#table.cursorOf(session);
      if (standing !== null) this.#started(session, standing);
    }
    return null;
  }

  /** Attached already, for another stream of its own: once more, from where both miss nothing. */
  #again(session: Session, cursor: string): void {
    this.#attaching.detach(session);
    if (session.since === null || cursor < session.since) session.since = cursor;
    // The other stream has not had it.
    session.had = null;
    this.#attaching.add(session);
  }

  /** Attached for the first time, from this cursor on, and nothing has been sent. */
  #started(session: Session, cursor: string): void {
    if (!session.asksCursor) return;
    const label = (session.hears & heard.user) !== 0 ? userLabel : notificationLabel;
    this.#send(session, startFrame(session.form, label, cursor));
  }

  #unsubscribe(session: Session, stream: Stream): void {
    if (stream.name === 'page') {
      this.#pageNews.remove(session);
      return;
    }
    const bit = bitOf(stream);
    if (bit === null) {
      this.#topics.remove(session, stream);
      return;
    }
    const wasAttached = (session.hears & ofOneself) !== 0;
    session.hears &= ~bit;
    if (wasAttached && (session.hears & ofOneself) === 0) this.#attaching.detach(session);
  }

  /**
   * Takes in all of a core's tick. Its cursor holds, for who is attached there, when all of it has been written. (Topics come from every
   * core, each for the accounts that it serves. Their frames carry no cursor, for none would be safe: nobody resumes them.)
   */
  tick(tick: Tick, core: number): void {
    for (const item of tick.items) this.#spread(item, tick.cursor);
    this.#outgoing.ticked(core, tick.cursor);
    this.#topics.look();
  }

  /** Calls back when the sockets have everything of the ticks before. */
  portion(written: () => void): void {
    this.#outgoing.afterAll(written);
  }

  #spread(item: Pushed, tickCursor: string): void {
    const { told, cursor, mark } = toldBy(item, tickCursor);
    // A core that has not heard of it yet: the others have, and their cursors pass it.
    if (statusesIn(told).some((id) => this.#deleted.has(id))) return;
    if (item.sessions.length > 0) {
      const event = new StreamEvent(told, cursor, this.#writer, mark);
      let live = 0;
      eachNumber(item.sessions, (number) => {
        const session = this.#table.find(number);
        if (session === undefined || !session.isOpen) return;
        if (isLive(session, cursor)) live++;
        this.#outgoing.add(session, event);
      });
      for (const id of statusesIn(told)) this.#outgoing.names(id);
      if (told.kind === 'update' && live > 0) this.#lags.push({ ms: statusMs(told.row.id), sessions: live });
    }
    if ((item.kind === 'update' || item.kind === 'deleted') && item.topics.length > 0) {
      this.#topics.spread(new StreamEvent(told, null, this.#writer), item.topics);
    }
  }

  /** Several frames go out in one piece. */
  #flush(session: Session): void {
    const { pending } = session;
    session.pending = null;
    if (pending === null || !session.isOpen) return;
    if (session.overrun !== null) {
      for (const event of Array.isArray(pending) ? pending : [pending]) this.#sent(session, event);
      return;
    }
    try {
      if (!Array.isArray(pending) && session.hears === heard.user) {
        const isSecret = pending.told.kind === 'notified' && !session.mayReadNotifications;
        if (!isSecret && !hasHad(session, pending)) {
          this.#send(session, pending.frame(session.form, userLabel, session.origin, session.known));
        }
        this.#sent(session, pending);
        return;
      }
      const events = Array.isArray(pending) ? pending : [pending];
      const frames: Uint8Array[] = [];
      for (const event of eachOnce(events))
        if (!hasHad(session, event)) this.#framesOf(session, event, frames);
      this.#sendAll(session, frames);
      for (const event of events) this.#sent(session, event);
    } catch (error) {
      this.#log.error(
        { err: error, account: session.account },
        'an event could not be written: a stream lacks it',
      );
    }
  }

  #framesOf(session: Session, event: StreamEvent, frames: Uint8Array[]): void {
    const { kind } = event.told;
    if ((session.hears & heard.user) !== 0 && (kind !== 'notified' || session.mayReadNotifications)) {
      frames.push(event.frame(session.form, userLabel, session.origin, session.known));
    }
    if ((session.hears & heard.notification) !== 0 && (kind === 'notified' || kind === 'resync')) {
      frames.push(event.frame(session.form, notificationLabel, session.origin, session.known));
    }
  }

  #sent(session: Session, { told, cursor, mark }: StreamEvent): void {
    if (cursor === null) return;
    if (told.kind === 'resync') this.#table.resynced(session, cursor);
    else this.#table.sent(session, cursor, mark);
  }

  #sendTopic(session: Session, event: StreamEvent, label: string): void {
    this.#send(session, event.frame(session.form, label, session.origin, session.known));
  }

  #send(session: Session, frame: Uint8Array): void {
    this.#meter.delivered(1, frame.length);
    if (!session.send(frame)) this.#slow.fellBehind(session);
  }

  #sendAll(session: Session, frames: Uint8Array[]): void {
    const [only] = frames;
    if (only === undefined) return;
    if (frames.length === 1) {
      this.#send(session, only);
      return;
    }
    let bytes = 0;
    for (const frame of frames) bytes += frame.length;
    this.#meter.delivered(frames.length, bytes);
    if (!session.sendAll(frames)) this.#slow.fellBehind(session);
  }

  /** The network takes more of a session. */
  drained(session: Session): void {
    this.#slow.drained(session);
  }

  /** What it has not been sent it reads for itself. */
  #readAnew(session: Session): void {
    session.known?.clear();
    const frames: Uint8Array[] = [];
    this.#framesOf(session, this.#resync(this.#table.cursorOf(session)), frames);
    const ofTopics = this.#resync(null);
    for (const stream of session.topicStreams)
      frames.push(ofTopics.frame(session.form, streamLabel(stream), session.origin, session.known));
    this.#sendAll(session, frames);
    this.#pageNews.remind(session);
  }

  #resync(cursor: string | null): StreamEvent {
    return new StreamEvent({ kind: 'resync' }, cursor, this.#writer);
  }

  #measure(): void {
    if (this.#lags.length === 0) return;
    const nowMs = this.#nowMs();
    for (const { ms, sessions } of this.#lags) this.#meter.lag((nowMs - ms) / 1000, sessions);
    this.#lags = [];
  }

  /** Revoked tokens lose their streams. */
  changed({ statuses, tokens, deleted }: Omit<Changed, 'accounts'>): void {
    const touched = deleted == null ? statuses : [...statuses, ...deleted];
    this.#outgoing.changed(touched);
    this.#topics.changed(touched);
    if (tokens.length === 0) return;
    const revoked = new Set(tokens);
    for (const session of this.#table) {
      if (revoked.has(session.tokenId)) session.end({ code: 1008, reason: 'token-revoked' });
    }
  }

  /** To be called now and then: sessions take less memory after it. */
  settle(): void {
    this.#table.settle();
  }

  /** Another page is shown from now on. */
  pageChanged(page: string): void {
    this.#pageNews.changed(page);
  }

  served(partitions: ReadonlySet<number>): void {
    this.#attaching.served(partitions);
  }

  lost(partitions: ReadonlySet<number>): void {
    // Sessions are attached again from where they stand: nothing may be on its way to them.
    this.#outgoing.flush();
    this.#attaching.lost(partitions);
  }

  /** Those that are open now. */
  *sessions(): Generator<Session> {
    for (const session of this.#table) if (session.isOpen) yield session;
  }

  /** Ends one stream: its client comes back to another process, with its cursor. */
  end(session: Session): void {
    // What the present tick has for it is about to be written.
    this.#outgoing.flush();
    session.end(restart);
  }

  /** Ends all streams: their clients come back to another process, with their cursors. */
  close(): void {
    this.isClosing = true;
    this.#outgoing.flush();
    for (const session of this.#table) session.end(restart);
  }
}

const restart: Closing = { code: 1012, reason: 'service-restart' };

/** Not something of before, that it catches up on. */
function isLive(session: Session, cursor: string | null): boolean {
  if (session.phase === 'live') return true;
  return session.settles !== null && cursor !== null && cursor >= session.settles.cursor;
}

/** By this core, or one that served it before. */
function hasHad({ had }: Session, { mark }: StreamEvent): boolean {
  return had !== null && mark !== null && includes(had, mark);
}

/** None of them twice: the first of each. */
function eachOnce(events: StreamEvent[]): StreamEvent[] {
  if (!events.some(({ mark }) => mark?.mayComeAgain === true)) return events;
  const keys = new Set<string>();
  return events.filter(({ mark }) => mark === null || (!keys.has(mark.key) && keys.add(mark.key)));
}

/** Null: a stream that is fed by a topic. */
function bitOf(stream: Stream): number | null {
  switch (stream.name) {
    case 'user':
      return heard.user;
    case 'user:notification':
      return heard.notification;
    case 'direct':
      // Accepted, for clients ask for it; conversations, which it would tell of, are not there yet.
      return heard.direct;
    case 'public':
    case 'public:local':
    case 'hashtag':
    case 'hashtag:local':
    case 'page':
      return null;
  }
}
