// A core's store as replication sees it. What the store cannot take in just now (it is busy, or its disk nearly full) is tried again.
import type { Entry } from '../runtime/behaviours.ts';
import type { Key } from '../runtime/key.ts';
import type { Store } from '../runtime/store.ts';
import type { Version } from '../runtime/version.ts';
import { type Copy, type PlainFact, relayOf } from './peer-messages.ts';
import {
  type Adoption,
  type Digest,
  type LanePosition,
  mayBeLate,
  type Piece,
  type Reached,
  type ReplicaStore,
} from './replica-ports.ts';

/** A piece of a scan: a frame holds four of them. */
const scanBytes = 200_000;
const againMs = 50;
/** Of entries in one message, values and about what is around them. A frame holds two. */
const pieceBytes = 400_000;
const overheadBytes = 150;

export class CoreReplicaStore implements ReplicaStore {
  readonly #store: Store;
  readonly #node: number;
  readonly #closedOf: (key: Key) => Version;
  /** Adoptions that had to wait, in their order: a later one must not overtake the position of an earlier one. */
  readonly #waiting: { adoption: Adoption; done: () => void }[] = [];
  #again: NodeJS.Timeout | null = null;
  /** Facts that are on their way to the disk, and of whose message replication will say that it has arrived. */
  readonly #arriving = new Map<string, Entry>();
  /** Nothing is taken in any more, and nobody is told. */
  #isClosed = false;

  /** `closedOf`: everything of the key's partition up to there has come, as far as is known. */
  constructor(store: Store, node: number, closedOf: (key: Key) => Version) {
    this.#store = store;
    this.#node = node;
    this.#closedOf = closedOf;
  }

  get incarnation(): number {
    return this.#store.incarnation;
  }

  get clock(): Version {
    return this.#store.given;
  }

  get settled(): Version {
    return this.#store.settled;
  }

  get inFlight(): number {
    const { head, committed } = this.#store.logs.own;
    return head - committed;
  }

  observe(version: Version): void {
    this.#store.clock.observe(version);
  }

  head(of: 'own' | 'relay'): number {
    return this.#store.logs[of].committed;
  }

  resume(of: 'own' | 'relay', reached: readonly Reached[]): number | null {
    return this.#store.logs[of].resume(reached);
  }

  trimmedUpTo(origin: number, incarnation: number): number {
    return this.#store.logs.trimmedUpTo({ origin, incarnation });
  }

  read(origin: number, incarnation: number, after: number, most: number): Piece | null {
    const piece = this.#store.logs.read({ origin, incarnation }, after, most);
    if (piece === null) return null;
    // What fits a frame. The rest is read on from the last of these.
    const entries = withinFrame(piece.entries);
    const upTo = entries.length === piece.entries.length ? piece.upTo : (entries.at(-1)?.seq ?? after);
    return { entries: entries.map(entryOf), upTo };
  }

  livesOf(origin: number): number[] {
    return this.#store.logs.copies
      .origins()
      .flatMap((known) => (known.origin === origin ? [known.incarnation] : []));
  }

  positions(): LanePosition[] {
    return this.#store.positions;
  }

  adopt(adoption: Adoption, done: () => void): void {
    if (this.#isClosed) return;
    if (this.#waiting.length > 0 || !this.#tryAdopting(adoption, done)) {
      this.#waiting.push({ adoption, done });
      this.#again ??= setTimeout(() => this.#goOn(), againMs);
    }
  }

  noteLate(entries: readonly Pick<Copy, 'key' | 'version'>[], done: () => void): void {
    // A disk that fails ends the process.
    if (!this.#isClosed) this.#store.noteLate(entries, Date.now()).then(done, () => {});
  }

  /** Those of whom nobody will say that they have arrived: what a scan or a repair has brought. */
  unannounced(entries: readonly Entry[]): Entry[] {
    return entries.filter((entry) => !this.#arriving.has(placeOf(entry)));
  }

  /** The fact that this copy has become here; null: it was one already, or is none. */
  arrived(copy: Pick<Copy, 'key' | 'version'>): Entry | null {
    const place = placeOf(copy);
    const entry = this.#arriving.get(place);
    this.#arriving.delete(place);
    return entry ?? null;
  }

  #goOn(): void {
    this.#again = null;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#tryAdopting(next.adoption, next.done)) {
        this.#again = setTimeout(() => this.#goOn(), againMs);
        return;
      }
      this.#waiting.shift();
    }
  }

  #tryAdopting(adoption: Adoption, done: () => void): boolean {
    const adopted = this.#store.adopt(mayBeLate(adoption) ? { ...adoption, late: this.#closedOf } : adoption);
    if (adopted.ok && adoption.from.kind !== 'state')
      for (const entry of adopted.value.entries) this.#arriving.set(placeOf(entry), entry);
    // A disk that fails ends the process: nobody waits for this then.
    if (adopted.ok) adopted.value.done.then(done, () => {});
    return adopted.ok;
  }

  scan(partitions: ReadonlySet<number>, after: Key | null): { facts: PlainFact[]; next: Key | null } {
    const { facts, next } = this.#store.scan.step({ partitions, guests: true, after, mostBytes: scanBytes });
    return { facts: facts.map(plainOf), next };
  }

  digest(partition: number): Digest {
    return this.#store.digest(partition);
  }

  versionsOf(partition: number, after: Key | null, most: number): { key: Key; version: Version }[] {
    return this.#store.scan.versionsOf(partition, after, most);
  }

  factsOf(keys: readonly Key[]): PlainFact[] {
    // What does not fit a frame differs still, and is seen the next time.
    return withinFrame(this.#store.scan.factsOf(keys)).map(plainOf);
  }

  keep(records: readonly (readonly [string, unknown])[], done: () => void): void {
    // What is on its way to the disk at the end may lead to more: the store would write that after it has closed.
    if (!this.#isClosed) this.#store.records.write(records).then(done, () => {});
  }

  kept(name: string): unknown {
    return this.#store.records.read(name);
  }

  /** To be called before the store closes. */
  close(): void {
    this.#isClosed = true;
    if (this.#again !== null) clearTimeout(this.#again);
    this.#waiting.length = 0;
  }

  /** The node's own logs, as origins. */
  get origins(): [own: number, relay: number] {
    return [this.#node, relayOf(this.#node)];
  }
}

function placeOf({ key, version }: Pick<Copy, 'key' | 'version'>): string {
  return version + key;
}

/** The first ones that together are not too much for a message; one at least. */
function withinFrame<T extends { packed: Uint8Array | null }>(all: T[]): T[] {
  let bytes = 0;
  const end = all.findIndex(({ packed }, place) => {
    bytes += overheadBytes + (packed?.length ?? 0);
    return place > 0 && bytes > pieceBytes;
  });
  return end < 0 ? all : all.slice(0, end);
}

function entryOf({
  seq,
  version,
  key,
  packed,
  live,
  to,
}: Copy | ({ seq: number; to: readonly number[] } & Omit<Copy, 'to'>)): Copy {
  return { seq, version, key, packed, live, to: [...to] };
}

function plainOf({ key, version, packed, to }: { to: readonly number[] } & Omit<PlainFact, 'to'>): PlainFact {
  return { key, version, packed, to: [...to] };
}
