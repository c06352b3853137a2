// One simulated run under one seed: a cluster, clients, faults, then peace; and what the checkers say of it.
import { wireBounds } from '../../cluster/wire-end.ts';
import type { Key } from '../../runtime/key.ts';
import { Checks, type End } from './checks.ts';
import { emptyImage } from './disk.ts';
import { SimClients } from './sim-clients.ts';
import { SimFaults } from './sim-faults.ts';
import { SimFollowers } from './sim-followers.ts';
import { SimGateway } from './sim-gateway.ts';
import { ringOf, type SimManifest } from './sim-manifest.ts';
import { SimNode } from './sim-node.ts';
import { type Process, wallZeroMs } from './sim-process.ts';
import { readFrom } from './sim-reading.ts';
import { SimRing } from './sim-ring.ts';
import { World } from './world.ts';

export interface RunOptions {
  seed: number;
  /** Virtual milliseconds of trouble; peace comes after. */
  troubleMs?: number;
  /** Whether owners compare what they have, and mend it: true, if not said otherwise. It would hide in the end what went wrong before. */
  repairs?: boolean;
  /** Ends the run with the first violation: false, if not said otherwise. */
  untilFound?: boolean;
}

export interface RunReport {
  seed: number;
  /** Each begins with the name of its checker and a colon. */
  violations: string[];
  transcript: string[];
  /** For a summary: what was done. */
  counts: Record<string, number>;
}

const partitions = 8;
const accounts = 16;
const clients = 4;
const followers = 4;
/** The cluster finds itself before clients and trouble come. */
const calmMs = 1200;
/** After the trouble: clients go on so long at most. */
const peaceMs = 9000;
/** Owners compare all their partitions, twice, and mend what differs. */
const quietMs = 9000;
/** When all is served and held again, clients go on so long; when all is as it should be in the end, it must be so still after as long. */
const sureMs = 1000;
const lookEveryMs = 500;
/** Links that are given up sooner than the product's are made anew more often. */
const soonSilentMs = 3000;

/** The same seed gives the same run, event by event. */
export function simulate(options: RunOptions): RunReport {
  return new Run({ troubleMs: 11_000, repairs: true, untilFound: false, ...options }).run();
}

class Run {
  readonly #world: World;
  readonly #nodes = new Map<number, SimNode>();
  readonly #checks: Checks;
  readonly #gateway: SimGateway;
  readonly #clients: SimClients;
  readonly #followers: SimFollowers;
  readonly #ring: SimRing;
  readonly #faults: SimFaults;
  readonly #seed: number;
  readonly #repairs: boolean;
  readonly #untilFound: boolean;
  readonly #healedMs: number;
  readonly #counts: Record<string, number> = {};
  #incarnations = 0;
  #isOver = false;

  constructor({ seed, troubleMs, repairs, untilFound }: Required<RunOptions>) {
    this.#seed = seed;
    this.#repairs = repairs;
    this.#untilFound = untilFound;
    const isOfRings = seed % 8 === 5;
    this.#healedMs = calmMs + (isOfRings ? 2 : 1) * troubleMs;
    const isLossy = seed % 4 === 3;
    const usualDelayMs = seed % 5 === 0 ? 80 : 8;
    const silenceMs = seed % 8 === 4 ? wireBounds.silenceMs : soonSilentMs;
    const world = new World({ seed, isLossy, usualDelayMs, silenceMs });
    this.#world = world;
    const nodes = this.#nodes;
    const checks = new Checks(world, partitions);
    this.#checks = checks;
    const count = (what: string): void => this.#count(what);
    const isOver = (): boolean => this.#isOver;
    const { cores, owning } = this.#size();
    this.#ring = new SimRing({ world, nodes, cores: cores.slice(0, owning), isOver, count });
    const gateway = new SimGateway({ world, nodes, partitions, answered: () => this.#look() });
    this.#gateway = gateway;
    this.#clients = new SimClients({ world, checks, gateway, partitions, accounts, isOver, count });
    this.#followers = new SimFollowers({ world, nodes, checks, gateway, accounts, count });
    this.#faults = new SimFaults({
      world,
      nodes,
      ring: this.#ring,
      partitions,
      untilMs: this.#healedMs,
      isOfRings,
      newIncarnation: () => ++this.#incarnations,
      count,
      trimmed: () => checks.trimmed(),
    });
    for (const node of cores) this.#add(node);
    this.#count('nodes', cores.length);
  }

