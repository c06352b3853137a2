// A core in this process on a real store in a temporary folder, with gateways that write down what they are pushed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { behaviours } from '../../actors/behaviours.ts';
import type { Answer, Ask, Changed, Pushed, RequestKind, Tick } from '../../actors/messages.ts';
import type { Core } from '../../cluster/core.ts';
import type { Product } from '../../cluster/core-behaviours.ts';
import { openCore } from '../../cluster/core-opening.ts';
import type { CoreOptions } from '../../cluster/core-options.ts';
import type { LinkPeer } from '../../cluster/link-peer.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Rejection } from '../../runtime/behaviours.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import type { StatusId } from '../../runtime/status-id.ts';
import { plainPost } from './records.ts';

/** A gateway as the core sees it, that keeps all it is told. */
export interface TestGateway extends LinkPeer {
  ticks: Tick[];
  changes: Changed[];
  /** Holds fences back until called. */
  releaseFences(): void;
  holdFences(): void;
  isOpen: boolean;
  isBehind: boolean;
  idleMs: number;
  topics: Set<string>;
  /** What one session was pushed, in order. */
  itemsOf(session: number): Pushed[];
}

export function testGateway(name: string, role: LinkPeer['role'] = 'gateway'): TestGateway {
  const ticks: Tick[] = [];
  const changes: Changed[] = [];
  let isHolding = false;
  const held: (() => void)[] = [];
  return {
    name,
    role,
    machine: null,
    ticks,
    changes,
    topics: new Set(),
    isOpen: true,
    backlogBytes: 0,
    isBehind: false,
    idleMs: 0,
    pushTick: (tick) => ticks.push(tick),
    sendChanged: (changed) => changes.push(changed),
    sendServing: () => {},
    sendCores: () => {},
    fence: () => (isHolding ? new Promise((resolve) => held.push(resolve)) : Promise.resolve()),
    askMetrics: () => Promise.resolve(null),
    close() {
      this.isOpen = false;
    },
    holdFences() {
      isHolding = true;
    },
    releaseFences() {
      isHolding = false;
      for (const release of held.splice(0)) release();
    },
    itemsOf: (session) =>
      ticks.flatMap(({ items }) => items.filter((item) => sessionsOf(item).includes(session))),
  };
}

export function sessionsOf({ sessions }: Pushed): number[] {
  const view = new DataView(sessions.buffer, sessions.byteOffset, sessions.byteLength);
  return Array.from({ length: sessions.length / 4 }, (_, place) => view.getUint32(place * 4));
}

export interface TestCore {
  core: Core;
  folder: string;
  gateway: TestGateway;
  peers: Set<TestGateway>;
  /** Throws when the answer is a rejection. */
  ask<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answer<K>>;
  refused<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Rejection>;
  /** Makes accounts without passwords. */
  accounts(...handles: string[]): Promise<AccountId[]>;
  post(author: AccountId, text: string, fields?: Partial<Ask<'publish'>>): Promise<StatusId>;
  home(account: AccountId, page?: Partial<Ask<'home'>>): Promise<StatusId[]>;
  attach(account: AccountId, session: number, since?: string | null): Promise<string>;
  /** Resolves when nothing is on its way to an actor or a gateway any more. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

export const wholePage = { maxId: null, sinceId: null, minId: null, limit: 40 } as const;
const silent = { info() {}, warn() {}, error() {} };

export async function openTestCore(
  options: Partial<CoreOptions> & { folder?: string } = {},
): Promise<TestCore> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'murmuration-core-'));
  const core = await openCore({
    product: behaviours as unknown as Product,
    node: 1,
    now: Date.now,
    chance: () => 0.5,
    rateLimit: { requests: 0, windowS: 300 },
    signUpsAnHour: 0,
    idleMs: 600_000,
    log: silent,
    onFault(error) {
      throw error;
    },
    ...options,
    folder,
  });
  const gateway = testGateway('gateway-0');
  const peers = new Set([gateway]);
  core.serve({
    peers,
    fence: async () => {
      await Promise.all([...peers].map((peer) => peer.fence()));
    },
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const tested: TestCore = {
    core,
    folder,
    gateway,
    peers,
    async ask(kind, ask) {
      const { outcome } = await core.handle(kind, ask, operatorFor(kind, gateway), null);
      if (!outcome.ok) throw new Error(`${kind}: ${outcome.rejection.code}: ${outcome.rejection.message}`);
      return outcome.value as Answer<typeof kind>;
    },
    async refused(kind, ask) {
      const { outcome } = await core.handle(kind, ask, operatorFor(kind, gateway), null);
      if (outcome.ok) throw new Error(`${kind} was not refused`);
      return outcome.rejection;
    },
    async accounts(...handles) {
      await tested.ask('adoptAccounts', { handles, createdMs: Date.now() });
      return handles.map(accountIdOf);
    },
    async post(account, text, fields = {}) {
      const { id } = await tested.ask('publish', {
        account,
        text,
        ...plainPost,
        mentions: [],
        once: null,
        ...fields,
      });
      return id;
    },
    home: async (account, page = {}) => (await tested.ask('home', { account, ...wholePage, ...page })).ids,
    attach: async (account, session, since = null) =>
      (await tested.ask('attach', { account, session, since })).cursor,
    async quiet() {
      // Deliveries are at most: a letter to an actor, its gather, the flush; each is one turn of the loop.
      for (let turns = 0; turns < 8 || !core.isQuiet; turns++) await turn();
    },
    async close() {
      await core.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return tested;
}

const operator = testGateway('operator', 'operator');

/** Operators' requests come from an operator, all others from the gateway. */
function operatorFor(kind: RequestKind, gateway: TestGateway): TestGateway {
  return ['adopt', 'adoptAccounts', 'issueToken', 'setPassword', 'backup', 'status'].includes(kind)
    ? operator
    : gateway;
}
