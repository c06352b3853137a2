// The end of a gateway's streams, spread over a time: so many clients that come back at once would be a burden to those that go on.

export interface DrainingOptions<S> {
  /** Those that are open now. */
  sessions(): Iterable<S>;
  /** Tells the client to come back, with its cursor. */
  end(session: S): void;
  nowMs?: () => number;
}

const stepMs = 20;

export class Draining<S> {
  readonly #options: DrainingOptions<S>;
  readonly #nowMs: () => number;
  #untilMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #drained: Promise<void> | null = null;
  #resolve: () => void = () => {};

  constructor(options: DrainingOptions<S>) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** Resolves at the end of the time: until then there may be connections that will yet ask for something. A later call moves the end. */
  until(untilMs: number): Promise<void> {
    this.#untilMs = untilMs;
    if (this.#drained !== null) return this.#drained;
    this.#drained = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = setInterval(() => this.#step(), stepMs);
    return this.#drained;
  }

  /** All is ended by others. */
  callOff(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#resolve();
  }

  /** Of those that are left an equal share in each step that is left: so whoever comes or goes meanwhile changes nothing of the pace. */
  #step(): void {
    const leftMs = this.#untilMs - this.#nowMs();
    const open = [...this.#options.sessions()];
    const share = leftMs <= stepMs ? open.length : Math.floor(open.length / (leftMs / stepMs) + this.#rest);
    this.#rest = leftMs <= stepMs ? 0 : open.length / (leftMs / stepMs) + this.#rest - share;
    for (const session of open.slice(0, share)) this.#options.end(session);
    if (leftMs <= 0) this.callOff();
  }

  /** The part of a session that the steps so far have left over. */
  #rest = 0;
}
