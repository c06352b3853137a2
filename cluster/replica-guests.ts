// Guests that may be missing: what no lane brings any more is asked of those who serve its homes. What is owned replica-scans.ts gets.
import type { Key } from '../runtime/key.ts';
import type { PeerMessage } from './peer-messages.ts';
import type { ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { Ring } from './ring.ts';

/** Of the homes that one node serves. */
interface Asked {
  id: number;
  server: number;
  /** Those still hoped for, with the terms at the beginning: another server may have had what this one had not yet. */
  terms: Map<number, number>;
  pieceMs: number;
}

export interface GuestsOptions {
  self: number;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: () => Ring;
  send: Send;
  /** This node has all facts of that home. */
  holds(partition: number): boolean;
  serverOf(partition: number): number | null;
  termsOf(node: number): ReadonlyMap<number, number>;
  /** All that may have been missing is here. */
  found(): void;
}

const owedName = 'guests';
const pieceMostMs = 10_000;
/** Added to the ids of these scans: other ones answer to the same message. */
const guestIds = 2 ** 41;

export class Guests {
  readonly #options: GuestsOptions;
  /** Homes of which guests may be missing here. On disk. */
  #owed: Set<number>;
  #asked: Asked | null = null;
  #hasBrought = false;
  #lastId = guestIds;

  constructor(options: GuestsOptions) {
    this.#options = options;
    const kept = options.store.kept(owedName);
    this.#owed = new Set(Array.isArray(kept) ? (kept as number[]) : []);
  }

  /** Homes of which some may be missing: who gets partitions from here does not get all that is addressed to them. */
  owed(): number[] {
    return [...this.#owed];
  }

  /** Something that lives at one of these homes may have been passed over, and be addressed to what this node owns. */
  owe(homes: readonly number[]): void {
    // What is being asked for may have been looked at before.
    for (const home of homes) this.#asked?.terms.delete(home);
    const isKnown = homes.every((home) => this.#owed.has(home));
    for (const home of homes) this.#owed.add(home);
    if (!isKnown) this.#keep();
  }

  /** Of any home: nobody knows which. */
  oweAll(): void {
    this.owe(Array.from({ length: this.#options.ring().partitions }, (_, partition) => partition));
  }

  #keep(): void {
    this.#options.store.keep([[owedName, [...this.#owed]]], () => {});
  }

  /** Asks the next server. One at a time: it looks at all it has. */
  tick(): void {
    const { clock, serverOf, ring, self, holds } = this.#options;
    if (this.#asked !== null && clock.monoMs() - this.#asked.pieceMs > pieceMostMs) this.#asked = null;
    if (this.#asked !== null || this.#owed.size === 0) return;
    // Of a home that is here its guests elsewhere are, too; what is owned and not here yet is scanned.
    this.#pay([...this.#owed].filter(holds));
    for (const home of this.#owed) {
      const server = serverOf(home);
      if (server === null || ring().holds(self, home)) continue;
      this.#begin(server);
      return;
    }
  }

  #begin(server: number): void {
    const { clock, termsOf, ring, self } = this.#options;
    const isMeant = (home: number): boolean => this.#owed.has(home) && !ring().holds(self, home);
    const terms = new Map([...termsOf(server)].filter(([home]) => isMeant(home)));
    if (terms.size === 0) return;
    this.#asked = { id: ++this.#lastId, server, terms, pieceMs: clock.monoMs() };
    this.#ask(this.#asked, null);
  }

  #ask({ id, server, terms }: Asked, after: Key | null): void {
    const { self, ring, send } = this.#options;
    const partitions = [...ring().held(self)];
    send(server, { kind: 'scan', id, partitions, after, asOwner: false, guestsOf: [...terms.keys()] });
  }

  /** A piece: the next one is asked for when it is on the disk. False: it is not one of these. */
  scanned(node: number, message: Extract<PeerMessage, { kind: 'scanned' }>): boolean {
    if (message.id <= guestIds) return false;
    const asked = this.#asked;
    if (asked === null || asked.id !== message.id || asked.server !== node) return true;
    const { store, clock } = this.#options;
    for (const [home, term] of asked.terms)
      if (!message.terms.some((served) => served.partition === home && served.term === term))
        asked.terms.delete(home);
    asked.pieceMs = clock.monoMs();
    this.#hasBrought ||= message.facts.length > 0;
    const copies = message.facts.map((fact) => ({ ...fact, live: false }));
    store.adopt({ copies, from: { kind: 'state' }, positions: [] }, () => {
      if (this.#asked !== asked) return;
      if (message.next !== null && asked.terms.size > 0) this.#ask(asked, message.next);
      else this.#end(asked);
    });
    return true;
  }

  #end({ terms }: Asked): void {
    this.#asked = null;
    this.#pay([...terms.keys()]);
  }

  #pay(homes: readonly number[]): void {
    if (homes.length === 0) return;
    for (const home of homes) this.#owed.delete(home);
    this.#keep();
    if (this.#owed.size > 0 || !this.#hasBrought) return;
    this.#hasBrought = false;
    this.#options.found();
  }

  /** It can't be had there now: it is tried again. */
  unscanned(id: number): void {
    if (this.#asked?.id === id) this.#asked = null;
  }

  unlinked(node: number): void {
    if (this.#asked?.server === node) this.#asked = null;
  }
}
