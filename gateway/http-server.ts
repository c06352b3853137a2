// The HTTP server of a gateway: takes requests from uWebSockets.js, finds their endpoint, and writes what it answers. No endpoint sees a socket.

import uWS, {
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  type us_listen_socket,
} from 'uWebSockets.js';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { CoreClient } from '../cluster/core-client.ts';
import { checkAccess, invalidToken } from './access.ts';
import type { Authenticator } from './authenticator.ts';
import { ApiError, type ApiResponse, type Endpoint } from './endpoint.ts';
import { createAddresses, neighbourhoodOf, printAddress } from './http-address.ts';
import { answerOf, writeAnswer, writePreflight } from './http-answer.ts';
import { mostBodyBytes, parseBody } from './http-body.ts';
import { Exchange } from './http-exchange.ts';
import { createAddressLimit } from './http-limit.ts';
import { createHttpMetrics } from './http-metrics.ts';
import { createRoutes } from './http-routes.ts';
import { pageEndpoints } from './page-files.ts';
import { Refusal } from './refusal.ts';

export interface HttpSettings {
  /** `https://example.org`; null: from the Host header. */
  publicUrl: string | null;
  /** Whose X-Forwarded-* is believed: nobody's, anybody's, or that of these addresses and networks. */
  trustedProxy: boolean | readonly string[];
  /** For requests without a token, by address. `requests: 0`: no limit. */
  rateLimit: { requests: number; windowS: number };
}

export interface HttpServerOptions {
  endpoints: Endpoint[];
  client: CoreClient;
  authenticator: Authenticator;
  settings: HttpSettings;
  log: Logger;
  /** The process's registry: the server adds its own metrics. */
  metrics: Registry;
  /** The folder with index.html, app.js, app.css; null: no page. */
  pageFolder: string | null;
}

export interface HttpServer {
  /** For WebSocket and other routes of their own: add them before `listen`. */
  app: TemplatedApp;
  /** Resolves with the port (useful when 0 was asked for); rejects when it cannot listen. */
  listen(port: number, host: string): Promise<number>;
  /** Takes no new connections and resolves when every request that has begun is answered. Other routes' sockets are left alone. */
  drain(): Promise<void>;
  /** Ends everything, at once. */
  close(): void;
}

