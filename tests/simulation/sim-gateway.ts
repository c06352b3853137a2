// The gateway of the simulation: what it knows of servers, and requests of clients, asked again until somebody answers.
import type { Term } from '../../cluster/peer-messages.ts';
import type { Ask, Reply } from './requests.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

export interface SimGatewayOptions {
  world: World;
  nodes: ReadonlyMap<number, SimNode>;
  partitions: number;
  /** An answer was given: the checkers look who serves. */
  answered(): void;
}

/** Its number in the network. */
export const gateway = 1000;
const replyPatienceMs = 2500;

export class SimGateway {
  readonly #options: SimGatewayOptions;
  /** By node: the terms it serves under, by partition. */
  readonly #known = new Map<number, ReadonlyMap<number, number>>();

  constructor(options: SimGatewayOptions) {
    this.#options = options;
  }

  /** A node says what it serves; it takes a while, and may not come. */
  serving(node: number, terms: readonly Term[]): void {
    const { world } = this.#options;
    const known = new Map(terms.map(({ partition, term }) => [partition, term]));
    world.events.after(world.random.between(0.5, 20), () => {
      if (!world.isCut(node, gateway)) this.#known.set(node, known);
    });
  }

  /** As far as is known here. */
  serverOf(account: number): number | null {
    const partition = account % this.#options.partitions;
    let best: { node: number; term: number } | null = null;
    for (const [node, terms] of this.#known) {
      const term = terms.get(partition);
      if (term !== undefined && (best === null || term > best.term)) best = { node, term };
    }
    return best?.node ?? null;
  }

  /** Until somebody answers, or it is over. */
  request(ask: Ask, done: (reply: Reply | null, wasSent: boolean) => void, left = 12): void {
    const node = this.serverOf(ask.account);
    const again = (): void => {
      if (left <= 0) done(null, false);
      else this.#options.world.events.after(250, () => this.request(ask, done, left - 1));
    };
    if (node === null) {
      again();
      return;
    }
    this.#attempt(node, ask, (reply) => {
      if (reply?.kind === 'moved') again();
      // A read can be asked again; what became of a write is not known.
      else if (reply === null && ask.kind === 'read') again();
      else done(reply, true);
    });
  }

  /** One attempt. Null: no answer came. */
  #attempt(node: number, ask: Ask, done: (reply: Reply | null) => void): void {
    const { world, nodes, answered } = this.#options;
    const { events, random } = world;
    let isDone = false;
    const finish = (reply: Reply | null): void => {
      if (isDone) return;
      isDone = true;
      done(reply);
    };
    events.after(replyPatienceMs, () => finish(null));
    events.after(random.between(0.3, 10), () => {
      const process = nodes.get(node)?.process ?? null;
      if (process === null || world.isCut(gateway, node)) return;
      process.ask(ask, (reply) => {
        answered();
        events.after(random.between(0.3, 10), () => {
          if (!world.isCut(node, gateway)) finish(reply);
        });
      });
    });
  }
}
