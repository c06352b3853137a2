// Cores of a cluster for tests of routing: real link servers behind real TLS, and what they answer in the test's hands.
import type { TLSSocket } from 'node:tls';
import type { AccountRow, Changed, RequestKind, Tick } from '../../actors/messages.ts';
import type { Handled, HandleRequest } from '../../cluster/link-handling.ts';
import type { CoreList, CorePlace } from '../../cluster/link-messages.ts';
import type { LinkPeer } from '../../cluster/link-peer.ts';
import { linkKeyOf } from '../../cluster/link-proof.ts';
import { type LinkServer, type LinkServerOptions, openLinkServer } from '../../cluster/link-server.ts';
import { connectCores, type RoutingClient, type RoutingOptions } from '../../cluster/routing-client.ts';
import { type AccountId, accountIdLimit, partitionCount } from '../../runtime/account-id.ts';
import { makeStatusId, type StatusId } from '../../runtime/status-id.ts';
import { accountRowOf, statusRowOf } from '../support/records.ts';
import { until } from '../support/until.ts';
import { CountingMeter, listeningLog, type Said } from './link-ends.ts';
import { type NodeKey, nodeKey, WireEnds } from './wire-ends.ts';

export const clusterId = Buffer.alloc(32, 7);
/** That of the gateways. */
export const gatewayNode = 99;

/** An account of this partition. */
export function accountIn(partition: number, number = 1): AccountId {
  return (partition * (accountIdLimit / partitionCount) + number) as AccountId;
}

export function postOf(author: AccountId, ms = 1): StatusId {
  return makeStatusId(ms, author, 0);
}

export function accountRow(id: AccountId, handle: string): AccountRow {
  return accountRowOf(id, handle, { displayName: handle });
}

export const moved: Handled = { outcome: { ok: false, rejection: { code: 'moved', message: 'not here' } } };

export interface Asked {
  kind: RequestKind;
  ask: unknown;
  limitKey: string | null;
}

/** Rows name the core that gave them. */
export class TestCore {
  readonly node: number;
  readonly key: NodeKey;
  readonly asked: Asked[] = [];
  readonly peers: LinkPeer[] = [];
  readonly gone: string[] = [];
  readonly said: Said[];
  readonly meter = new CountingMeter();
  /** Connections of gateways, at this end. */
  readonly connections: TLSSocket[] = [];
  links: LinkServer | null = null;
  port = 0;
  /** Told to each gateway that links; null: it says nothing of what it serves. */
  terms: Map<number, number> | null = new Map();
  /** Takes the place of the usual answers where it gives one. */
  answers: (asked: Asked) => Handled | Promise<Handled> | null = () => null;
  readonly log = listeningLog();
  #version = 0;

  constructor(node: number) {
    this.node = node;
    this.key = nodeKey(node);
    this.said = this.log.said;
  }

  get place(): CorePlace {
    return {
      node: this.node,
      publicKey: this.key.publicKey,
      addresses: [{ host: '127.0.0.1', port: this.port }],
    };
  }

  readonly handle: HandleRequest = (kind, ask, _from, counted) => {
    const asked: Asked = { kind, ask, limitKey: counted?.limitKey ?? null };
    this.asked.push(asked);
    return this.answers(asked) ?? this.#usual(asked);
  };

  #usual({ kind, ask }: Asked): Handled {
    const { ids = [] } = ask as { ids?: unknown[] };
    const name = `core-${this.node}`;
    const done = (value: object): Handled => ({ outcome: { ok: true, value } }) as Handled;
    switch (kind) {
      case 'accounts':
        return done({ rows: ids.map((id) => accountRow(id as AccountId, name)) });
      case 'statuses':
        return done({ rows: ids.map((id) => statusRowOf(id as StatusId, name)) });
      case 'judge':
        return done({ flags: Uint8Array.from(ids, () => this.node) });
      case 'home':
      case 'publicTimeline':
        return done({ ids: [], flags: new Uint8Array(), completeThroughMs: null });
      case 'adoptAccounts':
        return done({ made: (ask as { handles: string[] }).handles.length });
      case 'instance':
        return done({ users: this.node, statuses: 0, activeMonth: 0 });
      default:
        return done({});
    }
  }

  kinds(): RequestKind[] {
    return this.asked.map(({ kind }) => kind);
  }

  /** From now on it serves these and no others. */
  serve(term: number, partitions: Iterable<number>): void {
    this.terms = new Map([...partitions].map((partition) => [partition, term]));
    this.#version++;
    for (const peer of this.links?.peers ?? []) this.#tell(peer);
  }

  joined(peer: LinkPeer): void {
    this.peers.push(peer);
    this.#tell(peer);
  }

  push(tick: Tick): void {
    for (const peer of this.links?.peers ?? []) peer.pushTick(tick);
  }

  changed(changed: Changed): void {
    for (const peer of this.links?.peers ?? []) peer.sendChanged(changed);
  }

  /** Ends all links, as a core that dies does. */
  cut(): void {
    for (const connection of this.connections.splice(0)) connection.destroy();
  }

  /** It goes on, but nothing comes from it and nothing reaches it. */
  silence(): void {
    for (const connection of this.connections) connection.pause();
  }

  #tell(peer: LinkPeer): void {
    if (this.terms === null) return;
    const terms = [...this.terms].map(([partition, term]) => ({ partition, term }));
    peer.sendServing({ version: this.#version, terms });
  }
}

