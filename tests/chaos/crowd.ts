// The clients of one run: who there is, what each of them does all the time, and how they end.
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../simulation/random.ts';
import { until } from '../support/until.ts';
import { Asker, type Gateway, textIn } from './asking.ts';
import { block, type Client, newcomers, read, turn, write } from './client.ts';
import { Listener } from './listener.ts';
import type { ClientRecord } from './record.ts';

const writers = ['ada', 'bob', 'carol', 'dave', 'erin', 'frank'];
/** They follow every writer, and go on doing so. */
const readers = ['gina', 'hal', 'ines'];
const turners = ['jack', 'kate'];
const blockers = ['liam'];

/** Before anything is harmed. */
const beginning = { withinMs: 60_000, everyMs: 200 };

export interface CrowdOptions {
  gateways: readonly Gateway[];
  record: ClientRecord;
  seed: number;
}

export class Crowd {
  readonly asker: Asker;
  readonly listeners: Listener[] = [];
  readonly #random: Random;
  #isOver = false;
  #work: Promise<unknown> = Promise.resolve();
  #fault: unknown = null;

  constructor({ gateways, record, seed }: CrowdOptions) {
    this.asker = new Asker({ record, gateways, people: new Map() });
    this.#random = new Random(seed);
  }

  get handles(): string[] {
    return [...writers, ...readers, ...turners, ...blockers];
  }

  /** Signs everybody up, while nothing is harmed yet, and lets readers follow writers. */
  async gather(): Promise<void> {
    const [gateway] = this.asker.gateways;
    if (gateway === undefined) throw new Error('there is no gateway');
    this.asker.appToken = await until(() => appToken(gateway), { ...beginning, what: 'an app' });
    await this.#firsts();
    await Promise.all(this.handles.map((handle) => this.asker.signUpAtLast(handle, this.#random)));
    const follows = [...readers, ...blockers].flatMap((who) => writers.map((target) => ({ who, target })));
    const around = writers.map((who, at) => ({ who, target: writers[(at + 1) % writers.length] ?? who }));
    for (const { who, target } of [...follows, ...around])
      await this.asker.persist(who, { do: 'follow', target }, this.#random);
    let sockets = 0;
    for (const handle of [...readers, ...turners, ...writers.slice(0, 2)]) {
      const account = this.asker.person(handle);
      const { gateways, record } = this.asker;
      const random = new Random(this.#random.below(2 ** 32));
      this.listeners.push(new Listener({ account, gateways, record, random, nextSocket: () => ++sockets }));
    }
    await until(() => this.listeners.every(({ hasStarted }) => hasStarted), {
      withinMs: 60_000,
      what: 'every stream having started',
    });
  }

  work(): void {
    const client = (who: string): Client => ({
      who,
      asker: this.asker,
      random: new Random(this.#random.below(2 ** 32)),
      isOver: () => this.#isOver,
      pause: (leastMs, mostMs) => sleep(leastMs + this.#random.fraction() * (mostMs - leastMs)),
    });
    this.#work = Promise.all([
      ...writers.map((who) => write(client(who))),
      ...readers.map((who) => read(client(who), writers)),
      ...turners.map((who) => turn(client(who), writers)),
      ...blockers.map((who) => block(client(who), writers)),
      newcomers(client('newcomer'), writers),
    ]);
    this.#work.catch((error: unknown) => {
      this.#fault = error;
    });
  }

  /** A mistake of the clients themselves ends the run. */
  get fault(): unknown {
    return this.#fault;
  }

  /** Resolves when everybody has what was begun. */
  async rest(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }

  close(): void {
    this.#isOver = true;
    for (const listener of this.listeners) listener.close();
  }

  /** Through every gateway, under names that do not matter: a core in the ring for a moment may refuse, and have done it all the same. */
  async #firsts(): Promise<void> {
    let number = 0;
    for (const gateway of this.asker.gateways)
      await until(async () => (await this.asker.signUp(`first_${++number}`, gateway)) !== null, {
        ...beginning,
        what: `signing up through ${gateway.name}`,
      });
  }
}

/** With it, clients sign people up. */
async function appToken({ url }: Gateway): Promise<string> {
  const send = async (path: string, body: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return await response.json();
  };
  const scopes = 'read write follow';
  const redirect = 'urn:ietf:wg:oauth:2.0:oob';
  const app = await send('/api/v1/apps', { client_name: 'chaos', redirect_uris: redirect, scopes });
  const granted = await send('/oauth/token', {
    grant_type: 'client_credentials',
    client_id: textIn(app, 'client_id'),
    client_secret: textIn(app, 'client_secret'),
    scope: scopes,
  });
  return textIn(granted, 'access_token');
}