  /** How many nodes there are, and how many of them own anything at first. */
  #size(): { cores: number[]; owning: number } {
    const { random } = this.#world;
    // What N nodes say to each other grows with N²; most of what can go wrong needs three owners and one more.
    const count = 3 + (random.chance(0.1) ? random.below(7) : random.below(random.chance(0.5) ? 2 : 3));
    const cores = Array.from({ length: count }, (_, at) => at + 1);
    if (random.chance(0.15)) return { cores, owning: 2 };
    if (random.chance(0.1)) return { cores, owning: 1 };
    return { cores, owning: Math.min(count, 3 + random.below(count - 2)) };
  }

  #count(what: string, by = 1): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + by;
  }

  #add(node: number): void {
    const world = this.#world;
    const nodes = this.#nodes;
    const { manifest } = this.#ring;
    const image = emptyImage(++this.#incarnations);
    // A cluster is made of stores that hold what they own: nothing, at first.
    image.records.set('held', [image.incarnation, ringOf(manifest, partitions).held(node), []]);
    const sim = new SimNode({
      node,
      world,
      image,
      partitions,
      closedEveryMs: this.#seed % 8 === 1 ? 100 : 500,
      digestEveryMs: this.#repairs ? 700 : Number.POSITIVE_INFINITY,
      fsyncMs: this.#seed % 6 === 5 ? 30 : 2,
      manifest,
      serving: (from, terms) => this.#gateway.serving(from, terms),
      pushed: (session, entry, cursor) => this.#checks.pushed(session, entry, cursor),
      committed: (key, version) => this.#checks.committed(key, version),
      identityOf: (peer) => {
        const other = nodes.get(peer);
        return { node: peer, boot: other?.process?.boot ?? '', incarnation: other?.image.incarnation ?? 0 };
      },
      read: (from, wanted, account, done) =>
        readFrom({ world, nodes, from, wanted, account, partitions }, done),
      gossip: (from, to, known) => this.#gossip(from, to, known),
    });
    // No two clocks agree, but they are within what is allowed.
    sim.wallOffsetMs = world.random.between(-200, 200);
    nodes.set(node, sim);
    world.place(node, sim);
  }

  #gossip(from: number, to: number, manifest: SimManifest): void {
    const { events, random } = this.#world;
    events.after(random.between(1, 30), () => {
      if (!this.#world.isCut(from, to)) this.#nodes.get(to)?.process?.adopt(manifest);
    });
  }

  run(): RunReport {
    for (const node of this.#nodes.values()) node.start();
    this.#world.start();
    this.#ring.keep();
    this.#watch();
    this.#run(calmMs);
    for (let client = 0; client < clients; client++) this.#clients.begin(client);
    for (let count = 0; count < followers; count++) this.#followers.begin();
    this.#faults.begin();
    this.#run(this.#healedMs);
    this.#faults.heal({ staysAhead: this.#seed % 16 === 6 });
    this.#checks.peace();
    this.#wait(peaceMs, () => this.#isServed());
    this.#isOver = true;
    this.#wait(quietMs, () => this.#checks.isFinished(this.#end()));
    if (!this.#isFound) this.#checks.finish(this.#end());
    const { violations } = this.#checks;
    this.#count('messages', this.#world.delivered);
    return { seed: this.#seed, violations, transcript: this.#world.transcript, counts: this.#counts };
  }

  get #isFound(): boolean {
    return this.#untilFound && this.#checks.violations.length > 0;
  }

  #run(untilMs: number): void {
    while (!this.#isFound && this.#world.events.step(untilMs)) {
      // As long as there is something.
    }
  }

  /** Until it has been so for long enough, or it takes too long. Every eighth seed waits to the end: what is well may fall ill again. */
  #wait(mostMs: number, isWell: () => boolean): void {
    const { events } = this.#world;
    const endMs = events.nowMs + mostMs;
    const isPatient = this.#seed % 8 === 6;
    let sinceMs: number | null = null;
    while (!this.#isFound && events.nowMs < endMs) {
      this.#run(Math.min(endMs, events.nowMs + lookEveryMs));
      if (!isWell()) sinceMs = null;
      else sinceMs ??= events.nowMs;
      if (!isPatient && sinceMs !== null && events.nowMs - sinceMs >= sureMs) return;
    }
  }

  /** Everybody has what they own, each partition has its server, and sessions are live. */
  #isServed(): boolean {
    const ring = ringOf(this.#ring.manifest, partitions);
    const processes = [...this.#nodes.values()].map(({ process }) => process);
    if (processes.some((process) => process === null || process.replica.scans.missing().length > 0))
      return false;
    for (let partition = 0; partition < partitions; partition++) {
      const { owners } = ring.placement(partition);
      if (!owners.some((node) => this.#nodes.get(node)?.process?.replica.server.isOpen(partition)))
        return false;
    }
    return this.#followers.sessions.every(({ isLive }) => isLive);
  }

  /** Every so often all nodes tell the gateway what they serve; and the checkers look. */
  #watch(): void {
    this.#world.events.after(150, () => {
      for (const [node, { process }] of this.#nodes) {
        if (process !== null && !process.isPaused)
          this.#gateway.serving(node, process.replica.server.openTerms());
      }
      this.#look();
      this.#readAll();
      this.#watch();
    });
  }

  #look(): void {
    for (let partition = 0; partition < partitions; partition++) {
      const live: { node: number; term: number }[] = [];
      for (const [node, { process }] of this.#nodes) {
        const term = process === null || process.isPaused ? null : process.replica.server.term(partition);
        if (term !== null) live.push({ node, term });
      }
      this.#checks.live(partition, live);
    }
  }

  #readAll(): void {
    for (const [node, { process }] of this.#nodes) {
      if (process === null || process.isPaused) continue;
      const fact = (key: Key) => process.disk.fact(key)?.version;
      for (let partition = 0; partition < partitions; partition++)
        if (process.replica.server.isOpen(partition)) this.#checks.served(partition, { node, fact });
    }
  }

  #end(): End {
    const ring = ringOf(this.#ring.manifest, partitions);
    const nodes = new Map<number, Process>();
    for (const [node, { process }] of this.#nodes) if (process !== null) nodes.set(node, process);
    const wallMs = wallZeroMs + this.#world.events.nowMs;
    return { ring, nodes, sessions: this.#followers.sessions, wallMs };
  }
}
