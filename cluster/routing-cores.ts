// The links to the cores of a cluster: one each, made and ended as the list of cores changes. What is asked on them is routing-client.ts's.
import type { Changed, Tick } from '../actors/messages.ts';
import { CoreLink } from './link-client.ts';
import { type LinkClock, machineClock, wakefulClock } from './link-clock.ts';
import { type Door, fileDoor, nodeDoor } from './link-door.ts';
import type { LinkLog } from './link-log.ts';
import type { CoreList, CorePlace, LinkRole, Serving } from './link-messages.ts';
import type { LinkMeter } from './link-meter.ts';
import { sameBytes } from './packed.ts';
import { nobody } from './routing-claims.ts';

export interface LinkedCore {
  readonly node: number;
  readonly link: CoreLink;
}

export interface RoutingIdentity {
  /** This node's, in PEM form. */
  tls: { key: string; cert: string };
  /** `linkKeyOf` the cluster. */
  linkKey: Uint8Array;
}

export interface RoutingCoresOptions {
  own: { linkFile: string; node: number } | null;
  identity: RoutingIdentity | null;
  name: string;
  /** As what it introduces itself: a gateway unless told. */
  role?: LinkRole;
  log: LinkLog;
  meter?: LinkMeter;
  clock?: LinkClock;
  /** Of links that the list still names: whoever is taken off it is `unlinked` first. */
  events: {
    tick(tick: Tick, core: number): void;
    changed(changed: Changed): void;
    linked(core: number): void;
    unlinked(core: number, reason: string): void;
    told(core: number, serving: Serving): void;
    /** The only one there is, or `nobody`. */
    soleIs(core: number): void;
    /** As of a CoreClient, but never absent. */
    portion(written: () => void): void;
    metrics(): Promise<unknown>;
  };
}

interface Core extends LinkedCore {
  /** Null: this machine's. */
  place: CorePlace | null;
  isLinked: boolean;
}

export class RoutingCores {
  readonly #options: RoutingCoresOptions;
  readonly #remoteClock: LinkClock;
  readonly #cores = new Map<number, Core>();
  readonly #closing = new Set<Promise<void>>();
  #topics: string[] = [];
  /** Of the list that holds. */
  #epoch = -1;
  #isClosed = false;

  constructor(options: RoutingCoresOptions) {
    this.#options = options;
    // A test's clock is told; a machine's may have slept.
    this.#remoteClock = options.clock ?? wakefulClock(machineClock);
    const { own } = options;
    if (own !== null) this.#add(own.node, null);
    // Told once this is there: whoever listens looks at it.
    queueMicrotask(() => this.#tellSole());
  }

  /** How many links are open. */
  get linked(): number {
    let count = 0;
    for (const { isLinked } of this.#cores.values()) if (isLinked) count++;
    return count;
  }

  /** The core of this node, if its lease holds now. */
  live(node: number): LinkedCore | null {
    const core = this.#cores.get(node);
    return core?.link.isUp === true ? core : null;
  }

  /** The core of this node, if it knows of the link to it. */
  at(node: number): LinkedCore | null {
    const core = this.#cores.get(node);
    return core?.link.isLinked === true ? core : null;
  }

  /** For how long the core of this node has not been live. */
  downForMs(node: number): number {
    return this.#cores.get(node)?.link.downForMs ?? 0;
  }

  /** All that can be asked now. */
  all(): LinkedCore[] {
    return [...this.#cores.values()].filter(({ link }) => link.isUp);
  }

  /** This machine's rather than others. */
  any(): LinkedCore | null {
    const own = this.#ownCore();
    if (own?.link.isUp === true) return own;
    for (const core of this.#cores.values()) if (core.link.isUp) return core;
    return null;
  }

  /** This machine's; any where it has none. */
  own(): LinkedCore | null {
    const own = this.#ownCore();
    if (own === undefined) return this.any();
    return own.link.isUp ? own : null;
  }

  listen(topics: string[]): void {
    this.#topics = topics;
    for (const { link } of this.#cores.values()) link.listen(topics);
  }

  set({ epoch, cores }: CoreList): void {
    // No cluster is without cores: such a list knows nothing.
    if (this.#isClosed || epoch < this.#epoch || cores.length === 0) return;
    this.#epoch = epoch;
    const named = new Map(cores.map((place) => [place.node, place]));
    for (const core of [...this.#cores.values()]) {
      const place = named.get(core.node);
      const isSame = place !== undefined && (core.place === null || samePlace(core.place, place));
      if (!isSame) this.#remove(core);
    }
    for (const [node, place] of named) {
      if (this.#cores.has(node)) continue;
      this.#add(node, node === this.#options.own?.node ? null : place);
    }
    this.#tellSole();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { link } of this.#cores.values()) this.#end(link);
    await Promise.all(this.#closing);
  }

  #ownCore(): Core | undefined {
    const { own } = this.#options;
    return own === null ? undefined : this.#cores.get(own.node);
  }

  #tellSole(): void {
    const [first] = this.#cores.keys();
    this.#options.events.soleIs(this.#cores.size === 1 && first !== undefined ? first : nobody);
  }

  #add(node: number, place: CorePlace | null): void {
    const door = this.#doorTo(place);
    if (door === null) return;
    const { name, role = 'gateway', log, meter, clock, events } = this.#options;
    const isKnown = (): boolean => this.#cores.get(node) === core;
    const link = new CoreLink({
      door,
      name,
      role,
      unsent: 'move',
      clock: place === null ? (clock ?? machineClock) : this.#remoteClock,
      ...(meter === undefined ? {} : { meter }),
      log: {
        info: (fields, text) => log.info({ core: node, ...fields }, text),
        warn: (fields, text) => log.warn({ core: node, ...fields }, text),
      },
      events: {
        tick: (tick) => {
          if (isKnown()) events.tick(tick, node);
        },
        changed: (changed) => events.changed(changed),
        up: () => {
          if (!isKnown()) return;
          core.isLinked = true;
          events.linked(node);
        },
        down: (reason) => {
          if (!isKnown()) return;
          core.isLinked = false;
          events.unlinked(node, reason);
        },
        serving: (serving) => {
          if (isKnown()) events.told(node, serving);
        },
        cores: (list) => this.set(list),
        portion: (written) => events.portion(written),
        metrics: () => events.metrics(),
      },
    });
    const core: Core = { node, place, link, isLinked: false };
    this.#cores.set(node, core);
    link.listen(this.#topics);
  }

  #doorTo(place: CorePlace | null): Door | null {
    const { own, identity, log } = this.#options;
    if (place === null) return own === null ? null : fileDoor(own.linkFile);
    if (identity === null) {
      log.warn({ core: place.node }, 'a core of another machine is out of reach: this node has no identity');
      return null;
    }
    const { tls, linkKey } = identity;
    const { addresses, publicKey } = place;
    return nodeDoor({ addresses, tls, key: linkKey, expects: (shown) => sameBytes(shown, publicKey) });
  }

  #remove(core: Core): void {
    this.#cores.delete(core.node);
    if (core.isLinked)
      this.#options.events.unlinked(core.node, 'it is no core of the cluster any more, or elsewhere');
    this.#end(core.link);
  }

  #end(link: CoreLink): void {
    const closed = link.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

function samePlace(one: CorePlace, other: CorePlace): boolean {
  return (
    sameBytes(one.publicKey, other.publicKey) &&
    JSON.stringify(one.addresses) === JSON.stringify(other.addresses)
  );
}
