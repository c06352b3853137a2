// What the replication of a core needs of the world: a store, links to other cores, two clocks. The simulation has its own of each.
import type { Key } from '../runtime/key.ts';
import type { Version } from '../runtime/version.ts';
import type { Copy, Lane, PeerMessage, PlainFact, Position } from './peer-messages.ts';

export interface LanePosition extends Position {
  /** `whole`: up to there both lanes were here, and nothing is missing that was passed over on the way. */
  lane: Lane | 'whole';
}

export interface Adoption {
  copies: readonly (Copy | (PlainFact & { live: boolean }))[];
  /**
   * `copy`: they are logged under their origin. `relay`: in this node's relay, for they did not come from their origin. `again`: in
   * the relay, although they are facts here already. `state`: not logged, they are older than what any log is followed for.
   */
  from: { kind: 'copy'; origin: number; incarnation: number } | { kind: 'relay' | 'again' | 'state' };
  /** Written in the same transaction. */
  positions: readonly LanePosition[];
  /**
   * Perhaps they were told to nobody, and others may have left their versions behind them, whatever is known here: all that is news is
   * noted as come late; of `again` what is a fact here already, too.
   */
  isNewsToOthers?: boolean;
}

/** What of it is news may have come late: it is of a log that is followed now. What a scan brings is older than that. */
export function mayBeLate({ from }: Pick<Adoption, 'from'>): boolean {
  return from.kind === 'copy' || from.kind === 'relay';
}

export interface Piece {
  entries: Copy[];
  /** Everything up to here was looked at. */
  upTo: number;
}

export interface Digest {
  count: number;
  sum: string;
}

/** Up to where somebody has a log, in one of its lives. */
export interface Reached {
  incarnation: number;
  seq: number;
}

/** A store as replication sees it. What is read is on the disk. */
export interface ReplicaStore {
  /** This life of the store. */
  readonly incarnation: number;
  /** The highest version given or seen. */
  readonly clock: Version;
  observe(version: Version): void;
  /** No version up to this one is on its way to the disk any more. */
  readonly settled: Version;
  /** The last entry on the disk of the node's own log, or of its relay. */
  head(of: 'own' | 'relay'): number;
  /** Entries of the own log that are on their way to the disk. */
  readonly inFlight: number;
  /**
   * Where somebody goes on who has reached these places of the own log or relay, one in each of its lives. A life that is not known here
   * has left nothing on this disk: who knows no other begins at the beginning. Null: what comes next is trimmed.
   */
  resume(of: 'own' | 'relay', reached: readonly Reached[]): number | null;
  /** Entries of any origin up to there may be trimmed: who needs them finds the facts, if anything. */
  trimmedUpTo(origin: number, incarnation: number): number;
  /** Entries of any origin after a place, ascending; null when they are trimmed. */
  read(origin: number, incarnation: number, after: number, most: number): Piece | null;
  /** The lives of another origin's log of which there are copies. */
  livesOf(origin: number): number[];
  adopt(adoption: Adoption, done: () => void): void;
  /** These are on the disk already, and news to whoever has left their versions behind. */
  noteLate(entries: readonly Pick<Copy, 'key' | 'version'>[], done: () => void): void;
  /** Where it stood in other logs when it was opened. */
  positions(): LanePosition[];
  /** Facts of these homes and (guests) those addressed to them, from a key on, in order of keys. */
  scan(partitions: ReadonlySet<number>, after: Key | null): { facts: PlainFact[]; next: Key | null };
  digest(partition: number): Digest;
  versionsOf(partition: number, after: Key | null, most: number): { key: Key; version: Version }[];
  factsOf(keys: readonly Key[]): PlainFact[];
  /** Small records beside the facts: written together. */
  keep(records: readonly (readonly [string, unknown])[], done: () => void): void;
  kept(name: string): unknown;
}

/** Another core, as this one is linked to it. */
export interface PeerIdentity {
  node: number;
  /** Of its process: another one after each start. */
  boot: string;
  /** Of its store. */
  incarnation: number;
}

export interface ReplicaClock {
  /** Never goes back and never jumps. */
  monoMs(): number;
  /** Since 1970. */
  wallMs(): number;
}

export type Send = (node: number, message: PeerMessage) => void;
