// What two cores say to each other about the data they share. Declared once, here; what it means is in the replica-*.ts files.
import {
  bool,
  bytes,
  type Infer,
  list,
  oneOf,
  optional,
  struct,
  text,
  uint,
  union,
} from '../runtime/codec.ts';
import { keyCodec as key, versionCodec } from '../runtime/latin1-codec.ts';

/** What a value may take up, packed. */
const packed = bytes(262_144);

const mostPartitions = 1024;
export const mostEntries = 1024;
const mostOrigins = 4096;
const mostAuthors = 20_000;

/** Up to where somebody has a log: nodes are origins, and node + 2^31 is what a node relays. */
export const position = struct({ origin: uint, incarnation: uint, seq: uint });
export type Position = Infer<typeof position>;

/** `from`: copies of entries up to there may be missing from the log, though the facts are there: a scan brought them. */
const reach = struct({ origin: uint, incarnation: uint, seq: uint, from: uint });
export type Reach = Infer<typeof reach>;

/** An entry of a log. */
export const copy = struct({
  seq: uint,
  version: versionCodec,
  key,
  packed: optional(packed),
  live: bool,
  /** Partitions beside its own that it concerns. */
  to: list(uint, 128),
});
export type Copy = Infer<typeof copy>;

/** A fact without its place in a log. */
export const plainFact = struct({
  key,
  version: versionCodec,
  packed: optional(packed),
  /** As in an entry. A tombstone does not say itself whom it is addressed to. */
  to: list(uint, 128),
});
export type PlainFact = Infer<typeof plainFact>;

const term = struct({ partition: uint, term: uint });
export type Term = Infer<typeof term>;
const terms = list(term, mostPartitions);
const partitions = list(uint, mostPartitions);

/** `replica`: what the receiver owns. `committed`: what is addressed to it, or written by authors it wants. */
export const lane = oneOf('replica', 'committed');
export type Lane = Infer<typeof lane>;

/** Small, and never behind data. */
export const peerControl = union({
  /** Asks for the lease to be renewed. `confirmed`: the last pong that came in; `unheld`: partitions it owns and has not got yet. */
  ping: struct({
    id: uint,
    confirmed: uint,
    wallMs: uint,
    clock: versionCodec,
    epoch: uint,
    unheld: uint,
  }),
  pong: struct({ id: uint, leased: bool, wallMs: uint, clock: versionCodec, epoch: uint }),
  /** "I want to serve these, each under this term." */
  claim: struct({ id: uint, terms }),
  granted: struct({
    id: uint,
    granted: partitions,
    refused: list(struct({ partition: uint, term: uint, holder: uint }), mostPartitions),
    /** Of those granted: what the owner has all of. */
    held: partitions,
    /** Up to where the owner has each log, its own and its relay included. */
    have: list(reach, mostOrigins),
    clock: versionCodec,
  }),
  /** "I serve these no more, and never again under these terms." */
  release: struct({ terms }),
  /**
   * "I end now, and another process on my disk takes my place within so long: what nobody serves of mine is its to serve." Null: "I wish to do
   * so." 0: "It is my turn: take over what I give back."
   */
  leave: struct({ backWithinMs: optional(uint) }),
  /** "Somebody else wants what I have granted you: do you still use it?" Answered by a release, or not. */
  using: struct({ terms }),
  /** "I am the preferred server of these, and ready." */
  yield: struct({ partitions }),
  /** All that the sender serves. A higher `version` replaces a lower one. */
  serving: struct({ version: uint, terms }),
});
export type PeerControl = Infer<typeof peerControl>;

/** Of one store, that anybody remembers: it has another one after each time its disk was wiped or restored. */
export const mostLives = 32;

