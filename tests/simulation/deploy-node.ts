// A node of a simulated deploy: the product's own picker, choker, requests and first copy, on a wire and a processor that are numbers.
import { Choker } from '../../cluster/swarm-choker.ts';
import { dialingMost, peersAim, peersMost } from '../../cluster/swarm-crowd.ts';
import { begunMost, endgameBlocks } from '../../cluster/swarm-fetching.ts';
import { FirstCopy } from '../../cluster/swarm-first-copy.ts';
import { togetherMs } from '../../cluster/swarm-news.ts';
import { type Block, Picker } from '../../cluster/swarm-picker.ts';
import { Requests } from '../../cluster/swarm-requests.ts';
import { places, placesForFirst } from '../../cluster/swarm-serving.ts';
import { Speed } from '../../cluster/swarm-speed.ts';
import { lookMs } from '../../cluster/swarm-torrent.ts';
import { blockBytes } from '../../cluster/torrent-bounds.ts';
import type { DeployWorld } from './deploy-world.ts';

/** One side of a connection: what `from` knows of `to`, and owes it. */
interface Link {
  readonly from: DeployNode;
  readonly to: DeployNode;
  back: Link;
  /** Pieces that `to` has, as `from` was told; null: all that `to` has told everybody. */
  shown: Uint8Array | null;
  /** Pieces that `from` knows `to` has, and lacks itself. */
  wanted: number;
  /** `from` sends to `to`. */
  isServed: boolean;
  /** `to` sends to `from`, as far as it has heard. */
  isServing: boolean;
  requests: Requests | null;
  speed: Speed | null;
  uploads: Block[];
  isWaiting: boolean;
}

/** The product chooses whom it sends to at the end of a turn of its loop. */
const turnMs = 10;
const speedMemoryMs = 5000;
/** What the product remembers of addresses that failed: it tries again. */
const writtenMs = 1;

export class DeployNode {
  readonly id: number;
  readonly have: Uint8Array;
  haveCount = 0;
  peersMost = 0;
  readonly #world: DeployWorld;
  /** Pieces that it has said it has. */
  readonly told: Uint8Array;
  readonly #links = new Map<DeployNode, Link>();
  readonly #byId = new Map<number, Link>();
  readonly #choker = new Choker();
  readonly #turns: Link[] = [];
  #picker: Picker | null;
  #firstCopy: FirstCopy | null = null;
  #known: readonly DeployNode[] = [];
  #untold: number[] = [];
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #isTelling = false;
  #isSending = false;
  #isChoosing = false;
  #hasHeard = false;
  #dialing = 0;
  #processorFreeMs = 0;
  #upFreeMs = 0;
  #downFreeMs = 0;

  constructor(id: number, world: DeployWorld, { isFirst }: { isFirst: boolean }) {
    const { pieces, blocksOfPiece } = world.plan;
    const random = (): number => world.random.fraction();
    this.id = id;
    this.#world = world;
    this.have = new Uint8Array(pieces);
    this.told = new Uint8Array(pieces);
    const layout = { pieces, blocks: () => blocksOfPiece, isPadding: () => false };
    this.#picker = isFirst ? null : new Picker(layout, { begunMost, random });
    if (!isFirst) return;
    this.have.fill(1);
    this.haveCount = pieces;
    this.#firstCopy = new FirstCopy({ pieces, pieceLength: blocksOfPiece * blockBytes, random });
  }

  get peers(): number {
    return this.#links.size;
  }

  get isWhole(): boolean {
    return this.#picker === null;
  }

  /** It hears of the release, and of others that may have it. */
  hear(known: readonly DeployNode[]): void {
    this.#hasHeard = true;
    this.#known = known;
    this.#look();
  }

  #look(): void {
    this.#dial();
    for (const link of this.#links.values()) this.#ask(link);
    this.#choose();
    this.#world.events.after(lookMs, () => this.#look());
  }

  #dial(): void {
    const { random, events, plan } = this.#world;
    let count = Math.min(peersAim - this.peers - this.#dialing, dialingMost - this.#dialing);
    if (this.isWhole) count = Math.min(count, 2);
    for (; count > 0; count--) {
      const other = this.#known[random.below(this.#known.length)];
      if (other === undefined || other === this || this.#links.has(other)) continue;
      this.#dialing++;
      const costMs = plan.costs.connection;
      events.at(this.#work(costMs) + 3 * plan.latencyMs, () => {
        this.#dialing--;
        this.#meet(other, costMs);
      });
    }
  }

  #meet(other: DeployNode, costMs: number): void {
    if (!other.#hasHeard || this.#links.has(other)) return;
    if (this.peers >= peersMost || other.peers >= peersMost || (this.isWhole && other.isWhole)) return;
    other.#work(costMs);
    const link = pairOf(this, other);
    this.#join(link);
    other.#join(link.back);
  }