/** Whose answers browsers of any origin may read. */
const sharedPath = /^\/(?:api|oauth|nodeinfo|\.well-known)(?:\/|$)/;
/** What is counted by address when nobody is logged in. */
const limitedPath = /^\/(?:api|oauth)\//;
const bodyless = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT']);
const requestIdForm = /^[\w.-]{1,128}$/;

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { client, authenticator, settings, log } = options;
  const pages = options.pageFolder === null ? [] : pageEndpoints(options.pageFolder);
  const routes = createRoutes([...options.endpoints, ...pages]);
  const addresses = createAddresses(settings);
  const addressLimit = createAddressLimit(settings.rateLimit);
  const metrics = createHttpMetrics(options.metrics);
  const app = uWS.App();
  const idPrefix = `${process.pid.toString(36)}-${Date.now().toString(36)}-`;
  let requestCount = 0;
  let listening: us_listen_socket | null = null;
  let draining = false;
  let open = 0;
  let drained: (() => void) | null = null;

  /** The synchronous part: `req` is gone when it returns. */
  function take(res: HttpResponse, req: HttpRequest): void {
    const method = req.getCaseSensitiveMethod().toUpperCase();
    const path = req.getUrl();
    if (method === 'OPTIONS' && sharedPath.test(path)) {
      writePreflight(res, req.getHeader('access-control-request-headers'));
      return;
    }
    const headers = new Map<string, string>();
    req.forEach((name, value) => {
      headers.set(name, value);
    });
    const given = headers.get('x-request-id') ?? '';
    const exchange: Exchange = new Exchange({
      id: requestIdForm.test(given) ? given : idPrefix + (requestCount++).toString(36),
      method,
      path,
      // Undefined, whatever its type says, where there is no `?`.
      query: req.getQuery() ?? '',
      headers,
      client,
      startedMs: performance.now(),
      ip: () => addresses.clientOf(peerOf(res, exchange), headers.get('x-forwarded-for') ?? ''),
    });
    open++;
    res.onAborted(() => {
      if (exchange.aborted) return;
      exchange.aborted = true;
      metrics.aborted();
      leave();
    });
    if (bodyless.has(method)) void answer(res, exchange, null);
    else collect(res, exchange, headers);
  }

  function collect(res: HttpResponse, exchange: Exchange, headers: ReadonlyMap<string, string>): void {
    const tooLarge = (): void =>
      finish(
        res,
        exchange,
        answerOf(new ApiError(413, `A body may have ${mostBodyBytes} bytes at most`)),
        true,
      );
    if (Number(headers.get('content-length') ?? 0) > mostBodyBytes) {
      tooLarge();
      return;
    }
    let body: Buffer | null = null;
    let done = false;
    res.onData((chunk, isLast) => {
      if (done) return;
      // The bytes are the server's again when this returns: they are copied.
      const bytes = Buffer.from(chunk);
      if (chunk.byteLength > 0) body = body === null ? Buffer.from(bytes) : Buffer.concat([body, bytes]);
      if (body !== null && body.length > mostBodyBytes) {
        done = true;
        tooLarge();
      } else if (isLast) {
        done = true;
        void answer(res, exchange, body);
      }
    });
  }

  async function answer(res: HttpResponse, exchange: Exchange, body: Uint8Array | null): Promise<void> {
    let response: ApiResponse;
    try {
      response = await respond(res, exchange, body);
    } catch (error) {
      response = answerOf(refusalOf(error, exchange));
    }
    if (exchange.limited && response.status !== 429) response = answerOf(tooMany());
    finish(res, exchange, response, false);
  }

  async function respond(
    res: HttpResponse,
    exchange: Exchange,
    body: Uint8Array | null,
  ): Promise<ApiResponse> {
    const match = routes.match(exchange.method, exchange.path);
    if (match.kind === 'unknown') throw new ApiError(404, 'There is nothing here');
    if (match.kind === 'wrong-method') {
      const refusal = answerOf(new ApiError(405, `${exchange.method} is not possible here`));
      return { ...refusal, headers: { Allow: match.allowed.join(', ') } };
    }
    const { endpoint } = match;
    exchange.endpoint = endpoint;
    exchange.params = match.params;
    exchange.origin = originOf(res, exchange);
    await identify(exchange, endpoint);
    if (exchange.caller === null && limitedPath.test(endpoint.path)) countAddress(exchange);
    checkAccess(endpoint, exchange.caller);
    if (body !== null) exchange.body = await parseBody(body, exchange.header('content-type') ?? '');
    const response = await endpoint.handle(exchange);
    if (!exchange.counted && exchange.caller !== null) await exchange.tryAsk('admit', {});
    return response;
  }

  async function identify(exchange: Exchange, endpoint: Endpoint): Promise<void> {
    if (endpoint.access === 'none') return;
    const header = exchange.header('authorization') ?? '';
    if (header === '') return;
    const token = /^Bearer +(\S+) *$/i.exec(header)?.[1];
    const remembered = token === undefined ? null : authenticator.remembered(token);
    if (remembered !== null) {
      exchange.caller = remembered;
      return;
    }
    // Guessing at tokens is counted like asking without one.
    if (token === undefined || !hasRoom(exchange)) throw token === undefined ? invalidToken() : tooMany();
    const outcome = await authenticator.authenticate(token);
    if (outcome.ok) {
      exchange.caller = outcome.value;
    } else if (outcome.rejection.code === 'unauthorized') {
      countAddress(exchange);
      throw invalidToken();
    } else {
      throw new Refusal(outcome.rejection);
    }
  }

  function hasRoom(exchange: Exchange): boolean {
    return addressLimit.hasRoom(neighbourhoodOf(exchange.ip), Date.now());
  }

  function countAddress(exchange: Exchange): void {
    exchange.allowance = addressLimit.count(neighbourhoodOf(exchange.ip), Date.now());
    if (exchange.allowance !== null && exchange.allowance.remaining < 0) throw tooMany();
  }

  function originOf(res: HttpResponse, exchange: Exchange): string {
    if (settings.publicUrl !== null) return settings.publicUrl;
    const forwardedProto = exchange.header('x-forwarded-proto') ?? '';
    const forwardedHost = exchange.header('x-forwarded-host') ?? '';
    const origin = addresses.originOf(
      forwardedProto === '' && forwardedHost === '' ? '' : peerOf(res, exchange),
      {
        host: exchange.header('host') ?? '',
        forwardedProto,
        forwardedHost,
      },
    );
    if (origin === null) throw new ApiError(400, 'The Host header is not a host name');
    return origin;
  }

  function refusalOf(error: unknown, exchange: Exchange): ApiError {
    if (error instanceof ApiError) return error;
    log.error(
      { err: error, requestId: exchange.id, method: exchange.method, route: exchange.endpoint?.path },
      'a request failed',
    );
    return new ApiError(500, 'Something went wrong here; it is logged with the X-Request-Id');
  }

  function finish(res: HttpResponse, exchange: Exchange, response: ApiResponse, last: boolean): void {
    if (exchange.aborted) return;
    // The response object is dead once it has ended: nothing may come after.
    exchange.aborted = true;
    writeAnswer(res, response, {
      requestId: exchange.id,
      shared: sharedPath.test(exchange.path),
      allowance: exchange.allowance,
      withoutBody: exchange.method === 'HEAD',
      last: last || draining,
    });
    const seconds = (performance.now() - exchange.startedMs) / 1000;
    const route = exchange.endpoint?.path ?? 'none';
    const method = exchange.endpoint?.method ?? 'none';
    metrics.answered({ method, route, status: response.status, seconds });
    if (log.isLevelEnabled('debug')) {
      log.debug(
        { requestId: exchange.id, method: exchange.method, route, status: response.status, seconds },
        'request',
      );
    }
    leave();
  }

  function leave(): void {
    open--;
    if (open === 0 && drained !== null) drained();
  }

  app.any('/*', take);

  return {
    app,
    listen(port, host) {
      return new Promise((resolve, reject) => {
        app.listen(host, port, (socket) => {
          if (socket === false) {
            reject(
              new Error(
                `cannot listen on ${host}:${port}: the port is taken, or the address is not this machine's`,
              ),
            );
            return;
          }
          listening = socket;
          resolve(uWS.us_socket_local_port(socket));
        });
      });
    },
    drain() {
      draining = true;
      if (listening !== null) uWS.us_listen_socket_close(listening);
      listening = null;
      if (open === 0) return Promise.resolve();
      return new Promise((resolve) => {
        drained = resolve;
      });
    },
    close() {
      draining = true;
      listening = null;
      app.close();
    },
  };
}

function peerOf(res: HttpResponse, exchange: Exchange): string {
  return exchange.aborted ? '' : printAddress(new Uint8Array(res.getRemoteAddress()));
}

function tooMany(): ApiError {
  return new ApiError(429, 'Too many requests');
}