export type Event =
  | { kind: 'up' | 'down' }
  | { kind: 'lost' | 'served'; partitions: number[] }
  | { kind: 'tick'; core: number; cursor: string }
  | { kind: 'changed' };

export class RoutingEnds {
  readonly wires = new WireEnds();

  close(): Promise<void> {
    return this.wires.close();
  }

  async core(node: number, options: Partial<LinkServerOptions> = {}): Promise<TestCore> {
    const core = new TestCore(node);
    const links = await openLinkServer({
      host: '127.0.0.1',
      key: Buffer.alloc(32, node),
      handle: core.handle,
      onPeer: (peer) => core.joined(peer),
      onPeerGone: (_peer, reason) => core.gone.push(reason),
      log: core.log,
      meter: core.meter,
      hadPredecessor: false,
      remote: {
        key: linkKeyOf(clusterId),
        admits: (publicKey) =>
          Buffer.compare(publicKey, nodeKey(gatewayNode).publicKey) === 0
            ? { ok: true, name: 'anna', roles: ['gateway'] }
            : { ok: false, reason: 'no member' },
      },
      ...options,
    });
    const { server } = await this.wires.server({
      key: core.key,
      otherPaths: {
        '/link': (request, connection, head, publicKey) => {
          core.connections.push(connection);
          links.takeUpgrade(request, connection, head, publicKey);
        },
      },
    });
    this.wires.onClose(() => links.close());
    core.links = links;
    core.port = server.port;
    return core;
  }

  /** Linked to all of these. */
  async gateway(cores: TestCore[], options: Partial<RoutingOptions> = {}): Promise<GatewayOfMany> {
    const gateway = new GatewayOfMany(cores, options);
    this.wires.onClose(() => gateway.client.close());
    await until(() => cores.every(({ peers }) => peers.length > 0), { everyMs: 1, what: 'all links' });
    for (const { terms } of cores)
      for (const partition of terms?.keys() ?? [])
        await until(() => gateway.serves(partition), { everyMs: 1, what: `partition ${partition}` });
    return gateway;
  }
}

export class GatewayOfMany {
  readonly client: RoutingClient;
  readonly happened: Event[] = [];
  readonly said: Said[];

  constructor(cores: TestCore[], options: Partial<RoutingOptions> = {}) {
    const log = listeningLog();
    this.said = log.said;
    const { key, cert } = nodeKey(gatewayNode);
    const { events, ...others } = options;
    const note = (event: Event): void => {
      this.happened.push(event);
    };
    this.client = connectCores({
      own: null,
      identity: { tls: { key, cert }, linkKey: linkKeyOf(clusterId) },
      name: 'gateway-0',
      log,
      events: {
        tick: (tick, core) => note({ kind: 'tick', core, cursor: tick.cursor }),
        changed: () => note({ kind: 'changed' }),
        lost: (partitions) => note({ kind: 'lost', partitions: [...partitions] }),
        served: (partitions) => note({ kind: 'served', partitions: [...partitions] }),
        up: () => note({ kind: 'up' }),
        down: () => note({ kind: 'down' }),
        metrics: async () => [],
        ...events,
      },
      ...others,
    });
    this.client.setCores(listOf(1, cores));
  }

  serves(partition: number): boolean {
    return this.client.covered()(accountIn(partition));
  }

  kinds(): string[] {
    return this.happened.map(({ kind }) => kind);
  }
}

export function listOf(epoch: number, cores: TestCore[]): CoreList {
  return { epoch, cores: cores.map(({ place }) => place) };
}

/** An answer that the test gives when it likes. */
export class Held {
  readonly answered: Promise<Handled>;
  give: (handled: Handled) => void = () => {};
  isAsked = false;

  constructor() {
    this.answered = new Promise((resolve) => {
      this.give = resolve;
    });
  }

  take(): Promise<Handled> {
    this.isAsked = true;
    return this.answered;
  }
}
