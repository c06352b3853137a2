// Pieces that this node has got, told to its peers: at once after a pause, else several together. A message for each costs more than what it says.
import type { LinkClock } from './link-clock.ts';

export interface NewsPorts {
  clock: Pick<LinkClock, 'nowMs' | 'after'>;
  tell(pieces: readonly number[]): void;
}

/** What comes within this time of the last telling waits for its end. */
export const togetherMs = 30;

export class News {
  readonly #ports: NewsPorts;
  #untold: number[] = [];
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #stopWaiting: (() => void) | null = null;

  constructor(ports: NewsPorts) {
    this.#ports = ports;
  }

  got(piece: number): void {
    this.#untold.push(piece);
    if (this.#stopWaiting !== null) return;
    const { clock } = this.#ports;
    const waitMs = this.#toldAtMs + togetherMs - clock.nowMs();
    if (waitMs <= 0) this.tellAll();
    else this.#stopWaiting = clock.after(waitMs, () => this.tellAll());
  }

  /** Nobody is to be kept waiting any longer. */
  tellAll(): void {
    this.end();
    if (this.#untold.length === 0) return;
    const { clock, tell } = this.#ports;
    this.#toldAtMs = clock.nowMs();
    tell(this.#untold.splice(0));
  }

  end(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
  }
}
