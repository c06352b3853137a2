// When an account's streams have to read anew: its actor has lost its state, or what waits to be pushed to them is not wanted any more.
import type { Item } from '../actors/items.ts';
import type { Command } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import type { Version } from '../runtime/version.ts';
import type { CorePushing } from './core-pushing.ts';
import type { CoreSessions } from './core-sessions.ts';
import type { CommandKind } from './link-requests.ts';

/** After these, some authors are not heard any more. */
const narrowing: ReadonlySet<CommandKind> = new Set(['block', 'mute', 'unfollow']);

/** The actor was too busy to attach a stream. */
const againMs = 100;

export interface CoreResyncsOptions {
  sessions: CoreSessions;
  pushing: CorePushing;
  /** To the actor of the account. */
  ask(message: Extract<Command, { kind: 'attach' | 'detach' }>): Promise<Outcome<unknown>>;
  push(sessions: Map<Item, number[]>): void;
  watermark(): Version;
}

/** What commands are asked with, as far as it matters here. */
interface Asked {
  account: AccountId;
  target?: AccountId;
  boosts?: boolean;
}

export class CoreResyncs {
  readonly #options: CoreResyncsOptions;

  constructor(options: CoreResyncsOptions) {
    this.#options = options;
  }

  /** The actor starts anew; its sessions, which it has forgotten, are told to read anew and attach again. */
  crashed(account: AccountId): void {
    const { pushing, sessions } = this.#options;
    if (!pushing.isIdle) {
      // What waits has cursors, which would pass what the crash has lost.
      for (const { now } of sessions.renew(account)) void this.#attachAnew(account, now);
      return;
    }
    const numbers = sessions.of(account);
    this.#tell(numbers);
    for (const session of numbers) void this.#attach(account, session, () => {});
  }

  /**
   * The answer to a command, when nothing that the command has made unwanted waits any more: what is held back for a gateway was wanted when it
   * was made. It is dropped, for all authors, and the streams are told so: a new number for each, and what is on its way to the old ones goes nowhere.
   */
  after(kind: CommandKind, asked: Asked, answering: Promise<Outcome<unknown>>): Promise<Outcome<unknown>> {
    const isNarrowing = narrowing.has(kind) || (kind === 'follow' && asked.boosts === false);
    // All commands come by here: the others are not to wait for anything.
    return isNarrowing ? this.#narrowed(kind, asked, answering) : answering;
  }

  async #narrowed(
    kind: CommandKind,
    { account, target }: Asked,
    answering: Promise<Outcome<unknown>>,
  ): Promise<Outcome<unknown>> {
    const { pushing, sessions, ask } = this.#options;
    const outcome = await answering;
    // What waits for rows, or goes out a while at a time, waits as well.
    if (pushing.isIdle) return outcome;
    // Neither sees the other across a block. (A blocked one whom another core serves is shown what waits there.)
    const both = kind === 'block' && target !== undefined ? [account, target] : [account];
    // All is asked in this turn: whoever detaches them afterwards, or loses the partition, comes after it.
    const attached = both.flatMap((whose) =>
      sessions.renew(whose).map(({ before, now }) => {
        void ask({ kind: 'detach', account: whose, session: before });
        return this.#attachAnew(whose, now);
      }),
    );
    await Promise.all(attached);
    return outcome;
  }

  /** The stream is told so before anything is pushed to its new number: a cursor of that would pass what is dropped. */
  #attachAnew(account: AccountId, now: number): Promise<void> {
    return this.#attach(account, now, () => this.#options.pushing.resync([now]));
  }

  /** Resolves after the first try; tries again while the stream is there, for one that is attached nowhere would be silent for good. */
  async #attach(account: AccountId, session: number, attached: () => void): Promise<void> {
    const outcome = await this.#options.ask({ kind: 'attach', account, session, since: null });
    if (outcome.ok) {
      attached();
      return;
    }
    setTimeout(() => {
      if (this.#options.sessions.has(session)) void this.#attach(account, session, attached);
    }, againMs).unref();
  }

  #tell(numbers: number[]): void {
    if (numbers.length === 0) return;
    this.#options.push(new Map([[{ kind: 'resync', version: this.#options.watermark() }, numbers]]));
  }
}
