// The simulated world: nodes with disks and clocks, and a network that delays, loses, doubles and cuts.
import type { PeerMessage } from '../../cluster/peer-messages.ts';
import { Events } from './events.ts';
import { Random } from './random.ts';

export interface Wire {
  from: number;
  to: number;
  link: number;
}

export interface WorldOptions {
  seed: number;
  /** Messages may be lost, doubled and reordered within a link, too. */
  isLossy: boolean;
  /** Most milliseconds a message takes, usually. */
  usualDelayMs: number;
  /** An end of a link on which nothing comes for so long gives it up. */
  silenceMs: number;
  /** Told of each message that is sent on a link. */
  sent?(from: number, message: PeerMessage): void;
}

/** Somebody at the end of links. */
export interface Endpoint {
  readonly isRunning: boolean;
  linked(peer: number): void;
  unlinked(peer: number): void;
  receive(from: number, message: PeerMessage): void;
}

interface End {
  link: number;
  heardMs: number;
  /** Nothing is delivered before what was sent earlier. */
  lastMs: number;
}

const linkEveryMs = 250;
const retransmitMs = 60;
const lateMs = 500;
const mostEndpoints = 2 ** 16;

export class World {
  readonly events = new Events();
  readonly random: Random;
  readonly transcript: string[] = [];
  /** Where messages of gateways go, too: the same network. */
  readonly #options: WorldOptions;
  readonly #endpoints = new Map<number, Endpoint>();
  /** By `way`: what is sent does not arrive. */
  readonly #cuts = new Set<number>();
  /** By `way`, of the end that sends that way. */
  readonly #ends = new Map<number, End>();
  readonly #slow = new Map<number, number>();
  #links = 0;
  delivered = 0;
  isHealed = false;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = new Random(options.seed);
  }

  get nowMs(): number {
    return this.events.nowMs;
  }

  note(text: string): void {
    this.transcript.push(`${(this.nowMs / 1000).toFixed(3).padStart(8)} ${text}`);
  }

  place(node: number, endpoint: Endpoint): void {
    this.#endpoints.set(node, endpoint);
  }

  // Cuts

  cut(from: number, to: number): void {
    this.#cuts.add(way(from, to));
  }

  uncut(from: number, to: number): void {
    this.#cuts.delete(way(from, to));
  }

  heal(): void {
    this.#cuts.clear();
    this.#slow.clear();
    // What is late for good goes with its link: else it would hold up what is sent in peace.
    for (const [one, { lastMs }] of this.#ends) {
      if (lastMs < this.nowMs + lateMs) continue;
      const [from, to] = endsOf(one);
      this.unlink(from, to);
      this.unlink(to, from);
    }
  }

  slow(from: number, to: number, ms: number): void {
    this.#slow.set(way(from, to), ms);
  }

  isCut(from: number, to: number): boolean {
    return this.#cuts.has(way(from, to));
  }

  // Links

  /** Tries to link all who can reach each other, again and again. */
  start(): void {
    this.events.after(linkEveryMs, () => {
      this.#link();
      this.start();
    });
  }

  #link(): void {
    const nodes = [...this.#endpoints.keys()].sort((one, other) => one - other);
    for (const one of nodes) {
      for (const other of nodes) {
        if (other <= one || this.isCut(one, other) || this.isCut(other, one)) continue;
        const left = this.#endpoints.get(one);
        const right = this.#endpoints.get(other);
        if (left === undefined || right === undefined || !left.isRunning || !right.isRunning) continue;
        const here = this.#ends.get(way(one, other));
        const there = this.#ends.get(way(other, one));
        if (here !== undefined && here.link === there?.link) continue;
        // An end that has not noticed yet that its link is gone.
        this.unlink(one, other);
        this.unlink(other, one);
        const link = ++this.#links;
        const end = (): End => ({ link, heardMs: this.nowMs, lastMs: this.nowMs });
        this.#ends.set(way(one, other), end());
        this.#ends.set(way(other, one), end());
        left.linked(other);
        right.linked(one);
      }
    }
  }

  /** One end is gone; the other finds out by silence. */
  unlink(node: number, peer: number): void {
    if (!this.#ends.delete(way(node, peer))) return;
    const endpoint = this.#endpoints.get(node);
    if (endpoint?.isRunning === true) endpoint.unlinked(peer);
  }

  /** A process has ended: its system tells the others, if it can. */
  ended(node: number): void {
    for (const other of this.#endpoints.keys()) {
      if (!this.#ends.delete(way(node, other))) continue;
      const end = this.#ends.get(way(other, node));
      if (end === undefined || this.isCut(node, other)) continue;
      this.events.after(this.random.between(0, 5), () => {
        if (this.#ends.get(way(other, node)) === end) this.unlink(other, node);
      });
    }
  }

  /** Ends links of a node on which nothing has come for long. Called by the node's own timer. */
  tend(node: number): void {
    for (const other of this.#endpoints.keys()) {
      const end = this.#ends.get(way(node, other));
      if (end !== undefined && this.nowMs - end.heardMs > this.#options.silenceMs) this.unlink(node, other);
    }
  }

  /** After a pause, what came meanwhile is still to be read. */
  excuse(node: number): void {
    for (const other of this.#endpoints.keys()) {
      const end = this.#ends.get(way(node, other));
      if (end !== undefined) end.heardMs = this.nowMs;
    }
  }

  send(from: number, to: number, message: PeerMessage): void {
    const end = this.#ends.get(way(from, to));
    if (end === undefined) return;
    const { isLossy, usualDelayMs } = this.#options;
    this.#options.sent?.(from, message);
    const { random } = this;
    if (isLossy && !this.isHealed) {
      if (random.chance(0.01)) return;
      if (random.chance(0.01)) this.#deliver({ from, to, link: end.link }, message, random.between(0, 200));
      if (random.chance(0.02)) {
        this.#deliver({ from, to, link: end.link }, message, random.between(0, 300));
        return;
      }
    }
    const extraMs = this.#slow.get(way(from, to)) ?? 0;
    const delayMs = random.between(0.2, usualDelayMs) + random.fraction() * extraMs;
    const atMs = Math.max(this.nowMs + delayMs, end.lastMs);
    end.lastMs = atMs;
    this.#deliver({ from, to, link: end.link }, message, atMs - this.nowMs);
  }

  #deliver(wire: Wire, message: PeerMessage, delayMs: number): void {
    this.events.after(delayMs, () => {
      const { from, to, link } = wire;
      const end = this.#ends.get(way(to, from));
      if (end === undefined || end.link !== link) return;
      if (this.isCut(from, to)) {
        // As the system does: it sends again until the link is given up. What comes later comes later still.
        const sending = this.#ends.get(way(from, to));
        if (sending !== undefined) sending.lastMs = Math.max(sending.lastMs, this.nowMs + retransmitMs);
        this.#deliver(wire, message, retransmitMs);
        return;
      }
      end.heardMs = this.nowMs;
      this.delivered++;
      this.#endpoints.get(to)?.receive(from, message);
    });
  }
}

/** From one endpoint to another, as one number. */
function way(from: number, to: number): number {
  return from * mostEndpoints + to;
}

function endsOf(one: number): [from: number, to: number] {
  return [Math.floor(one / mostEndpoints), one % mostEndpoints];
}