export const peerData = union({
  /** "Send me this lane from here on": the sender's own log and its relay. Replaces an earlier one of the same lane. */
  follow: struct({
    id: uint,
    lane,
    /** One bit a partition: those that the follower owns. */
    partitions: bytes(128),
    /** One for each life of a log. Without any: from its beginning. Incarnation 0: from now on. */
    positions: list(position, 2 * mostLives),
    /** The committed lane is not to begin before this version of the list of authors is there. */
    want: uint,
  }),
  /** Where the entries of this follow begin. */
  followed: struct({ follow: uint, lane, incarnation: uint, own: uint, relay: uint }),
  /** A piece of a log: it begins after `after` and says all there is for the follower up to `upTo`. */
  entries: struct({
    follow: uint,
    lane,
    origin: uint,
    incarnation: uint,
    after: uint,
    upTo: uint,
    entries: list(copy, mostEntries),
  }),
  /** The log does not go back so far: scan. `epoch`: of the ring by which it was trimmed, or of a later one. */
  trimmed: struct({ follow: uint, lane, epoch: optional(uint) }),
  /** All that concerns the sender of this up to here is on its disk. */
  stored: struct({ follow: uint, origin: uint, incarnation: uint, seq: uint }),
  /** Whoever has both lanes up to these heads has all with versions up to `closed` of the partitions served. */
  closed: struct({
    version: uint,
    /** Null: as the last of this version said. */
    terms: optional(terms),
    closed: versionCodec,
    head: uint,
    relay: uint,
    /** Up to where the logs go beyond that: on the sender's disk alone, perhaps. */
    own: uint,
    ownRelay: uint,
    /** Whoever has both lanes up to these heads lacks nothing up to there that was passed over on the way. */
    whole: uint,
    wholeRelay: uint,
    incarnation: uint,
  }),
  /** Authors whose entries the committed lane is to carry, from now on. In order of `version`, from 1. */
  want: struct({ version: uint, add: list(uint, mostAuthors), remove: list(uint, mostAuthors), from: uint }),
  wanted: struct({ version: uint }),
  /** Copies of somebody else's log: of `partitions`, and with `committed` also what the committed lane would carry. */
  pull: struct({
    id: uint,
    origin: uint,
    incarnation: uint,
    after: uint,
    upTo: uint,
    partitions,
    committed: bool,
  }),
  /** `lives`: those of the origin's store of which there are copies. Asked for incarnation 0, that is all there is. */
  pulled: struct({
    id: uint,
    entries: list(copy, mostEntries),
    upTo: uint,
    isLast: bool,
    /** Up to there the sender's copies have been trimmed, and something may be missing that was asked for; 0: nothing is. */
    trimmedUpTo: uint,
    lives: list(uint, 256),
  }),
  /** Copies that the receiver lacks. */
  give: struct({ id: uint, entries: list(copy, mostEntries) }),
  given: struct({ id: uint }),
  /**
   * `asOwner`: of any owner that holds them, for a claim; without: only where they are served. `guestsOf`: what lives at these homes and
   * is addressed to the partitions, and nothing else.
   */
  scan: struct({ id: uint, partitions, after: optional(key), asOwner: bool, guestsOf: optional(partitions) }),
  scanned: struct({
    id: uint,
    facts: list(plainFact, 4096),
    next: optional(key),
    /** Where the sender stood when it read this piece, in both lanes; its own logs are with the first. */
    have: list(position, mostOrigins),
    committed: list(position, mostOrigins),
    /** Up to where it lacked nothing of each log: see `whole` of `closed`. */
    whole: list(position, mostOrigins),
    /** Homes: what lives there and is addressed to the partitions may not all be with the sender. */
    lacking: partitions,
    terms,
  }),
  /** The scan can't be served: not (any more) the server of these. */
  unscanned: struct({ id: uint }),
  digest: struct({ partition: uint, count: uint, sum: text(40) }),
  /** What the sender has between two keys (all from `after` on when `upTo` is null). */
  compare: struct({
    partition: uint,
    after: optional(key),
    upTo: optional(key),
    facts: list(struct({ key, version: versionCodec }), 4096),
  }),
  compared: struct({ partition: uint, upTo: key }),
  /** What the receiver lacks; and keys of which the sender lacks what the receiver has. */
  repair: struct({ partition: uint, facts: list(plainFact, 4096), ask: list(key, 4096) }),
});
export type PeerData = Infer<typeof peerData>;
export type PeerMessage = PeerControl | PeerData;

const controlKinds: ReadonlySet<string> = new Set<PeerControl['kind']>([
  'ping',
  'pong',
  'claim',
  'granted',
  'release',
  'leave',
  'using',
  'yield',
  'serving',
]);

export function isControl(message: PeerMessage): message is PeerControl {
  return controlKinds.has(message.kind);
}

/** What a node passes on of others' entries has a log of its own. */
export const relayBit = 2 ** 31;

/** In a follow: from what is not yet stored by enough owners on. */
export const fromNow = 0;

/** A log, in one life of its store, as one key. */
export function placeOf(origin: number, incarnation: number): string {
  return `${origin}:${incarnation}`;
}

/** The log that `placeOf` has named. */
export function logAt(place: string): Pick<Position, 'origin' | 'incarnation'> {
  const [origin = 0, incarnation = 0] = place.split(':').map(Number);
  return { origin, incarnation };
}

export function relayOf(node: number): number {
  return node + relayBit;
}
