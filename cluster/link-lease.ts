// The lease on which a gateway uses its caches. The gateway holds it; the core knows when it is surely over. No timers here.

/** A gateway that nobody confirmed for this long uses nothing from its caches. */
export const leaseMs = 3000;
/**
 * The same on the core's own machine. Nobody else has to take over what they serve, so what counts is that neither is given up for being slow: with
 * fifty gateways on two processors each of them stood still for 2.4 s now and then, and every link that ends is thousands of streams to attach.
 */
export const ownLeaseMs = 6000;
/** The first protocol of links that knows those. */
const ownLeaseProtocol = 2;

/** Both ends come to the same. `isOwn`: core and gateway are on one machine. */
export function leaseMsOf({ isOwn, protocol }: { isOwn: boolean; protocol: number }): number {
  return isOwn && protocol >= ownLeaseProtocol ? ownLeaseMs : leaseMs;
}
/** What the core waits on top: 30 ms for clocks that go at different rates, the rest for rounding and for passing things on. */
export const leaseSlackMs = 500;
/** How far the clocks of two machines may differ in their rates. Crystals keep within 0.01 %, and NTP bends by 0.05 % at most. */
export const mostDrift = 0.01;
export const heartbeatMs = 500;
/** Operators hold no caches and may be busy with their own work for long. */
export const operatorSilenceMs = 60_000;

/*
 * Why this is sound, also between machines whose clocks have nothing to do with each other. The gateway reads its own clock, A(k), and
 * *then* sends ping k. The core reads its own clock, C(k), when ping k comes in, and then answers with pong k. By pong k the gateway's
 * lease lasts until its clock shows A(k) + leaseMs, however late the pong is.
 *   - No reading of one clock is ever held against a reading of the other. What is compared are two lengths of time, each taken by one
 *     clock: the holder's begins at its sending, the giver's at its receiving, and a message does not come in before it is sent.
 *   - So the holder's ends first if leaseMs by its clock are no longer than leaseMs + leaseSlackMs by the giver's. They are not while
 *     the rates differ by at most `mostDrift`: that takes 30 ms of the slack.
 *   - The lease never ends later than A(k) + leaseMs for the largest k whose pong was sent. So the core, which knows C(last) without
 *     hearing anything more, may act as if the gateway's caches were gone from C(last) + leaseMs + leaseSlackMs on, by its clock.
 *   - The gateway asks the clock at the time of use, not a timer: after a stall of any length (a stopped process, a long
 *     collection) its first look already says "over". Pongs that waited in a buffer meanwhile carry old A(k) and revive nothing.
 *   - A clock that stands still while its machine sleeps makes a giver wait longer, which is safe, and would make a holder believe in
 *     a lease that is over. On one machine both clocks stand still together; between machines the holder reads `wakefulClock`.
 * The introduction of the handshake is ping 0, and the welcome its pong.
 */

/** The gateway's side. */
export class HeldLease {
  endsAtMs: number;
  readonly #lastsMs: number;
  #sent: { id: number; atMs: number }[] = [];
  #lastId = 0;
  /** The last pong that came in. */
  confirmed = 0;

  /** `introducedAtMs`: when the introduction was about to be sent, which the core has since confirmed. */
  constructor(introducedAtMs: number, lastsMs = leaseMs) {
    this.#lastsMs = lastsMs;
    this.endsAtMs = introducedAtMs + lastsMs;
  }

  /** Call right before sending a ping: gives its id. */
  ping(nowMs: number): number {
    this.#lastId++;
    this.#sent.push({ id: this.#lastId, atMs: nowMs });
    return this.#lastId;
  }

  /** The core has answered this ping, which is not to be told to it yet: what it sent before that is not processed. */
  extend(id: number): void {
    const ping = this.#sent.find((sent) => sent.id === id);
    if (ping !== undefined) this.endsAtMs = Math.max(this.endsAtMs, ping.atMs + this.#lastsMs);
  }

  /** The core has answered this ping. Ids that were never sent, or are answered already, change nothing. */
  confirm(id: number): void {
    const index = this.#sent.findIndex((ping) => ping.id === id);
    const ping = this.#sent[index];
    if (ping === undefined) return;
    this.#sent.splice(0, index + 1);
    this.confirmed = id;
    this.endsAtMs = Math.max(this.endsAtMs, ping.atMs + this.#lastsMs);
  }

  holds(nowMs: number): boolean {
    return nowMs < this.endsAtMs;
  }
}

/** The core's side. */
export class GivenLease {
  readonly #lastsMs: number;
  #heardAtMs: number;
  #isHandedBack = false;
  #pongs: { id: number; atMs: number }[] = [];

  constructor(introducedAtMs: number, lastsMs = leaseMs) {
    this.#lastsMs = lastsMs;
    this.#heardAtMs = introducedAtMs;
  }

  /** A ping came in and is answered now. */
  renew(nowMs: number, ping: { id: number; confirmed: number }): void {
    this.#heardAtMs = nowMs;
    let taken = 0;
    while ((this.#pongs[taken]?.id ?? Number.POSITIVE_INFINITY) <= ping.confirmed) taken++;
    this.#pongs.splice(0, taken);
    // Only the oldest counts: a few are enough.
    if (this.#pongs.length < 64) this.#pongs.push({ id: ping.id, atMs: nowMs });
  }

  /** The gateway has said that its caches are dropped. */
  handBack(): void {
    this.#isHandedBack = true;
  }

  /** From then on no cache is used under this lease, unless it is renewed. */
  get surelyOverAtMs(): number {
    return this.#isHandedBack ? Number.NEGATIVE_INFINITY : this.#heardAtMs + this.#lastsMs + leaseSlackMs;
  }

  silentMs(nowMs: number): number {
    return nowMs - this.#heardAtMs;
  }

  /** How long the oldest pong has been under way: what else was sent before it is not taken either. */
  untakenMs(nowMs: number): number {
    const oldest = this.#pongs[0];
    return oldest === undefined ? 0 : nowMs - oldest.atMs;
  }
}
