// A whole gateway on a real core, both in this process and with a real link between them: for streams, login, and the core going away.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { behaviours } from '../../actors/behaviours.ts';
import type { Answer, Ask, RequestKind } from '../../actors/messages.ts';
import type { Core } from '../../cluster/core.ts';
import type { Product } from '../../cluster/core-behaviours.ts';
import { openCore } from '../../cluster/core-opening.ts';
import type { CoreOptions } from '../../cluster/core-options.ts';
import { linkFileName, newLinkKey, removeLinkFile, writeLinkFile } from '../../cluster/link-file.ts';
import { type LinkServer, openLinkServer } from '../../cluster/link-server.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../../gateway/gateway.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { plainPost } from '../support/records.ts';

export interface Person {
  account: AccountId;
  handle: string;
  token: string;
}

export interface WholeGateway {
  url: string;
  /** `ws://...` */
  socketUrl: string;
  gateway: Gateway;
  core(): Core;
  /** What the gateway and the core logged as failed. */
  faults: string[];
  ask<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answer<K>>;
  /** An account with a token, and without a password. */
  person(handle: string, scopes?: string): Promise<Person>;
  follow(follower: Person, followee: Person): Promise<void>;
  post(author: Person, status: string, fields?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** How many sessions the core has, for tests that wait for one to be attached or detached. */
  sessions(): Promise<number>;
  /** The same past the gateway. */
  publish(author: Person, text: string): Promise<void>;
  request(method: string, path: string, token: string | null, body?: unknown): Promise<Response>;
  /** The core goes away as if killed: links cut, nothing said. */
  stopCore(): Promise<void>;
  /** `before` has the core to itself: no gateway can reach it yet. */
  startCore(before?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface WholeOptions {
  gateway?: Partial<GatewayOptions>;
  core?: Partial<CoreOptions>;
}

export async function startWholeGateway(options: WholeOptions = {}): Promise<WholeGateway> {
  const data = await mkdtemp(join(tmpdir(), 'murmuration-gateway-'));
  const faults: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => faults.push(line) });
  let running: { core: Core; links: LinkServer; incarnation: string } | null = null;

  async function startCore(before: () => Promise<void> = async () => {}): Promise<void> {
    const core = await openCore({
      product: behaviours as unknown as Product,
      folder: join(data, 'store'),
      node: 1,
      now: Date.now,
      chance: Math.random,
      rateLimit: { requests: 0, windowS: 300 },
      signUpsAnHour: 0,
      idleMs: 600_000,
      log,
      onFault(error) {
        throw error;
      },
      ...options.core,
    });
    const key = newLinkKey();
    const links = await openLinkServer({
      host: '127.0.0.1',
      key,
      handle: (kind, ask, from, counted) => core.handle(kind, ask, from, counted),
      onPeer: () => {},
      onPeerGone: (peer) => core.peerGone(peer),
      log,
      // No core was there before this one that may have left a gateway behind with what it cached; a restart waits for its lease.
      hadPredecessor: false,
    });
    core.serve(links);
    const incarnation = randomBytes(8).toString('hex');
    running = { core, links, incarnation };
    await before();
    await writeLinkFile(join(data, linkFileName), { port: links.port, key, pid: process.pid, incarnation });
  }

  async function stopCore(): Promise<void> {
    if (running === null) return;
    const { core, links, incarnation } = running;
    running = null;
    await removeLinkFile(join(data, linkFileName), incarnation);
    for (const peer of links.peers) peer.close('the test cuts it');
    await links.close();
    await core.close();
  }

  const core = (): Core => {
    if (running === null) throw new Error('the core is stopped');
    return running.core;
  };

  await startCore();
  const gateway = await createGateway({
    index: 0,
    data,
    pageFolder: null,
    version: '0.1.0',
    log,
    publicUrl: null,
    trustedProxy: false,
    rateLimit: { requests: 0, windowS: 300 },
    ...options.gateway,
  });
  const port = await gateway.listen(0, '127.0.0.1');
  const url = `http://127.0.0.1:${port}`;

  async function ask<K extends RequestKind>(kind: K, asked: Ask<K>): Promise<Answer<K>> {
    const { outcome } = await core().handle(kind, asked, null, null);
    if (!outcome.ok) throw new Error(`${kind}: ${outcome.rejection.code}: ${outcome.rejection.message}`);
    return outcome.value as Answer<K>;
  }

  async function request(
    method: string,
    path: string,
    token: string | null,
    body?: unknown,
  ): Promise<Response> {
    return fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  const whole: WholeGateway = {
    url,
    socketUrl: url.replace('http', 'ws'),
    gateway,
    core,
    faults,
    ask,
    async person(handle, scopes = 'read write follow') {
      await ask('adoptAccounts', { handles: [handle], createdMs: Date.now() });
      const { token } = await ask('issueToken', { handle, scopes });
      return { account: accountIdOf(handle), handle, token };
    },
    async follow(follower, followee) {
      await ask('follow', { account: follower.account, target: followee.account, boosts: true });
    },
    async post(author, status, fields = {}) {
      const answer = await request('POST', '/api/v1/statuses', author.token, { status, ...fields });
      const said = (await answer.json()) as Record<string, unknown>;
      if (answer.status !== 200) throw new Error(`posting: ${answer.status} ${JSON.stringify(said)}`);
      return said;
    },
    sessions: async () => JSON.parse((await ask('status', {})).json).sessions,
    async publish({ account }, text) {
      await ask('publish', { account, text, ...plainPost, mentions: [], once: null });
    },
    request,
    stopCore,
    startCore,
    async close() {
      await gateway.stop();
      await stopCore();
      await rm(data, { recursive: true, force: true });
    },
  };
  return whole;
}
