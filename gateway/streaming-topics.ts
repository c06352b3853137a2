// Streams that are the same for many: public and hashtags. Who listens to what, and what of it each viewer may see.
import { flag, hiddenFlag } from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import type { StatusId } from '../runtime/status-id.ts';
import type { DeletedPosts } from './deleted-posts.ts';
import type { Session } from './session.ts';
import type { StreamEvent } from './streaming-event.ts';
import { type Stream, streamLabel, streamTopic } from './streaming-protocol.ts';
import { statusesIn } from './streaming-told.ts';

/** Streams of this kind that one socket may listen to. */
const mostStreams = 100;
/** Events that may wait for the core's judgement on one viewer's behalf; more are left out. */
const mostWaiting = 400;
/** So often is a judgement asked for again because what it was about has changed meanwhile. */
const mostLooks = 4;
/** Posts told of last that are remembered. */
const mostRecent = 2000;

interface Waiting {
  event: StreamEvent;
  label: string;
}

/** What waits for one session, while the core is asked what it may see. */
interface Line {
  waiting: Waiting[];
  asking: boolean;
}

export interface TopicsOptions {
  client: Pick<CoreClient, 'call' | 'listen'>;
  deleted: Pick<DeletedPosts, 'has'>;
  /** Sends an event of a stream to a session that may see it. */
  send(session: Session, event: StreamEvent, label: string): void;
}

export class StreamingTopics {
  readonly #client: TopicsOptions['client'];
  readonly #deleted: TopicsOptions['deleted'];
  readonly #send: TopicsOptions['send'];
  /** Topic, then stream label, then who listens. */
  readonly #listeners = new Map<string, Map<string, Set<Session>>>();
  readonly #lines = new Map<Session, Line>();
  /** Statuses that changed while a judgement was outstanding, with the count of changes at which they did. */
  readonly #changes = new Map<StatusId, number>();
  #changeCount = 0;
  /** What came last, oldest first: when an account changes hands two cores may tell of the same post. */
  readonly #recent = new Set<StatusId>();
  #asking = 0;
  #isTelling = false;

  constructor({ client, deleted, send }: TopicsOptions) {
    this.#client = client;
    this.#deleted = deleted;
    this.#send = send;
  }

  /** False: it listens to too many already. Listening twice is listening once. */
  add(session: Session, stream: Stream): boolean {
    const topic = streamTopic(stream);
    const label = streamLabel(stream);
    if (topic === null || this.#listeners.get(topic)?.get(label)?.has(session)) return true;
    if (session.topicStreams.length >= mostStreams) return false;
    session.topicStreams = [...session.topicStreams, stream];
    const labels = this.#listeners.get(topic) ?? new Map<string, Set<Session>>();
    if (labels.size === 0) this.#tellCore();
    this.#listeners.set(topic, labels);
    const sessions = labels.get(label) ?? new Set<Session>();
    labels.set(label, sessions.add(session));
    return true;
  }

  remove(session: Session, stream: Stream): void {
    const topic = streamTopic(stream);
    const label = streamLabel(stream);
    const labels = topic === null ? undefined : this.#listeners.get(topic);
    const sessions = labels?.get(label);
    if (topic === null || labels === undefined || !sessions?.delete(session)) return;
    session.topicStreams = session.topicStreams.filter((other) => streamLabel(other) !== label);
    if (sessions.size > 0) return;
    labels.delete(label);
    if (labels.size > 0) return;
    this.#listeners.delete(topic);
    this.#tellCore();
  }

  removeAll(session: Session): void {
    for (const stream of session.topicStreams) this.remove(session, stream);
    this.#lines.delete(session);
  }

  /** Takes an event in for everybody who listens to these topics: a post once. `look` sends it on its way. */
  spread(event: StreamEvent, topics: readonly string[]): void {
    if (event.told.kind === 'update' && !this.#isNew(event.told.row.id)) return;
    for (const topic of topics) {
      for (const [label, sessions] of this.#listeners.get(topic) ?? []) {
        for (const session of sessions) this.#line(session, { event, label });
      }
    }
  }

  #isNew(id: StatusId): boolean {
    if (this.#recent.has(id)) return false;
    this.#recent.add(id);
    for (const oldest of this.#recent) {
      if (this.#recent.size <= mostRecent) break;
      this.#recent.delete(oldest);
    }
    return true;
  }

  #line(session: Session, waiting: Waiting): void {
    const line = this.#lines.get(session);
    if (line === undefined) this.#lines.set(session, { waiting: [waiting], asking: false });
    else if (line.waiting.length < mostWaiting) line.waiting.push(waiting);
  }

  /** At the end of a tick: asks the core about what came, for each session once. */
  look(): void {
    for (const [session, line] of this.#lines) {
      if (!line.asking) void this.#serve(session, line);
    }
  }

  async #serve(session: Session, line: Line): Promise<void> {
    line.asking = true;
    while (line.waiting.length > 0 && session.isOpen) {
      const batch = line.waiting;
      line.waiting = [];
      const shown = await this.#judge(session, batch);
      for (const { event, label } of shown)
        if (this.#listens(session, label)) this.#send(session, event, label);
    }
    this.#lines.delete(session);
  }

  #listens(session: Session, label: string): boolean {
    return session.isOpen && session.topicStreams.some((stream) => streamLabel(stream) === label);
  }

  /** Blocked, muted and deleted ones are left out, and so is everything when the core cannot be asked: these streams promise no more. */
  async #judge(session: Session, batch: Waiting[]): Promise<Waiting[]> {
    const visible = new Set<StatusId>();
    let ids = [
      ...new Set(batch.flatMap(({ event }) => (event.told.kind === 'update' ? [event.told.row.id] : []))),
    ];
    this.#asking++;
    for (let looks = 0; looks < mostLooks && ids.length > 0; looks++) {
      const asked = this.#changeCount;
      const answered = await this.#client.call('judge', { viewer: session.account, ids });
      if (!answered.ok) break;
      for (const [index, id] of ids.entries()) {
        const flags = answered.value.flags[index] ?? hiddenFlag;
        if (flags !== hiddenFlag && (flags & flag.muted) === 0) visible.add(id);
      }
      // A deletion may have come after the judgement was made.
      ids = ids.filter((id) => visible.has(id) && (this.#changes.get(id) ?? 0) > asked);
      for (const id of ids) visible.delete(id);
    }
    this.#asking--;
    if (this.#asking === 0) this.#changes.clear();
    return batch.filter(({ event: { told } }) => {
      if (told.kind !== 'update') return true;
      return visible.has(told.row.id) && !statusesIn(told).some((id) => this.#deleted.has(id));
    });
  }

  changed(statuses: readonly StatusId[]): void {
    if (this.#asking === 0) return;
    this.#changeCount++;
    for (const id of statuses) this.#changes.set(id, this.#changeCount);
  }

  /** Tells the core the topics that somebody listens to: once for all that change in one turn. */
  #tellCore(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      this.#client.listen([...this.#listeners.keys()]);
    });
  }
}
