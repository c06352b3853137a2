// One simulated run under one seed: a cluster, clients, faults, then peace; and what the checkers say of it.
import { Checks } from './checks.ts';
import { emptyImage } from './disk.ts';
import { SimClients } from './sim-clients.ts';
import { SimFaults } from './sim-faults.ts';
import { SimFollowers } from './sim-followers.ts';
import { SimGateway } from './sim-gateway.ts';
import { ringOf, type SimManifest } from './sim-manifest.ts';
import { SimNode } from './sim-node.ts';
import type { Process } from './sim-process.ts';
import { readFrom } from './sim-reading.ts';
import { SimRing } from './sim-ring.ts';
import { World } from './world.ts';

export interface RunOptions {
  seed: number;
  /** Virtual milliseconds of trouble; peace comes after. */
  troubleMs?: number;
  /** Whether owners compare what they have, and mend it: true, if not said otherwise. It would hide in the end what went wrong before. */
  repairs?: boolean;
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
const calmMs = 2000;
/** After the trouble: clients go on so long, and then so long until all is as it stays. */
const peaceMs = 9000;
const quietMs = 6000;

/** The same seed gives the same run, event by event. */
export function simulate({ seed, troubleMs = 15_000, repairs = true }: RunOptions): RunReport {
  return new Run({ seed, troubleMs, repairs }).run();
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
  readonly #healedMs: number;
  readonly #counts: Record<string, number> = {};
  #incarnations = 0;
  #isOver = false;

  constructor({ seed, troubleMs, repairs }: Required<RunOptions>) {
    this.#seed = seed;
    this.#repairs = repairs;
    this.#healedMs = calmMs + troubleMs;
    const isLossy = seed % 4 === 3;
    const world = new World({ seed, isLossy, usualDelayMs: seed % 5 === 0 ? 80 : 8 });
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
      newIncarnation: () => ++this.#incarnations,
      count,
    });
    for (const node of cores) this.#add(node);
    this.#count('nodes', cores.length);
  }

  /** How many nodes there are, and how many of them own anything at first. */
  #size(): { cores: number[]; owning: number } {
    const { random } = this.#world;
    const count = 3 + random.below(random.chance(0.2) ? 7 : 3);
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
      closedEveryMs: this.#seed % 4 === 1 ? 100 : 400,
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
    const { events } = this.#world;
    for (const node of this.#nodes.values()) node.start();
    this.#world.start();
    this.#ring.keep();
    this.#watch();
    events.run(calmMs);
    for (let client = 0; client < clients; client++) this.#clients.begin(client);
    for (let count = 0; count < followers; count++) this.#followers.begin();
    this.#faults.begin();
    events.run(this.#healedMs);
    this.#faults.heal();
    events.run(this.#healedMs + peaceMs);
    this.#isOver = true;
    events.run(this.#healedMs + peaceMs + quietMs);
    this.#finish();
    const { violations } = this.#checks;
    this.#count('messages', this.#world.delivered);
    return { seed: this.#seed, violations, transcript: this.#world.transcript, counts: this.#counts };
  }

  /** Every so often all nodes tell the gateway what they serve; and the checkers look. */
  #watch(): void {
    this.#world.events.after(150, () => {
      for (const [node, { process }] of this.#nodes) {
        if (process !== null && !process.isPaused)
          this.#gateway.serving(node, process.replica.server.terms());
      }
      this.#look();
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

  #finish(): void {
    const ring = ringOf(this.#ring.manifest, partitions);
    const nodes = new Map<number, Process>();
    for (const [node, { process }] of this.#nodes) if (process !== null) nodes.set(node, process);
    this.#checks.finish({ ring, nodes, sessions: this.#followers.sessions });
  }
}
