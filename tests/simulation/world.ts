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

const silenceMs = 3000;
const linkEveryMs = 250;
const retransmitMs = 60;

export class World {
  readonly events = new Events();
  readonly random: Random;
  readonly transcript: string[] = [];
  /** Where messages of gateways go, too: the same network. */
  readonly #options: WorldOptions;
  readonly #endpoints = new Map<number, Endpoint>();
  /** `from to`: what is sent does not arrive. */
  readonly #cuts = new Set<string>();
  readonly #ends = new Map<string, End>();
  readonly #slow = new Map<string, number>();
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
    this.#cuts.add(`${from} ${to}`);
  }

  uncut(from: number, to: number): void {
    this.#cuts.delete(`${from} ${to}`);
  }

  heal(): void {
    this.#cuts.clear();
    this.#slow.clear();
  }

  slow(from: number, to: number, ms: number): void {
    this.#slow.set(`${from} ${to}`, ms);
  }

  isCut(from: number, to: number): boolean {
    return this.#cuts.has(`${from} ${to}`);
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
        const here = this.#ends.get(`${one} ${other}`);
        const there = this.#ends.get(`${other} ${one}`);
        if (here !== undefined && here.link === there?.link) continue;
        // An end that has not noticed yet that its link is gone.
        this.unlink(one, other);
        this.unlink(other, one);
        const link = ++this.#links;
        const end = (): End => ({ link, heardMs: this.nowMs, lastMs: this.nowMs });
        this.#ends.set(`${one} ${other}`, end());
        this.#ends.set(`${other} ${one}`, end());
        left.linked(other);
        right.linked(one);
      }
    }
  }

  /** One end is gone; the other finds out by silence. */
  unlink(node: number, peer: number): void {
    if (!this.#ends.delete(`${node} ${peer}`)) return;
    const endpoint = this.#endpoints.get(node);
    if (endpoint?.isRunning === true) endpoint.unlinked(peer);
  }

  /** A process has ended: its system tells the others, if it can. */
  ended(node: number): void {
    for (const other of this.#endpoints.keys()) {
      if (!this.#ends.delete(`${node} ${other}`)) continue;
      const end = this.#ends.get(`${other} ${node}`);
      if (end === undefined || this.isCut(node, other)) continue;
      this.events.after(this.random.between(0, 5), () => {
        if (this.#ends.get(`${other} ${node}`) === end) this.unlink(other, node);
      });
    }
  }

  /** Ends links of a node on which nothing has come for long. Called by the node's own timer. */
  tend(node: number): void {
    for (const other of this.#endpoints.keys()) {
      const end = this.#ends.get(`${node} ${other}`);
      if (end !== undefined && this.nowMs - end.heardMs > silenceMs) this.unlink(node, other);
    }
  }

  /** After a pause, what came meanwhile is still to be read. */
  excuse(node: number): void {
    for (const other of this.#endpoints.keys()) {
      const end = this.#ends.get(`${node} ${other}`);
      if (end !== undefined) end.heardMs = this.nowMs;
    }
  }

  send(from: number, to: number, message: PeerMessage): void {
    const end = this.#ends.get(`${from} ${to}`);
    if (end === undefined) return;
    const { isLossy, usualDelayMs } = this.#options;
    const { random } = this;
    if (isLossy && !this.isHealed) {
      if (random.chance(0.01)) return;
      if (random.chance(0.01)) this.#deliver({ from, to, link: end.link }, message, random.between(0, 200));
      if (random.chance(0.02)) {
        this.#deliver({ from, to, link: end.link }, message, random.between(0, 300));
        return;
      }
    }
    const extraMs = this.#slow.get(`${from} ${to}`) ?? 0;
    const delayMs = random.between(0.2, usualDelayMs) + random.fraction() * extraMs;
    const atMs = Math.max(this.nowMs + delayMs, end.lastMs);
    end.lastMs = atMs;
    this.#deliver({ from, to, link: end.link }, message, atMs - this.nowMs);
  }

  #deliver(wire: Wire, message: PeerMessage, delayMs: number): void {
    this.events.after(delayMs, () => {
      const { from, to, link } = wire;
      const end = this.#ends.get(`${to} ${from}`);
      if (end === undefined || end.link !== link) return;
      if (this.isCut(from, to)) {
        // As the system does: it sends again until the link is given up. What comes later comes later still.
        const sending = this.#ends.get(`${from} ${to}`);
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
