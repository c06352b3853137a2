// A rehearsal of a new core in a folder of its own, before it takes over: it writes, pushes and reads as it will have to. What fails here fails
// before anybody is served, and what has run once runs faster when everybody waits for it.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, Ask, RequestKind } from '../actors/messages.ts';
import { type AccountId, partitionCount } from '../runtime/account-id.ts';
import { accountIdOf } from '../runtime/handle.ts';
import { openCore } from './core-opening.ts';
import type { CoreOptions } from './core-options.ts';
import type { LinkPeer } from './link-peer.ts';
import { codecsOf } from './link-requests.ts';
import { Ring } from './ring.ts';
import { SelfTestError } from './self-test-error.ts';

export interface RehearsalOptions
  extends Omit<CoreOptions, 'folder' | 'limits' | 'lock' | 'onFault' | 'cluster'> {
  data: string;
}

const people = 24;
const rounds = 12;
const page = { maxId: null, sinceId: null, minId: null, limit: 40 } as const;
const plain = {
  visibility: 'public',
  sensitive: false,
  spoiler: '',
  language: null,
  replyTo: null,
  app: null,
  once: null,
} as const;

/** Rejects with a `SelfTestError`. Nothing of it is left. */
export async function rehearse({ data, ...options }: RehearsalOptions): Promise<void> {
  const folder = join(data, 'rehearsal');
  const clear = (): void => rmSync(folder, { recursive: true, force: true });
  // One that was killed has left its own.
  clear();
  try {
    const core = await openCore({
      ...options,
      cluster: {
        boot: randomBytes(16).toString('hex'),
        ring: new Ring([{ node: options.node, machine: 'here', weight: 100 }], null, partitionCount),
        epoch: 1,
        isFounder: true,
      },
      folder,
      limits: { minFreePercent: 0, ballastBytes: 0, mapSizeBytes: 2 ** 30 },
      onFault: (error) => {
        throw error;
      },
    });
    try {
      await new Rehearsal(core).play();
    } finally {
      await core.close();
    }
  } catch (error) {
    if (error instanceof SelfTestError) throw error;
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new SelfTestError(`the rehearsal failed: ${said}`, { cause: error });
  } finally {
    clear();
  }
}

class Rehearsal {
  readonly #core: Awaited<ReturnType<typeof openCore>>;
  #pushed = 0;
  readonly #gateway: LinkPeer = {
    name: 'gateway-0',
    role: 'gateway',
    machine: null,
    topics: new Set(['public']),
    isOpen: true,
    backlogBytes: 0,
    isBehind: false,
    idleMs: 0,
    pushTick: ({ items }) => {
      this.#pushed += items.length;
    },
    sendChanged() {},
    sendServing() {},
    sendCores() {},
    fence: () => Promise.resolve(),
    askMetrics: () => Promise.resolve(null),
    close() {},
  };
  readonly #operator: LinkPeer = { ...this.#gateway, name: 'operator', role: 'operator' };

  constructor(core: Awaited<ReturnType<typeof openCore>>) {
    this.#core = core;
    core.serve({ peers: [this.#gateway], fence: () => Promise.resolve() });
  }

  async play(): Promise<void> {
    const { cluster } = this.#core;
    cluster?.connect(
      () => {},
      () => true,
    );
    await cluster?.ready();
    const handles = Array.from({ length: people }, (_, index) => `rehearsal_${index}`);
    await this.#ask('adoptAccounts', { handles, createdMs: Date.now() });
    const accounts = handles.map(accountIdOf);
    await this.#each(accounts, (account, index) => this.#meet(account, index, accounts));
    for (let round = 0; round < rounds; round++)
      await this.#each(accounts, (account, index) => this.#live(account, `${round} of ${index}`));
    if (this.#pushed === 0)
      throw new SelfTestError('the rehearsal failed: posts were made, and nothing was pushed');
  }

  async #meet(account: AccountId, index: number, accounts: AccountId[]): Promise<void> {
    for (const step of [1, 5, 7]) {
      const target = accounts[(index + step) % people];
      if (target !== undefined) await this.#ask('follow', { account, target, boosts: true });
    }
    await this.#ask('attach', { account, session: index + 1, since: null });
  }

  async #live(account: AccountId, about: string): Promise<void> {
    const { id } = await this.#ask('publish', {
      account,
      text: `A post, ${about}, with a #tag`,
      mentions: [],
      ...plain,
    });
    const { ids } = await this.#ask('home', { account, ...page });
    await this.#ask('statuses', { ids });
    await this.#ask('judge', { viewer: account, ids });
    await this.#ask('accounts', { ids: [account] });
    await this.#ask('mark', { account, id, mark: 'favourite', on: true });
    if (about.startsWith('0')) await this.#ask('deleteStatus', { account, id });
  }

  async #ask<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answer<K>> {
    const from = kind === 'adoptAccounts' ? this.#operator : this.#gateway;
    const { outcome } = await this.#core.handle(kind, ask, from, null);
    if (!outcome.ok)
      throw new SelfTestError(
        `the rehearsal failed: ${kind} was refused: ${outcome.rejection.code}, ${outcome.rejection.message}`,
      );
    codecsOf(kind).answer.encode(outcome.value);
    return outcome.value as Answer<K>;
  }

  async #each(
    accounts: readonly AccountId[],
    act: (account: AccountId, index: number) => Promise<void>,
  ): Promise<void> {
    await Promise.all(accounts.map(act));
  }
}