  #join(link: Link): void {
    this.#links.set(link.to, link);
    this.#byId.set(link.to.id, link);
    this.peersMost = Math.max(this.peersMost, this.peers);
    if (link.to.#firstCopy !== null) link.shown = new Uint8Array(this.have.length);
    this.#firstCopy?.met(link.to.id);
    for (let piece = 0; piece < this.have.length; piece++) {
      if (!has(link, piece)) continue;
      this.#picker?.gained(piece);
      this.#firstCopy?.announced(link.to.id, piece, this.#world.events.nowMs);
      if (this.have[piece] === 0) link.wanted++;
    }
    link.back.from.#chooseSoon();
  }

  #part(link: Link): void {
    for (const one of [link, link.back]) {
      one.from.#links.delete(one.to);
      one.from.#byId.delete(one.to.id);
      one.uploads = [];
    }
  }

  /** Whom it sends to, and what it shows them. */
  #chooseSoon(): void {
    if (this.#isChoosing) return;
    this.#isChoosing = true;
    this.#world.events.after(turnMs, () => {
      this.#isChoosing = false;
      this.#choose();
    });
  }

  #choose(): void {
    const { nowMs } = this.#world.events;
    const peers = [];
    for (const { to, back, speed } of this.#links.values())
      if (back.wanted > 0)
        peers.push({
          id: to.id,
          isInterested: true,
          isSilent: false,
          bytesPerS: speed?.perS(nowMs) ?? 0,
        });
    const chosen = this.#choker.choose({
      nowMs,
      places: this.#firstCopy === null ? places : placesForFirst,
      isWhole: this.isWhole,
      peers,
    });
    for (const link of this.#links.values()) {
      const isServed = chosen.has(link.to.id);
      if (isServed === link.isServed) continue;
      link.isServed = isServed;
      if (!isServed) link.uploads = [];
      this.#world.events.after(this.#world.plan.latencyMs, () => link.to.#choking(link.back, isServed));
    }
    this.#show();
  }

  #choking(link: Link, isServing: boolean): void {
    link.isServing = isServing;
    if (isServing) this.#ask(link);
    else {
      for (const block of link.requests?.cancelAll() ?? []) this.#picker?.released(link.to.id, block);
      for (const other of this.#links.values()) this.#ask(other);
    }
  }

  #show(): void {
    if (this.#firstCopy === null) return;
    const { nowMs } = this.#world.events;
    if (this.#firstCopy.isOver) {
      this.#firstCopy = null;
      this.#world.seen.spreadMs = nowMs;
      this.told.fill(1);
      for (const { back } of this.#links.values())
        for (let piece = 0; piece < this.have.length; piece++) if (!has(back, piece)) this.#tell(back, piece);
      for (const { back } of this.#links.values()) {
        back.shown = null;
        back.from.#ask(back);
      }
      return;
    }
    const showings = this.#firstCopy.show({
      nowMs,
      served: (id) => this.#byId.get(id)?.isServed ?? false,
      has: (id, piece) => this.#byId.get(id)?.to.told[piece] === 1,
    });
    for (const { peer, piece } of showings) {
      const back = this.#byId.get(peer)?.back;
      if (back === undefined) continue;
      if (back.shown !== null) back.shown[piece] = 1;
      this.#tell(back, piece);
      this.#world.events.after(this.#world.plan.latencyMs, () => back.from.#ask(back));
    }
  }

  /** `link.from` hears that `link.to` has a piece. */
  #tell(link: Link, piece: number): void {
    const { costs } = this.#world.plan;
    this.#world.seen.haves++;
    this.#work(costs.haveOut);
    const hearing = link.from;
    hearing.#work(costs.haveIn);
    hearing.#firstCopy?.announced(this.id, piece, this.#world.events.nowMs);
    hearing.#picker?.gained(piece);
    if (hearing.have[piece] === 0 && link.wanted++ === 0) this.#chooseSoon();
  }

  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    const { events, plan } = this.#world;
    events.at(Math.max(events.nowMs, this.#toldAtMs + togetherMs) + plan.latencyMs, (nowMs) => {
      this.#isTelling = false;
      this.#toldAtMs = nowMs;
      const pieces = this.#untold;
      this.#untold = [];
      for (const piece of pieces) this.told[piece] = 1;
      for (const { back } of [...this.#links.values()]) {
        for (const piece of pieces) this.#tell(back, piece);
        back.from.#ask(back);
        if (back.from.#firstCopy !== null) back.from.#chooseSoon();
        if (this.isWhole && back.from.isWhole && back.from.#firstCopy === null) this.#part(back);
      }
    });
  }

  #ask(link: Link): void {
    const picker = this.#picker;
    if (picker === null || !link.isServing || link.wanted === 0) return;
    const { nowMs } = this.#world.events;
    link.requests ??= new Requests(nowMs);
    const { requests } = link;
    let room = requests.room(nowMs);
    if (picker.isEndgame) room = requests.open > 0 ? 0 : Math.min(room, endgameBlocks);
    if (room === 0) return;
    const blocks = picker.pick({ peer: link.to.id, has: (piece) => has(link, piece), count: room, nowMs });
    if (blocks.length === 0) return;
    for (const block of blocks) requests.asked(block, nowMs);
    const leavesMs = Math.max(nowMs, this.#processorFreeMs);
    this.#world.events.at(leavesMs + this.#world.plan.latencyMs, () => link.to.#asked(link.back, blocks));
  }

  #asked(link: Link, blocks: readonly Block[]): void {
    if (!link.isServed) return;
    link.uploads.push(...blocks);
    this.#wait(link);
    if (!this.#isSending) this.#send();
  }

  #wait(link: Link): void {
    if (link.isWaiting || link.uploads.length === 0) return;
    link.isWaiting = true;
    this.#turns.push(link);
  }

  /** A block to each that waits, in turn. */
  #send(): void {
    const { events, plan, seen } = this.#world;
    this.#isSending = false;
    for (let link = this.#turns.shift(); link !== undefined; link = this.#turns.shift()) {
      link.isWaiting = false;
      const block = link.uploads.shift();
      if (block === undefined) continue;
      this.#wait(link);
      seen.blocks++;
      const readyMs = this.#work(plan.costs.blockOut);
      const beginsMs = Math.max(readyMs, this.#upFreeMs);
      this.#upFreeMs = beginsMs + plan.blockUpMs;
      const { to, back } = link;
      to.#downFreeMs = Math.max(this.#upFreeMs + plan.latencyMs, to.#downFreeMs + plan.blockDownMs);
      events.at(to.#downFreeMs, () => to.#came(back, block));
      this.#isSending = true;
      events.at(beginsMs, () => this.#send());
      return;
    }
  }

  #came(link: Link, block: Block): void {
    const { events, plan, seen } = this.#world;
    const { nowMs } = events;
    const doneMs = this.#work(plan.costs.blockIn);
    link.requests?.answered(block, nowMs);
    link.speed ??= new Speed(speedMemoryMs, nowMs);
    link.speed.add(blockBytes, nowMs);
    const arrival = this.#picker?.arrived(link.to.id, block) ?? { kind: 'needless' as const };
    if (arrival.kind === 'needless') seen.wastedBlocks++;
    else {
      for (const id of arrival.owing) {
        const other = this.#byId.get(id);
        if (other?.requests?.cancel(block)) events.after(plan.latencyMs, () => cancel(other.back, block));
      }
      if (arrival.isWhole) events.at(doneMs + writtenMs, () => this.#got(block.piece));
    }
    this.#ask(link);
    if (this.#picker?.isEndgame) this.#askIdle();
  }

  #got(piece: number): void {
    const { events, seen } = this.#world;
    this.#picker?.done(piece);
    this.have[piece] = 1;
    this.haveCount++;
    for (const link of this.#links.values())
      if (has(link, piece) && --link.wanted === 0) link.to.#chooseSoon();
    this.#untold.push(piece);
    if (this.haveCount === this.have.length) {
      this.#picker = null;
      seen.doneMs.push(events.nowMs);
      this.#chooseSoon();
    } else if (this.#picker?.isEndgame) this.#askIdle();
    this.#tellSoon();
  }

  #askIdle(): void {
    for (const link of this.#links.values()) if ((link.requests?.open ?? 0) === 0) this.#ask(link);
  }

  /** It works on one thing after the other: when this one will be done. */
  #work(costMs: number): number {
    const { processors, events } = this.#world;
    this.#processorFreeMs = processors.done(Math.max(events.nowMs, this.#processorFreeMs), costMs);
    return this.#processorFreeMs;
  }
}

/** Its other side is put in when that is there, too. */
function linkOf(from: DeployNode, to: DeployNode): Omit<Link, 'back'> {
  return {
    from,
    to,
    shown: null,
    wanted: 0,
    isServed: false,
    isServing: false,
    requests: null,
    speed: null,
    uploads: [],
    isWaiting: false,
  };
}

function pairOf(one: DeployNode, other: DeployNode): Link {
  const there = linkOf(one, other) as Link;
  const here: Link = { ...linkOf(other, one), back: there };
  there.back = here;
  return there;
}

/** As `from` was told. */
function has({ to, shown }: Link, piece: number): boolean {
  return (shown ?? to.told)[piece] === 1;
}

function cancel({ uploads }: Link, { piece, block }: Block): void {
  const at = uploads.findIndex((upload) => upload.piece === piece && upload.block === block);
  if (at >= 0) uploads.splice(at, 1);
}
