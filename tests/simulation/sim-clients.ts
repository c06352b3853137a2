// The clients of the simulation: each does one thing after the other, and tells the checkers what it was told.
import type { Key } from '../../runtime/key.ts';
import type { Checks } from './checks.ts';
import { handleKey, postKey, profileKey, type Value } from './requests.ts';
import type { SimGateway } from './sim-gateway.ts';
import type { World } from './world.ts';

export interface SimClientsOptions {
  world: World;
  checks: Checks;
  gateway: SimGateway;
  partitions: number;
  accounts: number;
  /** Nobody begins anything any more. */
  isOver(): boolean;
  count(what: string): void;
}

/** Accounts that somebody may claim the handle of, beside those that post. */
const claimable = 40;

export class SimClients {
  readonly #options: SimClientsOptions;
  #posts = 0;

  constructor(options: SimClientsOptions) {
    this.#options = options;
  }

  /** One client begins, and goes on until it is over. */
  begin(client: number): void {
    const { world, checks, partitions, accounts, isOver } = this.#options;
    const { random, events } = world;
    if (isOver()) return;
    const next = (): void => events.after(random.between(10, 250), () => this.begin(client));
    const account = random.below(accounts);
    const choice = random.fraction();
    const by = `c${client}.${++this.#posts}`;
    if (choice < 0.35) {
      const to = random.chance(0.5) ? [random.below(partitions)] : [];
      this.#write(account, postKey(account, this.#posts), { by, to }, next);
    } else if (choice < 0.5) this.#write(account, profileKey(account), { by, to: [] }, next);
    else if (choice < 0.6) {
      const post = checks.somePost(random);
      if (post === null) next();
      else this.#remove(post.account, post.key, next);
    } else if (choice < 0.7) this.#claim(accounts + random.below(claimable), by, next);
    else this.#read(account, next);
  }

  #write(account: number, key: Key, value: Value, next: () => void): void {
    const { checks, gateway, count } = this.#options;
    const begun = checks.begin();
    gateway.request({ kind: 'write', account, key, value }, (reply) => {
      if (reply?.kind === 'written') checks.written(key, reply.version, begun, value);
      count(reply?.kind ?? 'unknown');
      next();
    });
  }

  #remove(account: number, key: Key, next: () => void): void {
    const { checks, gateway, count } = this.#options;
    const begun = checks.begin();
    gateway.request({ kind: 'write', account, key, value: null }, (reply) => {
      if (reply?.kind === 'written') checks.written(key, reply.version, begun, null);
      count('removed');
      next();
    });
  }

  #claim(account: number, by: string, next: () => void): void {
    const { checks, gateway, count } = this.#options;
    const key = handleKey(account);
    const value = { by, to: [] };
    const begun = checks.begin();
    gateway.request({ kind: 'claim', account, key, value }, (reply) => {
      if (reply?.kind === 'written') {
        checks.claimed(key, by);
        checks.written(key, reply.version, begun, value);
      }
      count('claims');
      next();
    });
  }

  #read(account: number, next: () => void): void {
    const { checks, gateway, count } = this.#options;
    const begun = checks.begin();
    gateway.request({ kind: 'read', account }, (reply) => {
      if (reply?.kind === 'read') checks.read(account, reply.facts, begun);
      count('reads');
      next();
    });
  }
}
