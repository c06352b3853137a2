// A disk and the store on it, simulated: what is written is there after an fsync that takes time; a crash loses the rest.

import { type Copy, type PlainFact, relayOf } from '../../cluster/peer-messages.ts';
import {
  type Adoption,
  type Digest,
  type LanePosition,
  mayBeLate,
  type Piece,
  type Reached,
  type ReplicaStore,
} from '../../cluster/replica-ports.ts';
import { type HybridClock, hybridClock } from '../../runtime/clock.ts';
import type { Key } from '../../runtime/key.ts';
import { noVersion, type Version } from '../../runtime/version.ts';

export interface StoredFact {
  version: Version;
  packed: Uint8Array | null;
  live: boolean;
  to: readonly number[];
}

/** With what it adds to the digest of its partition. */
interface Kept extends StoredFact {
  sum: number;
}

interface Life {
  incarnation: number;
  first: number;
}

/** What is on the disk. */
export interface Image {
  facts: Map<Key, Kept>;
  /** By origin and incarnation, ascending. */
  logs: Map<string, Copy[]>;
  heads: { own: number; relay: number };
  /** Up to there each log has been trimmed: what was there is in no log any more. */
  trimmed: Map<string, number>;
  lives: Life[];
  positions: Map<string, LanePosition>;
  records: Map<string, unknown>;
  /** When facts came that came late. */
  late: Map<Key, Version>;
  clock: Version;
  incarnation: number;
}

export function emptyImage(incarnation: number): Image {
  return {
    facts: new Map(),
    logs: new Map(),
    heads: { own: 0, relay: 0 },
    trimmed: new Map(),
    lives: [{ incarnation, first: 1 }],
    positions: new Map(),
    records: new Map(),
    late: new Map(),
    clock: noVersion,
    incarnation,
  };
}

/** A backup, or a disk that somebody copied. */
export function copyImage(image: Image): Image {
  return {
    facts: new Map(image.facts),
    logs: new Map([...image.logs].map(([place, log]) => [place, [...log]])),
    heads: { ...image.heads },
    trimmed: new Map(image.trimmed),
    lives: [...image.lives],
    positions: new Map(image.positions),
    records: new Map(image.records),
    late: new Map(image.late),
    clock: image.clock,
    incarnation: image.incarnation,
  };
}

/** As a store does when it finds that its file is another one: it goes on under a life of its own. */
export function newLife(image: Image, incarnation: number): void {
  image.incarnation = incarnation;
  image.lives.push({ incarnation, first: Math.max(image.heads.own, image.heads.relay) + 1 });
  image.heads.own = Math.max(image.heads.own, image.heads.relay);
  image.heads.relay = image.heads.own;
}

export interface DiskOptions {
  node: number;
  image: Image;
  /** Plans the end of an fsync. The callback is to be dropped when the process dies before. */
  fsync(done: () => void): void;
  partitionOf(key: Key): number;
  /** Partitions that a value is addressed to. */
  addressed(packed: Uint8Array): readonly number[];
  /** Everything of the key's partition up to there is held to have come. Absent: nobody asks what came late. */
  closedOf?: (key: Key) => Version;
}

interface Transaction {
  apply: (() => void)[];
  done: (() => void)[];
}

export interface Submitted {
  seq: number;
  version: Version;
}

