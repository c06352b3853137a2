// Streams whose client does not read as fast as its frames come. One that knows what a resync is gets one in place of what it has not
// read, once it reads again; all others, and those that read nothing at all, are sent away, and come back with their cursor.
import type { Session } from './session.ts';
import type { StreamingMeter } from './streaming-meter.ts';

export interface SlowReadersOptions {
  meter: Pick<StreamingMeter, 'cutOff' | 'resynced'>;
  /** It has read what it was sent before: it is told to read the rest anew, and goes on from there. */
  readAnew(session: Session): void;
}

/** So long a socket may stay stuck after what waited for it was thrown away. */
export const mostStuckMs = 30_000;

export class SlowReaders {
  readonly #options: SlowReadersOptions;

  constructor(options: SlowReadersOptions) {
    this.#options = options;
  }

  /** More waits for it than may. */
  fellBehind(session: Session): void {
    if (session.knowsResync) session.isBehind(mostStuckMs, () => this.#cutOff(session));
    else this.#cutOff(session);
  }

  /** The network has taken all that it was given for this session. */
  drained(session: Session): void {
    session.drained();
    if (session.overrun === null || session.outbox !== null) return;
    session.isBack();
    this.#options.meter.resynced();
    this.#options.readAnew(session);
  }

  #cutOff(session: Session): void {
    this.#options.meter.cutOff();
    session.end({ code: 1013, reason: 'slow-consumer' });
  }
}
