// How far the wall clock of this node is from those of the others: an estimate, for people who look. Leases and quarantine do not use it.

interface Sample {
  /** The other clock less this one. */
  aheadMs: number;
  /** By so much the estimate may be off, to either side: half of what question and answer took. */
  withinMs: number;
}

interface Peer {
  /** Questions that are under way, by their numbers. */
  asked: Map<number, number>;
  samples: Sample[];
}

const askedMost = 16;
/** Of the last few answers the quickest says most. */
const samplesKept = 8;

export class ClockOffsets {
  readonly #peers = new Map<number, Peer>();

  /** A question leaves. `monoMs` is a time that never goes back, of this node. */
  asked(node: number, { id, monoMs }: { id: number; monoMs: number }): void {
    const peer = this.#peers.get(node) ?? { asked: new Map(), samples: [] };
    this.#peers.set(node, peer);
    peer.asked.set(id, monoMs);
    for (const [oldest] of peer.asked) {
      if (peer.asked.size <= askedMost) break;
      peer.asked.delete(oldest);
    }
  }

  /** Its answer has come, with the wall clock of the other (`theirMs`); `oursMs` and `monoMs` are of now. */
  answered(
    node: number,
    { id, theirMs, oursMs, monoMs }: { id: number; theirMs: number; oursMs: number; monoMs: number },
  ): void {
    const peer = this.#peers.get(node);
    const sentMs = peer?.asked.get(id);
    if (peer === undefined || sentMs === undefined) return;
    peer.asked.delete(id);
    const withinMs = (monoMs - sentMs) / 2;
    peer.samples.push({ aheadMs: theirMs - (oursMs - withinMs), withinMs });
    if (peer.samples.length > samplesKept) peer.samples.shift();
  }

  /** It is away: what its clock shows by now is not known. */
  forget(node: number): void {
    this.#peers.delete(node);
  }

  /**
   * This clock less the middle one of all clocks that are known, this one among them: one clock that is far off moves nobody else's.
   * Of two middle ones the one further away counts, so that of two nodes each says how far it is from the other. 0 alone.
   */
  ownMs(): number {
    const others = [...this.#peers.values()].flatMap(({ samples }) => quickest(samples)?.aheadMs ?? []);
    const clocks = [0, ...others].sort((one, other) => one - other);
    const upper = clocks[Math.floor(clocks.length / 2)] ?? 0;
    const lower = clocks[Math.floor((clocks.length - 1) / 2)] ?? 0;
    const middle = Math.abs(lower) > Math.abs(upper) ? lower : upper;
    return middle === 0 ? 0 : -middle;
  }
}

function quickest(samples: readonly Sample[]): Sample | undefined {
  let best: Sample | undefined;
  for (const sample of samples) if (best === undefined || sample.withinMs <= best.withinMs) best = sample;
  return best;
}
