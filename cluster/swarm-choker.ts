// Whom this node sends to. While it fetches: those who send to it, and one more who gets a chance; when it is whole: all in turn. Pure.

export interface ChokerPeer {
  id: number;
  /** It wants something. Others are never sent to. */
  isInterested: boolean;
  /** It owes something and sends nothing. */
  isSilent: boolean;
  /** What it sends here. */
  bytesPerS: number;
}

export interface ChokerOrder {
  nowMs: number;
  isWhole: boolean;
  /** Peers sent to at once, the one with a chance among them. At least 2. */
  places: number;
  peers: readonly ChokerPeer[];
}

/** Who sends most is judged anew so often. */
const roundMs = 2500;
/** The one with a chance keeps it for so long. */
const chanceMs = 3 * roundMs;
/** In turn: how long a turn is when others wait. */
const turnMs = 5000;

export class Choker {
  /** When each that is there was given its place, or lost it: who waits longest is next. */
  readonly #since = new Map<number, number>();
  /** When those who have a place were given it. */
  readonly #turns = new Map<number, number>();
  #chosen = new Set<number>();
  #roundAtMs = Number.NEGATIVE_INFINITY;
  #chance: { id: number; sinceMs: number } | null = null;
  #order = 0;

  /**
   * Who is sent to from now on. To be asked when somebody comes, goes or changes its mind, and once in a while. A place that is free is
   * given at once; one that is taken changes hands only when its time has come.
   */
  choose({ nowMs, isWhole, places, peers }: ChokerOrder): ReadonlySet<number> {
    const interested = peers.filter(({ isInterested }) => isInterested);
    this.#forgetAllBut(interested);
    const waiting = (peer: ChokerPeer): number => this.#since.get(peer.id) ?? 0;
    for (const { id } of interested) if (!this.#since.has(id)) this.#since.set(id, ++this.#order);
    const kept = isWhole ? this.#inTurn(interested, places, nowMs) : this.#byMerit(interested, places, nowMs);
    // Who loses its place is the last of those who wait, and who had it first is the first of these.
    const losers = interested.filter(({ id }) => this.#chosen.has(id) && !kept.has(id));
    losers.sort((a, b) => waiting(a) - waiting(b));
    for (const { id } of losers) this.#since.set(id, ++this.#order);
    const next = interested.filter(({ id }) => !kept.has(id)).sort((a, b) => waiting(a) - waiting(b));
    for (const { id } of next) {
      if (kept.size >= places) break;
      kept.add(id);
    }
    for (const id of kept) {
      if (this.#chosen.has(id)) continue;
      this.#since.set(id, ++this.#order);
      this.#turns.set(id, nowMs);
    }
    this.#chosen = kept;
    return kept;
  }

  /** Who has had its turn makes room, the longest first, as far as others wait. */
  #inTurn(interested: readonly ChokerPeer[], places: number, nowMs: number): Set<number> {
    this.#chance = null;
    const kept = new Set(interested.map(({ id }) => id).filter((id) => this.#chosen.has(id)));
    // As many as wait for a place that is not free; and all that are too many, when there are fewer places than there were.
    let waiting = interested.length - Math.max(kept.size, places);
    const turn = (id: number): number => this.#turns.get(id) ?? 0;
    for (const id of [...kept].sort((one, other) => turn(one) - turn(other))) {
      if (kept.size <= places && (waiting <= 0 || nowMs - turn(id) < turnMs)) break;
      kept.delete(id);
      waiting--;
    }
    return kept;
  }

  #byMerit(interested: readonly ChokerPeer[], places: number, nowMs: number): Set<number> {
    const isThere = new Set(interested.map(({ id }) => id));
    if (nowMs - this.#roundAtMs < roundMs)
      return new Set([...this.#chosen].filter((id) => isThere.has(id)).slice(0, places));
    this.#roundAtMs = nowMs;
    const kept = new Set(
      interested
        .filter(({ bytesPerS, isSilent }) => bytesPerS > 0 && !isSilent)
        .sort((one, other) => other.bytesPerS - one.bytesPerS)
        .slice(0, places - 1)
        .map(({ id }) => id),
    );
    const { id, sinceMs } = this.#chance ?? { id: -1, sinceMs: 0 };
    const hasChance = isThere.has(id) && !kept.has(id) && nowMs - sinceMs < chanceMs;
    if (hasChance) kept.add(id);
    else this.#giveChance(interested, kept, nowMs);
    // Places that nobody has earned stay with who has them, but for the one whose chance is over.
    for (const peer of this.#chosen)
      if (kept.size < places && isThere.has(peer) && (hasChance || peer !== id)) kept.add(peer);
    return kept;
  }

  #giveChance(interested: readonly ChokerPeer[], kept: Set<number>, nowMs: number): void {
    this.#chance = null;
    let next: number | null = null;
    for (const { id } of interested) {
      if (kept.has(id) || this.#chosen.has(id)) continue;
      if (next === null || (this.#since.get(id) ?? 0) < (this.#since.get(next) ?? 0)) next = id;
    }
    if (next === null) return;
    this.#chance = { id: next, sinceMs: nowMs };
    kept.add(next);
  }

  #forgetAllBut(interested: readonly ChokerPeer[]): void {
    const isThere = new Set(interested.map(({ id }) => id));
    for (const id of this.#since.keys()) {
      if (isThere.has(id)) continue;
      this.#since.delete(id);
      this.#turns.delete(id);
      this.#chosen.delete(id);
    }
  }
}
