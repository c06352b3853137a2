// The live sessions of the simulation, from outside: each is at the server of its own account, and goes where that goes.
import { noVersion } from '../../runtime/version.ts';
import type { Checks } from './checks.ts';
import type { SimSession } from './requests.ts';
import { gateway, type SimGateway } from './sim-gateway.ts';
import type { SimNode } from './sim-node.ts';
import type { Process } from './sim-process.ts';
import type { World } from './world.ts';

export interface SimFollowersOptions {
  world: World;
  nodes: ReadonlyMap<number, SimNode>;
  checks: Checks;
  gateway: SimGateway;
  accounts: number;
  count(what: string): void;
}

const lookEveryMs = 300;

export class SimFollowers {
  readonly sessions: SimSession[] = [];
  readonly #options: SimFollowersOptions;

  constructor(options: SimFollowersOptions) {
    this.#options = options;
  }

  /** Somebody who follows some, at the server of their own account; goes elsewhere with the cursor when that is no server any more. */
  begin(): void {
    const { world, checks, accounts } = this.#options;
    const { random } = world;
    const followees = [...new Set(Array.from({ length: 4 }, () => random.below(accounts)))];
    const session: SimSession = {
      id: this.sessions.length + 1,
      account: random.below(accounts),
      followees,
      cursor: noVersion,
      isLive: false,
      isGathered: false,
      attachment: 0,
      waitsFor: 0,
      held: [],
    };
    checks.session(session);
    this.sessions.push(session);
    this.#attach(session, null);
  }

  #attach(session: SimSession, at: Process | null): void {
    const { world, nodes, gateway: known, count } = this.#options;
    world.events.after(lookEveryMs, () => {
      const server = known.serverOf(session.account);
      const process = server === null ? null : (nodes.get(server)?.process ?? null);
      if (at !== null && !this.#isGone(at, process)) {
        this.#attach(session, at);
        return;
      }
      at?.detach(session);
      if (process === null || server === null || world.isCut(gateway, server)) {
        this.#attach(session, null);
        return;
      }
      session.isLive = false;
      session.isGathered = false;
      session.attachment++;
      session.held = [];
      process.attach(session);
      count('attached');
      this.#attach(session, process);
    });
  }

  #isGone(at: Process, server: Process | null): boolean {
    const { world } = this.#options;
    return at.isDead || world.isCut(gateway, this.#nodeOf(at)) || (server !== null && server !== at);
  }

  #nodeOf(process: Process): number {
    for (const [node, { process: other }] of this.#options.nodes) if (other === process) return node;
    return 0;
  }
}
