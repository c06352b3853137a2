// One simulated run under one seed: a cluster, clients, faults, then peace; and what the checkers say of it.
import type { Term } from '../../cluster/peer-messages.ts';
import { RingKeeper } from '../../cluster/ring-keeper.ts';
import type { Key } from '../../runtime/key.ts';
import { noVersion } from '../../runtime/version.ts';
import { Checks } from './checks.ts';
import { copyImage, emptyImage, type Image } from './disk.ts';
import {
  type Ask,
  type Facts,
  handleKey,
  isPost,
  postKey,
  profileKey,
  type Reply,
  type SimSession,
} from './requests.ts';
import { type Process, ringOf, type SimManifest, SimNode } from './sim-node.ts';
import { World } from './world.ts';

export interface RunOptions {
  seed: number;
  /** Virtual milliseconds of trouble; peace comes after. */
  troubleMs?: number;
}

export interface RunReport {
  seed: number;
  violations: string[];
  transcript: string[];
  /** For a summary: what was done. */
  counts: Record<string, number>;
}

const partitions = 8;
const accounts = 16;
const gateway = 1000;
/** The cluster finds itself before clients and trouble come. */
const calmMs = 2000;
const replyPatienceMs = 2500;

interface Known {
  version: number;
  terms: Map<number, number>;
}

export function simulate({ seed, troubleMs = 15_000 }: RunOptions): RunReport {
  return new Run(seed, troubleMs).run();
}

class Run {
  readonly #world: World;
  readonly #nodes = new Map<number, SimNode>();
  readonly #checks: Checks;
  readonly #seed: number;
  readonly #troubleMs: number;
  readonly #known = new Map<number, Known>();
  readonly #backups = new Map<number, Image>();
  readonly #sessions: SimSession[] = [];
  readonly #counts: Record<string, number> = {};
  #manifest: SimManifest;
  #incarnations = 0;
  #posts = 0;
  #lastSession = 0;
  #lastWipeMs = Number.NEGATIVE_INFINITY;
  #isOver = false;

  constructor(seed: number, troubleMs: number) {
    this.#seed = seed;
    this.#troubleMs = troubleMs;
    const isLossy = seed % 4 === 3;
    this.#world = new World({ seed, isLossy, usualDelayMs: seed % 5 === 0 ? 80 : 8 });
    const { random } = this.#world;
    this.#checks = new Checks(this.#world, partitions);
    const count = 3 + random.below(random.chance(0.2) ? 7 : 3);
    const size = random.chance(0.15)
      ? 2
      : random.chance(0.1)
        ? 1
        : Math.min(count, 3 + random.below(count - 2));
    const cores = Array.from({ length: count }, (_, at) => at + 1);
    this.#manifest = { epoch: 1, cores: cores.slice(0, size), next: null };
    for (const node of cores) this.#add(node);
    this.#count('nodes', count);
  }

