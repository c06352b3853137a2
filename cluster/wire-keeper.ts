// Keeps a wire to one peer: dials again and again, wherever the peer is said to be. One attempt is wire-dial.ts's.
import { type LinkClock, machineClock } from './link-clock.ts';
import type { WireEnding } from './wire-close.ts';
import { connectWire, type DialOptions } from './wire-dial.ts';
import type { WireLink } from './wire-end.ts';
import type { WireAddress } from './wire-hello.ts';

export interface KeeperOptions<D, C> extends Omit<DialOptions<D, C>, 'host' | 'port'> {
  /** In the order in which they are tried. May be none yet. */
  addresses: readonly WireAddress[];
  /** 0..1. */
  chance?: () => number;
  /** Each attempt that gave no link. */
  refused?(ending: WireEnding, address: WireAddress): void;
}

export interface WireKeeper<D, C> {
  /** The open link, or null. */
  readonly link: WireLink<D, C> | null;
  /** An attempt is under way. */
  readonly isDialing: boolean;
  /** Where the peer is now. Tried at once when there is no link; a link that is open stays. */
  moveTo(addresses: readonly WireAddress[]): void;
  /** Ends the link and dials no more. */
  close(text: string): void;
}

const firstMs = 250;
const longestMs = 5000;
/** A link that lasted so long was a good one: after it the pauses start short again. */
const goodLinkMs = 5000;
/** More are hints too many. */
const addressesMost = 16;

/** Dials at once, and goes on until `close`. */
export function keepWire<D, C>(options: KeeperOptions<D, C>): WireKeeper<D, C> {
  return new Keeper(options);
}

/**
 * Doubles with each round of failures, up to 5 s; a random part of at most half is left out, so that the nodes of a cluster do not
 * come back all at once.
 */
export function redialPauseMs(rounds: number, chance: number): number {
  return Math.max(firstMs, Math.min(longestMs, 2 * firstMs * 2 ** Math.min(rounds, 10)) * (1 - chance / 2));
}

class Keeper<D, C> implements WireKeeper<D, C> {
  link: WireLink<D, C> | null = null;
  isDialing = false;
  readonly #options: KeeperOptions<D, C>;
  readonly #clock: LinkClock;
  #addresses: readonly WireAddress[];
  #next = 0;
  /** Rounds over all addresses without a good link. */
  #rounds = 0;
  #isClosed = false;
  /** What the log has heard since the last link or the last move. */
  readonly #said = new Set<string>();
  /** Ends what is under way: an attempt or a pause. */
  #stop: () => void = () => {};

  constructor(options: KeeperOptions<D, C>) {
    this.#options = options;
    this.#clock = options.clock ?? machineClock;
    this.#addresses = options.addresses.slice(0, addressesMost);
    this.#dial();
  }

  moveTo(addresses: readonly WireAddress[]): void {
    const known = addresses.slice(0, addressesMost);
    if (this.#isClosed || isSame(known, this.#addresses)) return;
    this.#addresses = known;
    this.#said.clear();
    this.#next = 0;
    this.#rounds = 0;
    if (this.link !== null) return;
    this.#stop();
    this.#dial();
  }

  close(text: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop();
    this.link?.close(text);
    this.link = null;
  }

  #dial(): void {
    const address = this.#addresses[this.#next];
    // None: until some are told.
    if (address === undefined) return;
    const { onLink } = this.#options;
    this.isDialing = true;
    let openedAtMs = 0;
    let isStopped = false;
    const dialing = connectWire<D, C>({
      ...this.#options,
      host: address.host,
      port: address.port,
      onLink: (link) => {
        openedAtMs = this.#clock.nowMs();
        const receiver = onLink(link);
        return {
          data: (message) => receiver.data(message),
          control: (message) => receiver.control(message),
          writable: () => receiver.writable?.(),
          closed: (ending) => {
            receiver.closed(ending);
            if (!isStopped) this.#lost(this.#clock.nowMs() - openedAtMs);
          },
        };
      },
    });
    this.#stop = () => {
      isStopped = true;
      this.isDialing = false;
      dialing.abandon();
    };
    void dialing.outcome.then((outcome) => {
      if (!isStopped) this.isDialing = false;
      if (isStopped) {
        if (outcome.kind === 'opened') outcome.link.close('it is not needed any more');
      } else if (outcome.kind === 'refused') {
        this.#options.refused?.(outcome.ending, address);
        this.#failed(outcome.ending, address);
      } else if (outcome.link.isOpen) {
        this.link = outcome.link;
        this.#said.clear();
      }
    });
  }

  #lost(lastedMs: number): void {
    this.link = null;
    if (lastedMs >= goodLinkMs) this.#rounds = 0;
    // Where it was last it will be again, most likely.
    this.#pause();
  }

  /** The next address at once; a pause when all have failed. Said once for each place and reason in a row. */
  #failed({ reason, text }: WireEnding, { host, port }: WireAddress): void {
    const said = `${host} ${port} ${reason}`;
    if (!this.#said.has(said)) this.#options.log.warn({ host, port, reason, text }, 'no link to a node');
    this.#said.add(said);
    this.#next = (this.#next + 1) % Math.max(1, this.#addresses.length);
    if (this.#next === 0) this.#pause();
    else this.#dial();
  }

  #pause(): void {
    const chance = (this.#options.chance ?? Math.random)();
    const cancel = this.#clock.after(redialPauseMs(this.#rounds, chance), () => this.#dial());
    this.#rounds++;
    this.#stop = cancel;
  }
}

function isSame(one: readonly WireAddress[], other: readonly WireAddress[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ host, port }, index) => host === other[index]?.host && port === other[index]?.port)
  );
}
