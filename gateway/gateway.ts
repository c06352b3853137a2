// A gateway: the API, the login pages and the streams on one server, behind a link to each core. gateway-program.ts is its shell.
import type { Logger } from 'pino';
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { LinkMeter } from '../cluster/link-meter.ts';
import { connectCores } from '../cluster/routing-client.ts';
import { readPlaces, watchPlaces } from '../cluster/routing-places.ts';
import { createApi } from './api.ts';
import { createAuthenticator } from './authenticator.ts';
import { DeletedPosts } from './deleted-posts.ts';
import { entityWriter } from './entity-writer.ts';
import { createAddresses } from './http-address.ts';
import { createHttpServer, type HttpSettings } from './http-server.ts';
import { instanceEndpoints } from './instance-endpoints.ts';
import { nodeinfoEndpoints } from './nodeinfo-endpoints.ts';
import { oauthAppEndpoints } from './oauth-app-endpoints.ts';
import { oauthAuthorizeEndpoints } from './oauth-authorize-endpoints.ts';
import { oauthTokenEndpoints } from './oauth-token-endpoints.ts';
import { readPage } from './page-files.ts';
import { signUpEndpoints } from './sign-up-endpoints.ts';
import { dropAnchor } from './streaming-anchor.ts';
import { Draining } from './streaming-draining.ts';
import { addEvents } from './streaming-events.ts';
import { StreamingHub } from './streaming-hub.ts';
import { createStreamingMeter } from './streaming-meter.ts';
import { addSockets } from './streaming-sockets.ts';

export interface GatewayOptions extends HttpSettings {
  /** 0, 1, ...: which of the machine's gateways this is. */
  index: number;
  /** The data folder, for core.link, node.key and cluster.json. */
  data: string;
  /** The folder with the page; null: none. */
  pageFolder: string | null;
  /** Of the release: `0.1.0`. */
  version: string;
  log: Logger;
  /** Mebibytes of posts and people that it remembers. */
  cacheMib?: number | undefined;
  /** Between pings of an idle socket. */
  pingAfterS?: number | undefined;
  /** Between comments in server-sent events. */
  thumpMs?: number;
}

export interface Gateway {
  /** Resolves with the port when a core has been reached once; rejects when it cannot listen. */
  listen(port: number, host: string): Promise<number>;
  /** How many connections it holds at most. */
  readonly mostConnections: number;
  /** Shows the page of another folder from now on. Rejects, and the page is as before, when there is none in it. */
  showPage(folder: string): Promise<void>;
  /**
   * For a gateway whose place others have taken on the port: takes no new connections, ends its streams spread evenly until then (their clients
   * come back to others, with their cursors), answers what has begun, and stops. Another call moves the end.
   */
  drain(untilMs: number): Promise<void>;
  /** Takes nothing new, answers what has begun, ends all streams, and lets go of the cores. */
  stop(): Promise<void>;
}

/** So often what is kept of those that only listen is made smaller. */
const tidyEveryMs = 60_000;
/** Answers that take longer than this are given up: the agent waits 10 s before it kills. */
const drainMs = 8000;

export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { index, data, log, version } = options;
  const name = `gateway-${index}`;
  const metrics = new Registry();
  metrics.setDefaultLabels({ process: name });
  collectDefaultMetrics({ register: metrics, prefix: 'murmuration_' });
  const anchor = await dropAnchor();
  let reached: () => void = () => {};
  const up = new Promise<void>((resolve) => {
    reached = resolve;
  });

  const deleted = new DeletedPosts();
  const page = options.pageFolder === null ? null : await readPage(options.pageFolder);
  const { own, identity, list } = await readPlaces(data);
  const client = connectCores({
    own,
    identity,
    name,
    log,
    meter: linkMeter(metrics),
    events: {
      tick: (tick, core) => hub.tick(tick, core),
      portion: (written) => hub.portion(written),
      changed(changed) {
        deleted.add(changed.deleted ?? []);
        authenticator.changed(changed);
        api.changed(changed);
        hub.changed(changed);
      },
      lost(partitions) {
        authenticator.lost(partitions);
        api.lost(partitions);
        hub.lost(partitions);
      },
      served: (partitions) => hub.served(partitions),
      up: () => reached(),
      down() {},
      metrics: () => metrics.getMetricsAsJSON(),
    },
  });

  if (list !== null) client.setCores(list);
  const unwatch = watchPlaces(data, (next) => client.setCores(next), { log });

  const authenticator = createAuthenticator({ client });
  const api = createApi({ client, deleted, metrics, cacheMib: options.cacheMib });
  const hub = new StreamingHub({
    client,
    authenticator,
    deleted,
    writer: entityWriter,
    meter: createStreamingMeter(metrics),
    log,
    page: page?.id ?? null,
  });
  const server = createHttpServer({
    endpoints: [
      ...api.endpoints,
      ...oauthAppEndpoints(),
      ...oauthAuthorizeEndpoints(),
      ...oauthTokenEndpoints(),
      ...signUpEndpoints(),
      ...instanceEndpoints({ version }),
      ...nodeinfoEndpoints({ version }),
    ],
    client,
    authenticator,
    settings: options,
    log,
    metrics,
    pages: page?.endpoints ?? [],
  });
  const streams = { hub, authenticator, addresses: createAddresses(options), room: server.room };
  const { pingAfterS, thumpMs } = options;
  addSockets(server.app, { ...streams, anchor, ...(pingAfterS === undefined ? {} : { pingAfterS }) });
  const events = addEvents(server.app, { ...streams, ...(thumpMs === undefined ? {} : { thumpMs }) });

  const tidying = setInterval(() => {
    authenticator.forgetUnused();
    hub.settle();
  }, tidyEveryMs);
  tidying.unref();

  async function stop(): Promise<void> {
    const drained = server.drain();
    clearInterval(tidying);
    unwatch();
    events.stop();
    hub.close();
    const isDrained = await Promise.race([drained.then(() => true), after(drainMs)]);
    if (!isDrained) log.warn({}, 'some requests were not answered in time');
    await client.close();
    anchor.close();
    server.close();
  }

  let stopped: Promise<void> | null = null;
  const draining = new Draining({ sessions: () => hub.sessions(), end: (session) => hub.end(session) });
  function stopOnce(): Promise<void> {
    stopped ??= stop();
    return stopped;
  }
  return {
    async listen(port, host) {
      const listening = await server.listen(port, host);
      await up;
      return listening;
    },
    mostConnections: server.room.limits.most,
    async showPage(folder) {
      const next = await readPage(folder);
      server.setPages(next.endpoints);
      hub.pageChanged(next.id);
    },
    async drain(untilMs) {
      const left = server.leave();
      await draining.until(untilMs);
      await left;
      await stopOnce();
    },
    stop() {
      draining.callOff();
      return stopOnce();
    },
  };
}

function linkMeter(registry: Registry): LinkMeter {
  const events = new Counter({
    name: 'murmuration_link_events_total',
    help: 'What happened on links',
    labelNames: ['event'] as const,
    registers: [registry],
  });
  return { count: (event, by) => events.inc({ event }, by) };
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms).unref();
  });
}