/** The store of a running process. */
export class Disk implements ReplicaStore {
  readonly #options: DiskOptions;
  readonly #image: Image;
  readonly #hlc: HybridClock;
  #open: Transaction = { apply: [], done: [] };
  #isWriting = false;
  /** Given, whether on the disk or not. */
  #given: { own: number; relay: number };
  /** Facts on their way to the disk. */
  readonly #staged = new Map<Key, StoredFact>();
  /** Those on the disk once more, by partition: reads and digests need not look at all. */
  readonly #byPartition = new Map<number, Map<Key, Kept>>();
  inFlight = 0;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#image = options.image;
    this.#hlc = hybridClock(options.node, options.image.clock);
    this.#given = { ...options.image.heads };
    for (const [key, fact] of options.image.facts) this.#factsIn(options.partitionOf(key)).set(key, fact);
  }

  #factsIn(partition: number): Map<Key, Kept> {
    const known = this.#byPartition.get(partition);
    if (known !== undefined) return known;
    const facts = new Map<Key, Kept>();
    this.#byPartition.set(partition, facts);
    return facts;
  }

  get incarnation(): number {
    return this.#image.incarnation;
  }

  get clock(): Version {
    return this.#hlc.last();
  }

  get settled(): Version {
    return this.#image.clock;
  }

  observe(version: Version): void {
    this.#hlc.observe(version);
  }

  head(of: 'own' | 'relay'): number {
    return this.#image.heads[of];
  }

  /** What is on the disk. */
  fact(key: Key): StoredFact | undefined {
    return this.#image.facts.get(key);
  }

  /** And what is on its way there. */
  latest(key: Key): StoredFact | undefined {
    return this.#staged.get(key) ?? this.#image.facts.get(key);
  }

  facts(): IterableIterator<[Key, StoredFact]> {
    return this.#image.facts.entries();
  }

  factsOfPartition(partition: number): IterableIterator<[Key, StoredFact]> {
    return this.#factsIn(partition).entries();
  }

  submit(
    nowMs: number,
    writes: readonly { key: Key; packed: Uint8Array | null; to: readonly number[] }[],
    done: (written: Submitted[]) => void,
  ): void {
    const written: Submitted[] = [];
    const entries: Copy[] = writes.map(({ key, packed, to }) => {
      const version = this.#hlc.tick(nowMs);
      const seq = ++this.#given.own;
      written.push({ seq, version });
      this.inFlight++;
      this.#staged.set(key, { version, packed, live: true, to });
      return { seq, version, key, packed, live: true, to: [...to] };
    });
    this.#write(
      () => {
        for (const entry of entries) {
          this.#put(entry);
          this.#log(this.#options.node, this.incarnation, entry);
          this.#image.heads.own = entry.seq;
          this.inFlight--;
        }
      },
      () => done(written),
    );
  }

  livesOf(origin: number): number[] {
    return [...this.#image.logs.keys()]
      .map((place) => place.split(' ').map(Number))
      .flatMap(([of, life]) => (of === origin && life !== undefined ? [life] : []));
  }

  adopt(adoption: Adoption, done: () => void): void {
    const { copies, from, positions, isNewsToOthers = false } = adoption;
    for (const { version } of copies) this.#hlc.observe(version);
    const { closedOf = () => noVersion } = this.#options;
    const late = mayBeLate(adoption)
      ? new Set(copies.filter(({ key, version }) => version <= closedOf(key)))
      : new Set<unknown>();
    const arrived = this.clock;
    this.#write(() => {
      for (const one of copies) {
        const known = this.#image.facts.get(one.key);
        const { key, version, packed, live, to } = one;
        const isNews = known === undefined || known.version < version;
        if (!isNews && (from.kind !== 'again' || known.version > version)) continue;
        if (isNewsToOthers || (isNews && late.has(one))) this.#image.late.set(key, arrived);
        if (isNews) this.#put({ key, version, packed, live, to });
        if (from.kind === 'copy' && 'seq' in one) this.#log(from.origin, from.incarnation, one);
        if (from.kind !== 'relay' && from.kind !== 'again') continue;
        const seq = ++this.#given.relay;
        this.#log(relayOf(this.#options.node), this.incarnation, {
          seq,
          key,
          version,
          packed,
          live,
          to: [...to],
        });
        this.#image.heads.relay = seq;
      }
      for (const position of positions) {
        const name = `${position.lane} ${position.origin} ${position.incarnation}`;
        this.#image.positions.delete(name);
        this.#image.positions.set(name, position);
      }
    }, done);
  }

  noteLate(entries: readonly Pick<Copy, 'key' | 'version'>[], done: () => void): void {
    const arrived = this.clock;
    this.#write(() => {
      for (const { key } of entries) this.#image.late.set(key, arrived);
    }, done);
  }

  /** When it came, if that was late. */
  lateArrival(key: Key): Version | undefined {
    return this.#image.late.get(key);
  }

  keep(records: readonly (readonly [string, unknown])[], done: () => void): void {
    this.#write(() => {
      for (const [name, value] of records) this.#image.records.set(name, value);
    }, done);
  }

  kept(name: string): unknown {
    return this.#image.records.get(name);
  }

  positions(): LanePosition[] {
    return [...this.#image.positions.values()];
  }

  resume(of: 'own' | 'relay', reached: readonly Reached[]): number | null {
    const { lives, heads } = this.#image;
    const origin = of === 'own' ? this.#options.node : relayOf(this.#options.node);
    const at = lives.findLastIndex(({ incarnation }) =>
      reached.some((one) => one.incarnation === incarnation),
    );
    const { seq = 0 } = reached.find((one) => one.incarnation === lives[at]?.incarnation) ?? {};
    const next = lives[at + 1];
    const end = at < 0 ? 0 : next === undefined ? heads[of] : next.first - 1;
    const from = Math.min(seq, end);
    return from < this.#ownTrimmedUpTo(origin) ? null : from;
  }

  trimmedUpTo(origin: number, incarnation: number): number {
    const { node } = this.#options;
    const isOwn = origin === node || origin === relayOf(node);
    return isOwn ? this.#ownTrimmedUpTo(origin) : (this.#image.trimmed.get(`${origin} ${incarnation}`) ?? 0);
  }

  read(origin: number, incarnation: number, after: number, most: number): Piece | null {
    const { node } = this.#options;
    const isOwn = origin === node || origin === relayOf(node);
    if (after < this.trimmedUpTo(origin, incarnation)) return null;
    // The own log is one, over all lives.
    const lives = isOwn ? this.#image.lives.map((life) => life.incarnation) : [incarnation];
    const entries: Copy[] = [];
    for (const life of lives) {
      const log = this.#image.logs.get(`${origin} ${life}`) ?? [];
      for (let place = firstAbove(log, after); place < log.length && entries.length < most; place++) {
        const entry = log[place];
        if (entry !== undefined) entries.push({ ...entry });
      }
    }
    const last = entries.at(-1)?.seq ?? after;
    const head = origin === node ? this.#image.heads.own : this.#image.heads.relay;
    return { entries, upTo: entries.length < most && isOwn ? Math.max(head, after) : last };
  }

  /**
   * What was replaced leaves the logs, and all but the last `most` entries of each do. Of the node's own ones only what is not above the
   * floor: that is on its way to somebody.
   */
  trim(floor: { own: number; relay: number }, most: number): void {
    const { node } = this.#options;
    this.#write(
      () => {
        const { logs, trimmed, facts } = this.#image;
        const floors = new Map([
          [node, floor.own],
          [relayOf(node), floor.relay],
        ]);
        for (const [place, log] of logs) {
          const upTo = floors.get(Number(place.split(' ')[0])) ?? Number.POSITIVE_INFINITY;
          const old = log.slice(0, Math.max(0, log.length - most)).filter(({ seq }) => seq <= upTo);
          trimmed.set(place, Math.max(old.at(-1)?.seq ?? 0, trimmed.get(place) ?? 0));
          const isKept = ({ seq, key, version }: Copy): boolean =>
            seq > upTo || (!old.some((one) => one.seq === seq) && facts.get(key)?.version === version);
          logs.set(place, log.filter(isKept));
        }
      },
      () => {},
    );
  }

  /** Of one of the node's own logs, over all its lives. */
  #ownTrimmedUpTo(origin: number): number {
    return Math.max(
      0,
      ...this.#image.lives.map(({ incarnation }) => this.#image.trimmed.get(`${origin} ${incarnation}`) ?? 0),
    );
  }

  scan(partitions: ReadonlySet<number>, after: Key | null): { facts: PlainFact[]; next: Key | null } {
    const { partitionOf } = this.#options;
    const most = 20;
    const facts: PlainFact[] = [];
    const keys = [...this.#image.facts.keys()].sort();
    for (const key of keys) {
      if (after !== null && key <= after) continue;
      const fact = this.#image.facts.get(key);
      if (fact === undefined) continue;
      if (!partitions.has(partitionOf(key)) && !fact.to.some((partition) => partitions.has(partition)))
        continue;
      if (facts.length === most) return { facts, next: facts.at(-1)?.key ?? null };
      facts.push({ key, version: fact.version, packed: fact.packed, to: [...fact.to] });
    }
    return { facts, next: null };
  }

  digest(partition: number): Digest {
    let count = 0;
    // Independent of the order: each fact by itself.
    let total = 0;
    for (const { sum } of this.#factsIn(partition).values()) {
      count++;
      total = (total + sum) >>> 0;
    }
    return { count, sum: String(total) };
  }

  versionsOf(partition: number, after: Key | null, most: number): { key: Key; version: Version }[] {
    return [...this.#factsIn(partition)]
      .filter(([key]) => after === null || key > after)
      .map(([key, { version }]) => ({ key, version }))
      .sort((one, other) => (one.key < other.key ? -1 : 1))
      .slice(0, most);
  }

  factsOf(keys: readonly Key[]): PlainFact[] {
    return keys.flatMap((key) => {
      const fact = this.#image.facts.get(key);
      return fact === undefined
        ? []
        : [{ key, version: fact.version, packed: fact.packed, to: [...fact.to] }];
    });
  }

  /** What is owned no more. */
  drop(keep: (key: Key, fact: StoredFact) => boolean): void {
    for (const [key, fact] of this.#image.facts) {
      if (keep(key, fact)) continue;
      this.#image.facts.delete(key);
      this.#factsIn(this.#options.partitionOf(key)).delete(key);
    }
  }

  #put({ key, version, packed, live, to }: { key: Key } & StoredFact): void {
    if (version > this.#image.clock) this.#image.clock = version;
    const known = this.#image.facts.get(key);
    // A tombstone does not say whom the fact was addressed to: what it replaces did.
    const addressed = packed === null ? [] : this.#options.addressed(packed);
    const merged = merge(merge(known?.to ?? [], to), addressed);
    const kept = { version, packed, live, to: merged, sum: sumOf(key, version) };
    this.#image.facts.set(key, kept);
    this.#factsIn(this.#options.partitionOf(key)).set(key, kept);
    if ((this.#staged.get(key)?.version ?? noVersion) <= version) this.#staged.delete(key);
  }

  #log(origin: number, incarnation: number, entry: Copy): void {
    const place = `${origin} ${incarnation}`;
    const log = this.#image.logs.get(place) ?? [];
    // One lane may be ahead of the other one: what comes late has its place before what came first.
    const at = firstAbove(log, entry.seq);
    if (log[at - 1]?.seq === entry.seq) log[at - 1] = entry;
    else log.splice(at, 0, entry);
    this.#image.logs.set(place, log);
  }

  #write(apply: () => void, done: () => void): void {
    this.#open.apply.push(apply);
    this.#open.done.push(done);
    if (!this.#isWriting) this.#commit();
  }

  #commit(): void {
    const transaction = this.#open;
    if (transaction.apply.length === 0) return;
    this.#open = { apply: [], done: [] };
    this.#isWriting = true;
    this.#options.fsync(() => {
      for (const act of transaction.apply) act();
      this.#isWriting = false;
      this.#commit();
      for (const act of transaction.done) act();
    });
  }
}

function sumOf(key: Key, version: Version): number {
  let sum = 7;
  for (const character of `${key}${version}`) sum = (Math.imul(sum, 31) + character.charCodeAt(0)) >>> 0;
  return sum;
}

function merge(some: readonly number[], more: readonly number[]): readonly number[] {
  const added = more.filter((one) => !some.includes(one));
  return added.length === 0 ? some : [...some, ...added];
}

function firstAbove(log: readonly Copy[], seq: number): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((log[middle]?.seq ?? 0) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}
