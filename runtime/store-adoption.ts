// Adoption: facts that other cores accepted are taken in here. The higher version wins; how far their logs were read is written with them.
import type { Entry, Outcome, StoredFact } from './behaviours.ts';
import type { HybridClock } from './clock.ts';
import { type Key, kindOf } from './key.ts';
import { type LateFact, lateView } from './late-facts.ts';
import type { Batch } from './store-batch.ts';
import type { StoreCopies } from './store-copies.ts';
import type { StoreLog } from './store-log.ts';
import type { StorePlacement } from './store-placement.ts';
import type { Position } from './store-position.ts';
import type { StorePositions } from './store-positions.ts';
import { assertKey, type StoreWriter } from './store-writer.ts';
import type { Version } from './version.ts';
import { nowhere, unpackWire } from './wire-bytes.ts';

/** A fact as it comes from another core. */
export interface Copy {
  /** Its place in the log of its origin; not needed for what is not logged under it. */
  seq?: number;
  version: Version;
  key: Key;
  /** msgpack; null for a tombstone. */
  packed: Uint8Array | null;
  live: boolean;
  /** The partitions beside its own that it, or its former value, is addressed to. */
  to: readonly number[];
}

/**
 * `copy`: read from the log of its origin, and logged as a copy of it. `relay`: logged under the own relay, because it did not come from
 * its origin and others have to have it from here. `again`: the same, also when it is a fact here already. `state`: from a scan or a
 * repair, older than what any log is followed for.
 */
export type AdoptedFrom =
  | { kind: 'copy'; origin: number; incarnation: number }
  | { kind: 'relay' | 'again' | 'state' };

export interface Adoption {
  copies: readonly Copy[];
  from: AdoptedFrom;
  positions: readonly Position[];
  /** Of each key: everything up to this version was held to have come. What is news all the same is noted, see late-facts.ts. Absent: nothing is. */
  late?: (key: Key) => Version;
  /** Others may have left these versions behind, whatever is known here: all that is news is noted; of `again` what is a fact here, too. */
  isNewsToOthers?: boolean;
}

export interface Adopted {
  /** Those that are facts here now: not what was here already, or newer; nor what belongs to no partition of this store's. */
  entries: Entry[];
  /** The last position in the own relay. */
  relay: number;
  /** Resolves when everything, the positions included, is on the disk, and after `onAdopted`. */
  done: Promise<void>;
}

export interface AdoptionOptions {
  writer: StoreWriter;
  relay: StoreLog;
  copies: StoreCopies;
  clock: HybridClock;
  placement: StorePlacement;
  positions: StorePositions;
  /** The kind of facts that the search index looks at. */
  statusKind: string;
}

/** The highest version adopted stands here: the clock starts above it. */
export const seenKey = 'seen';

export class StoreAdoption {
  readonly #options: AdoptionOptions;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** All or nothing. Throws for bytes that are no fact, and what `derive` throws. */
  adopt({ copies, from, positions, late, isNewsToOthers = false }: Adoption): Outcome<Adopted> {
    const { writer, relay, clock, placement, statusKind } = this.#options;
    const refusal = writer.refusal({ deletes: copies.every(({ packed }) => packed === null) });
    if (refusal !== null) return { ok: false, rejection: refusal };
    const batch = writer.commit.open;
    const taken: { entry: Entry; copy: Copy; to: readonly number[] }[] = [];
    const known: Copy[] = [];
    writer.whole(batch, () => {
      for (const copy of copies) {
        assertKey(copy.key);
        if (from.kind === 'copy' && copy.seq === undefined)
          throw new RangeError('a copy has a place in its log');
        const before = writer.rows.writer.fact(copy.key);
        if (before?.version === copy.version) known.push(copy);
        if (!this.#isWanted(copy, before)) continue;
        const { key, version, packed, live } = copy;
        const value = packed === null ? null : unpackWire(packed);
        if (packed !== null && (value ?? null) === null)
          throw new RangeError('a value that is null is no value');
        const entry: Entry = { key, version, value, before, live };
        taken.push({ entry, copy, to: writer.stageFact(entry, packed, copy.to) });
      }
    });
    for (const { entry, copy, to } of taken) {
      this.#log(batch, copy, from, to);
      batch.adopted.push(entry);
      writer.replace(batch, entry);
      if (kindOf(copy.key) === statusKind && placement.ownsKey(copy.key)) batch.leaveUnindexed(copy.key);
      clock.observe(copy.version);
    }
    if (from.kind === 'again') for (const copy of known) this.#log(batch, copy, from, copy.to);
    for (const { copy } of taken)
      if (isNewsToOthers || (late !== undefined && copy.version <= late(copy.key))) this.#note(batch, copy);
    if (isNewsToOthers && from.kind === 'again') for (const copy of known) this.#note(batch, copy);
    if (taken.length > 0) batch.meta.set(seenKey, clock.last());
    this.#options.positions.stage(batch, positions);
    const entries = taken.map(({ entry }) => entry);
    // What was here already may still be on its way.
    if (batch.isEmpty)
      return { ok: true, value: { entries, relay: relay.head, done: writer.commit.drain() } };
    writer.commit.touch();
    return { ok: true, value: { entries, relay: relay.head, done: batch.done } };
  }

  /** These came late. Resolves when that is on the disk; what came more than a day ago is forgotten. */
  note(facts: readonly LateFact[], expired: readonly Key[]): Promise<void> {
    return this.#options.writer.stage((batch) => {
      for (const fact of facts) this.#note(batch, fact);
      for (const key of expired) batch.views.set(key, null);
    });
  }

  #note(batch: Batch, fact: LateFact): void {
    const { placement, clock } = this.#options;
    if (!placement.ownsKey(fact.key)) return;
    const { key, value } = lateView(fact, clock.last());
    batch.views.set(key, value);
  }

  #isWanted({ key, version, to }: Copy, before: StoredFact | null): boolean {
    if (before !== null && before.version >= version) return false;
    if (before !== null) return true;
    return this.#options.placement.holds(key, to);
  }

  #log(batch: Batch, copy: Copy, from: AdoptedFrom, to: readonly number[]): void {
    const { relay, copies } = this.#options;
    const { key, version, packed, live, seq } = copy;
    switch (from.kind) {
      case 'copy':
        // What this store wrote itself in an earlier life and has lost since is not in its log: it passes it on.
        if (copies.isOwn(from)) batch.lastRelayed = relay.append(batch, { key, version, packed, live, to });
        else copies.append(batch, from, seq ?? 0, { key, version, packed, live, to });
        return;
      case 'relay':
      case 'again':
        batch.lastRelayed = relay.append(batch, { key, version, packed, live, to });
        return;
      case 'state':
        batch.bytes += 2 * (key.length + (packed?.length ?? 0));
    }
  }
}

/** Bytes that a copy takes on its way, about. */
export function copyBytes({ key, packed, to }: Pick<Copy, 'key' | 'packed' | 'to'>): number {
  return 32 + key.length + (packed?.length ?? 0) + 2 * (to ?? nowhere).length;
}