  #count(what: string, by = 1): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + by;
  }

  #add(node: number): void {
    const image = emptyImage(++this.#incarnations);
    // A cluster is made of stores that hold what they own: nothing, at first.
    const ring = ringOf(this.#manifest, partitions);
    image.records.set('held', [image.incarnation, ring.held(node), []]);
    const sim = new SimNode({
      node,
      world: this.#world,
      image,
      partitions,
      closedEveryMs: this.#seed % 4 === 1 ? 100 : 400,
      manifest: this.#manifest,
      serving: (from, terms) => this.#serving(from, terms),
      pushed: (session, entry, cursor) => this.#checks.pushed(session, entry, cursor),
      identityOf: (peer) => {
        const other = this.#nodes.get(peer);
        return { node: peer, boot: other?.process?.boot ?? '', incarnation: other?.image.incarnation ?? 0 };
      },
      read: (from, wanted, account, done) => this.#readFrom({ from, wanted, account }, done),
      gossip: (from, to, manifest) => this.#gossip(from, to, manifest),
    });
    // No two clocks agree, but they are within what is allowed.
    sim.wallOffsetMs = this.#world.random.between(-200, 200);
    this.#nodes.set(node, sim);
    this.#world.place(node, sim);
  }

  #gossip(from: number, to: number, manifest: SimManifest): void {
    this.#world.events.after(this.#world.random.between(1, 30), () => {
      if (!this.#world.isCut(from, to)) this.#nodes.get(to)?.process?.adopt(manifest);
    });
  }

  run(): RunReport {
    const { events } = this.#world;
    for (const node of this.#nodes.values()) node.start();
    this.#world.start();
    this.#keep();
    this.#watch();
    events.run(calmMs);
    for (let client = 0; client < 4; client++) this.#client(client);
    for (let count = 0; count < 4; count++) this.#session();
    this.#trouble();
    const healedMs = calmMs + this.#troubleMs;
    events.run(healedMs);
    this.#heal();
    events.run(healedMs + 9000);
    this.#isOver = true;
    events.run(healedMs + 15_000);
    this.#finish();
    const { violations } = this.#checks;
    this.#count('messages', this.#world.delivered);
    return { seed: this.#seed, violations, transcript: this.#world.transcript, counts: this.#counts };
  }

  // Gateways

  #serving(node: number, terms: readonly Term[]): void {
    const known = new Map(terms.map(({ partition, term }) => [partition, term]));
    this.#world.events.after(this.#world.random.between(0.5, 20), () => {
      if (!this.#world.isCut(node, gateway)) this.#known.set(node, { version: 0, terms: known });
    });
  }

  /** Every so often all nodes tell the gateway what they serve; and the checkers look. */
  #watch(): void {
    this.#world.events.after(150, () => {
      for (const [node, { process }] of this.#nodes) {
        if (process !== null && !process.isPaused) this.#serving(node, process.replica.server.terms());
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

  #serverOf(account: number): number | null {
    const partition = account % partitions;
    let best: { node: number; term: number } | null = null;
    for (const [node, { terms }] of this.#known) {
      const term = terms.get(partition);
      if (term !== undefined && (best === null || term > best.term)) best = { node, term };
    }
    return best?.node ?? null;
  }

  /** One attempt. Null: no answer came. */
  #attempt(node: number, ask: Ask, done: (reply: Reply | null) => void): void {
    const { events, random } = this.#world;
    let isDone = false;
    const finish = (reply: Reply | null): void => {
      if (isDone) return;
      isDone = true;
      done(reply);
    };
    events.after(replyPatienceMs, () => finish(null));
    events.after(random.between(0.3, 10), () => {
      const process = this.#nodes.get(node)?.process ?? null;
      if (process === null || this.#world.isCut(gateway, node)) return;
      process.ask(ask, (reply) => {
        this.#look();
        events.after(random.between(0.3, 10), () => {
          if (!this.#world.isCut(node, gateway)) finish(reply);
        });
      });
    });
  }

  /** Until somebody answers, or it is over. */
  #request(ask: Ask, done: (reply: Reply | null, wasSent: boolean) => void, left = 12): void {
    const node = this.#serverOf(ask.account);
    const again = (): void => {
      if (left <= 0) done(null, false);
      else this.#world.events.after(250, () => this.#request(ask, done, left - 1));
    };
    if (node === null) return again();
    this.#attempt(node, ask, (reply) => {
      if (reply?.kind === 'moved') again();
      // A read can be asked again; what became of a write is not known.
      else if (reply === null && ask.kind === 'read') again();
      else done(reply, true);
    });
  }

  #readFrom(asked: { from: Process; wanted: number; account: number }, done: (facts: Facts) => void): void {
    const { from, wanted, account } = asked;
    const partition = account % partitions;
    const again = (): void => this.#world.events.after(200, () => this.#readFrom(asked, done));
    if (from.isDead) return;
    const server = from.replica.serverOf(partition);
    const node = server === null ? undefined : this.#nodes.get(server);
    if (server === null || node === undefined || node.process === null) return again();
    const isSelf = node.process === from;
    if (!isSelf && !from.replica.isWanted(server, wanted)) return again();
    this.#world.events.after(isSelf ? 0 : 3, () => {
      const process = node.process;
      if (process === null) return again();
      let isAnswered = false;
      this.#world.events.after(1500, () => {
        if (!isAnswered) {
          isAnswered = true;
          again();
        }
      });
      process.ask({ kind: 'read', account }, (reply) => {
        if (isAnswered) return;
        isAnswered = true;
        if (reply.kind !== 'read') again();
        else this.#world.events.after(isSelf ? 0 : 3, () => done(reply.facts));
      });
    });
  }

  // Clients

  #client(client: number): void {
    const { random, events } = this.#world;
    if (this.#isOver) return;
    const next = (): void => events.after(random.between(10, 250), () => this.#client(client));
    const account = random.below(accounts);
    const choice = random.fraction();
    const by = `c${client}.${++this.#posts}`;
    if (choice < 0.35) {
      const to = random.chance(0.5) ? [random.below(partitions)] : [];
      this.#write(account, postKey(account, this.#posts), { by, to }, next);
    } else if (choice < 0.5) this.#write(account, profileKey(account), { by, to: [] }, next);
    else if (choice < 0.6) {
      const key = this.#checks.somePost(random);
      if (key === null) return next();
      this.#remove(key.account, key.key, next);
    } else if (choice < 0.7) this.#claim(accounts + random.below(40), by, next);
    else this.#read(account, next);
  }

  #write(account: number, key: Key, value: { by: string; to: number[] }, next: () => void): void {
    const begun = this.#checks.begin();
    this.#request({ kind: 'write', account, key, value }, (reply, wasSent) => {
      if (reply?.kind === 'written') this.#checks.written(key, reply.version, begun, value);
      else if (wasSent && reply === null) this.#checks.unknown(key);
      this.#count(reply?.kind ?? 'unknown');
      next();
    });
  }

  #remove(account: number, key: Key, next: () => void): void {
    const begun = this.#checks.begin();
    this.#request({ kind: 'write', account, key, value: null }, (reply, wasSent) => {
      if (reply?.kind === 'written') this.#checks.written(key, reply.version, begun, null);
      else if (wasSent && reply === null) this.#checks.unknown(key);
      this.#count('removed');
      next();
    });
  }

  #claim(account: number, by: string, next: () => void): void {
    const key = handleKey(account);
    const begun = this.#checks.begin();
    this.#request({ kind: 'claim', account, key, value: { by, to: [] } }, (reply, wasSent) => {
      if (reply?.kind === 'written') {
        this.#checks.claimed(key, by);
        this.#checks.written(key, reply.version, begun, { by, to: [] });
      } else if (wasSent && reply === null) this.#checks.unknown(key);
      this.#count('claims');
      next();
    });
  }

  #read(account: number, next: () => void): void {
    const begun = this.#checks.begin();
    this.#request({ kind: 'read', account }, (reply) => {
      if (reply?.kind === 'read') this.#checks.read(account, reply.facts, begun);
      this.#count('reads');
      next();
    });
  }

  /** Somebody who follows some, at the server of their own account; goes elsewhere with the cursor when that is no server any more. */
  #session(): void {
    const { random } = this.#world;
    const followees = [...new Set(Array.from({ length: 4 }, () => random.below(accounts)))];
    const id = ++this.#lastSession;
    const session: SimSession = {
      id,
      account: random.below(accounts),
      followees,
      cursor: noVersion,
      isLive: false,
      isGathered: false,
      attachment: 0,
      waitsFor: 0,
      held: [],
    };
    this.#checks.session(session);
    this.#sessions.push(session);
    this.#attach(session, null);
  }

  #attach(session: SimSession, at: Process | null): void {
    this.#world.events.after(300, () => {
      const server = this.#serverOf(session.account);
      const node = server === null ? undefined : this.#nodes.get(server);
      const process = node?.process ?? null;
      const isGone =
        at === null ||
        at.isDead ||
        this.#world.isCut(gateway, at.replica === undefined ? 0 : this.#nodeOf(at)) ||
        (process !== null && process !== at);
      if (!isGone) return this.#attach(session, at);
      if (at !== null) {
        const place = at.sessions.indexOf(session);
        if (place >= 0) at.sessions.splice(place, 1);
      }
      if (process === null || server === null || this.#world.isCut(gateway, server))
        return this.#attach(session, null);
      session.isLive = false;
      session.isGathered = false;
      session.attachment++;
      session.held = [];
      process.attach(session);
      this.#count('attached');
      this.#attach(session, process);
    });
  }

  #nodeOf(process: Process): number {
    for (const [node, { process: other }] of this.#nodes) if (other === process) return node;
    return 0;
  }

  // The keeper of the ring lives at node 1.

  #keep(): void {
    const keeper = new RingKeeper({
      monoMs: () => this.#world.nowMs,
      progressOf: (node) => {
        const process = this.#nodes.get(1)?.process ?? null;
        if (process === null) return null;
        if (node !== 1) return process.replica.progressOf(node);
        return { epoch: process.replica.epoch, unheld: process.replica.scans.missing().length };
      },
    });
    const look = (): void => {
      this.#world.events.after(300, () => {
        const process = this.#nodes.get(1)?.process ?? null;
        const { epoch, cores, next } = this.#manifest;
        // The checkers look when nothing changes any more.
        if (
          !this.#isOver &&
          next !== null &&
          process !== null &&
          !process.isPaused &&
          process.replica.epoch === epoch
        ) {
          const judged = keeper.judge(process.replica.ring, epoch);
          const isReady = judged.kind === 'ready';
          if (isReady) this.#sign({ epoch: epoch + 1, cores: next, next: null });
          else if (this.#world.random.chance(0.004)) this.#sign({ epoch: epoch + 1, cores, next: null });
        }
        look();
      });
    };
    look();
  }

  #sign(manifest: SimManifest): void {
    this.#manifest = manifest;
    this.#world.note(
      `ring ${manifest.epoch}: ${manifest.cores.join(' ')}${manifest.next === null ? '' : ` -> ${manifest.next.join(' ')}`}`,
    );
    this.#count('rings');
    this.#nodes.get(1)?.process?.adopt(manifest);
  }

  #changeRing(): void {
    const { random } = this.#world;
    const { epoch, cores, next } = this.#manifest;
    if (next !== null || this.#nodes.get(1)?.process === null) return;
    const outside = [...this.#nodes.keys()].filter((node) => !cores.includes(node));
    const isGrowing = outside.length > 0 && (cores.length < 3 || random.chance(0.6));
    if (!isGrowing && cores.length < 2) return;
    const after = isGrowing
      ? [...cores, random.pick(outside)]
      : cores.filter((node) => node !== random.pick(cores.slice(1)));
    if (after.length === 0) return;
    this.#sign({ epoch: epoch + 1, cores, next: after });
  }

  // Faults

  #trouble(): void {
    const { events, random } = this.#world;
    events.after(random.between(200, 2500), () => {
      if (events.nowMs > calmMs + this.#troubleMs) return;
      this.#harm();
      this.#trouble();
    });
  }

  #harm(): void {
    const { random, events } = this.#world;
    const node = random.pick([...this.#nodes.values()]);
    const choice = random.below(15);
    switch (choice) {
      case 0:
      case 1:
      case 2: {
        if (node.process === null) return;
        this.#world.note(`kill -9 node ${node.node}`);
        node.crash();
        if (random.chance(0.1)) {
          node.wallOffsetMs = random.chance(0.5) ? 600_000 : -600_000;
          this.#world.note(`the clock of node ${node.node} jumps by ${node.wallOffsetMs / 60_000} minutes`);
        }
        events.after(random.between(100, random.chance(0.3) ? 12_000 : 2500), () => node.start());
        this.#count('kills');
        return;
      }
      case 3:
      case 4: {
        const { process } = node;
        if (process === null || process.isPaused) return;
        const ms = random.between(100, random.chance(0.3) ? 15_000 : 4500);
        this.#world.note(`node ${node.node} stands still for ${Math.round(ms)} ms`);
        process.isPaused = true;
        events.after(ms, () => process.resume());
        this.#count('pauses');
        return;
      }
      case 5:
      case 6:
      case 7:
      case 8: {
        this.#partition(node.node);
        return;
      }
      case 9: {
        const other = random.pick([...this.#nodes.keys()]);
        const ms = random.chance(0.2) ? 30_000 : 1500;
        this.#world.note(`node ${node.node} to ${other}: delays up to ${ms} ms`);
        this.#world.slow(node.node, other, ms);
        events.after(random.between(500, 5000), () => this.#world.slow(node.node, other, 0));
        return;
      }
      case 10: {
        const { process } = node;
        if (process === null) return;
        if (random.chance(0.5)) {
          this.#world.note(`node ${node.node}: an I/O error, the process ends`);
          node.crash();
          events.after(random.between(200, 2000), () => node.start());
        } else {
          this.#world.note(`node ${node.node}: its disk is full or slow`);
          process.isFull = random.chance(0.5);
          process.fsyncMs = 150;
          events.after(random.between(500, 4000), () => {
            process.isFull = false;
            process.fsyncMs = 2;
          });
        }
        this.#count('disks');
        return;
      }
      case 11:
      case 14:
        return this.#wipe(node);
      case 12:
        this.#backups.set(node.node, copyImage(node.image));
        return;
      case 13:
        return this.#changeRing();
    }
  }

  #partition(node: number): void {
    const { random, events } = this.#world;
    const others = [...this.#nodes.keys(), gateway].filter((other) => other !== node);
    const kind = random.below(4);
    const cuts: [number, number][] = [];
    if (kind === 0) for (const other of others) cuts.push([node, other], [other, node]);
    else if (kind === 1) for (const other of others) cuts.push([node, other]);
    else if (kind === 2) {
      // A bridge: two sides, and one node that reaches both.
      const bridge = random.pick(others);
      const left = others.filter((other) => other !== bridge && random.chance(0.5));
      const right = [node, ...others.filter((other) => other !== bridge && !left.includes(other))];
      for (const one of left) for (const other of right) cuts.push([one, other], [other, one]);
    } else {
      const other = random.pick(others);
      cuts.push([node, other]);
      if (random.chance(0.5)) cuts.push([other, node]);
    }
    const ms = random.between(300, random.chance(0.3) ? 12_000 : 5000);
    this.#world.note(`cut for ${Math.round(ms)} ms: ${cuts.map(([from, to]) => `${from}>${to}`).join(' ')}`);
    for (const [from, to] of cuts) this.#world.cut(from, to);
    this.#count('cuts');
    events.after(ms, () => {
      for (const [from, to] of cuts) this.#world.uncut(from, to);
    });
  }

  /** Only when everybody has everything: more disks at once than the promise bears would prove nothing. */
  #wipe(node: SimNode): void {
    const isWhole = [...this.#nodes.values()].every(
      ({ process }) => process !== null && !process.isPaused && process.replica.scans.missing().length === 0,
    );
    const owners = ringOf(this.#manifest, partitions).placement(0).owners.length;
    if (!isWhole || owners < 2 || this.#world.nowMs - this.#lastWipeMs < 3000) return;
    this.#lastWipeMs = this.#world.nowMs;
    const backup = this.#backups.get(node.node);
    const incarnation = ++this.#incarnations;
    if (backup !== undefined && this.#world.random.chance(0.6)) {
      this.#world.note(`node ${node.node}: an old backup is put back`);
      node.replaceDisk(copyImage(backup), incarnation);
    } else {
      this.#world.note(`node ${node.node}: a new, empty disk`);
      node.replaceDisk(emptyImage(incarnation), incarnation);
    }
    node.crash();
    this.#world.events.after(this.#world.random.between(200, 2000), () => node.start());
    this.#count('wipes');
  }

  #heal(): void {
    this.#world.note('peace');
    this.#world.isHealed = true;
    this.#world.heal();
    for (const node of this.#nodes.values()) {
      if (Math.abs(node.wallOffsetMs) > 1000) {
        node.wallOffsetMs = 0;
        node.crash();
      }
      node.process?.resume();
      if (node.process !== null) {
        node.process.isFull = false;
        node.process.fsyncMs = 2;
      }
      node.start();
    }
  }

  #finish(): void {
    const ring = ringOf(this.#manifest, partitions);
    const nodes = new Map<number, Process>();
    for (const [node, { process }] of this.#nodes) if (process !== null) nodes.set(node, process);
    this.#checks.finish({ ring, nodes, sessions: this.#sessions, epoch: this.#manifest.epoch, isPost });
  }
}
