// The HTTP server of a gateway: takes requests from uWebSockets.js and writes their answers, until it is told to end. What the answers are is http-responder.ts's part.

import uWS, { type HttpRequest, type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { CoreClient } from '../cluster/core-client.ts';
import { connectionRoom } from '../runtime/connection-room.ts';
import type { Authenticator } from './authenticator.ts';
import { ApiError, type ApiResponse, type Endpoint } from './endpoint.ts';
import { createAddresses, printAddress } from './http-address.ts';
import { answerOf, writeAnswer, writeFull, writePreflight } from './http-answer.ts';
import { mostBodyBytes } from './http-body.ts';
import { Exchange } from './http-exchange.ts';
import { Gathering } from './http-gathering.ts';
import { openFiles } from './http-listener.ts';
import { createHttpMetrics, watchRoom } from './http-metrics.ts';
import { HttpPort } from './http-port.ts';
import { createResponder } from './http-responder.ts';
import { HttpRoom } from './http-room.ts';

export interface HttpSettings {
  /** `https://example.org`; null: from the Host header. */
  publicUrl: string | null;
  /** Whose X-Forwarded-* is believed: nobody's, anybody's, or that of these addresses and networks. */
  trustedProxy: boolean | readonly string[];
  /** For requests without a token, by address. `requests: 0`: no limit. */
  rateLimit: { requests: number; windowS: number };
  /** Connections held at most, where that is less than the open files allow. */
  mostConnections?: number | undefined;
}

export interface HttpServerOptions {
  endpoints: Endpoint[];
  client: CoreClient;
  authenticator: Authenticator;
  settings: HttpSettings;
  log: Logger;
  /** The process's registry: the server adds its own metrics. */
  metrics: Registry;
  /** Of page-files.ts; empty: no page. */
  pages: readonly Endpoint[];
}

export interface HttpServer {
  /** For WebSocket and other routes of their own: add them before `listen`. */
  app: TemplatedApp;
  /** Whose routes make sockets of requests (WebSocket) says there when those close; all others are counted here. */
  room: HttpRoom;
  /** Resolves with the port (useful when 0 was asked for); rejects when it cannot listen. */
  listen(port: number, host: string): Promise<number>;
  /** Another page from now on. */
  setPages(pages: readonly Endpoint[]): void;
  /**
   * Takes no new connections: what the system has accepted for it is taken first, or it would be reset. From now on every answer is the last of
   * its connection, so that whoever comes again comes to another process.
   */
  leave(): Promise<void>;
  /** The same at once; resolves when every request that has begun is answered. Other routes' sockets are left alone. */
  drain(): Promise<void>;
  /** Ends everything, at once. */
  close(): void;
}

/** Whose answers browsers of any origin may read. */
const sharedPath = /^\/(?:api|oauth|nodeinfo|\.well-known)(?:\/|$)/;
const bodyless = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT']);
const requestIdForm = /^[\w.-]{1,128}$/;

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { client, authenticator, settings, log } = options;
  const endpoints = [...options.endpoints, ...options.pages];
  const addresses = createAddresses(settings);
  const { rateLimit } = settings;
  const responder = createResponder({ endpoints, authenticator, addresses, rateLimit, log });
  const metrics = createHttpMetrics(options.metrics);
  const app = uWS.App();
  const idPrefix = `${process.pid.toString(36)}-${Date.now().toString(36)}-`;
  let requestCount = 0;
  const room = new HttpRoom(connectionRoom(openFiles(), settings.mostConnections ?? null));
  const place = new HttpPort({ app, room, log });
  watchRoom(options.metrics, { room, place });
  let draining = false;
  let open = 0;
  let drained: (() => void) | null = null;

  /** The synchronous part: `req` is gone when it returns. */
  function take(res: HttpResponse, req: HttpRequest): void {
    const method = req.getCaseSensitiveMethod().toUpperCase();
    const path = req.getUrl();
    if (!room.takesRequest()) {
      writeFull(res, { after: room.retryAfter(), shared: sharedPath.test(path) });
      return;
    }
    if (method === 'OPTIONS' && sharedPath.test(path)) {
      writePreflight(res, req.getHeader('access-control-request-headers'));
      return;
    }
    const headers = new Map<string, string>();
    let isAmbiguous = false;
    req.forEach((name, value) => {
      if (name === 'content-length') isAmbiguous ||= (headers.get(name) ?? value) !== value;
      headers.set(name, value);
    });
    const given = headers.get('x-request-id') ?? '';
    const exchange = new Exchange({
      id: requestIdForm.test(given) ? given : idPrefix + (requestCount++).toString(36),
      method,
      path,
      // Undefined, whatever its type says, where there is no `?`.
      query: req.getQuery() ?? '',
      headers,
      client,
      startedMs: performance.now(),
      peer: () => printAddress(new Uint8Array(res.getRemoteAddress())),
      addresses,
    });
    open++;
    res.onAborted(() => {
      if (exchange.aborted) return;
      exchange.aborted = true;
      metrics.aborted();
      leave();
    });
    if (isAmbiguous) refuseAmbiguous(res, exchange);
    else if (bodyless.has(method)) void answer(res, exchange, null);
    else collect(res, exchange);
  }

  /** Two lengths: a proxy in front may have read the other one, and what it took for a body would be a request here. */
  function refuseAmbiguous(res: HttpResponse, exchange: Exchange): void {
    const refusal = new ApiError(400, 'Content-Length is given twice');
    finish(res, exchange, { response: answerOf(refusal), last: true });
  }

  function collect(res: HttpResponse, exchange: Exchange): void {
    const refuse = (): void => {
      const refusal = new ApiError(413, `A body may have ${mostBodyBytes} bytes at most`);
      finish(res, exchange, { response: answerOf(refusal), last: true });
    };
    if (Number(exchange.header('content-length') ?? 0) > mostBodyBytes) {
      refuse();
      return;
    }
    const body = new Gathering();
    let done = false;
    res.onData((chunk, isLast) => {
      if (done) return;
      // The bytes are the server's again when this returns: they are copied.
      body.add(new Uint8Array(chunk));
      done = isLast || body.length > mostBodyBytes;
      if (body.length > mostBodyBytes) refuse();
      else if (isLast) void answer(res, exchange, body.length === 0 ? null : body.bytes());
    });
  }

  async function answer(res: HttpResponse, exchange: Exchange, body: Uint8Array | null): Promise<void> {
    const response = await responder.respond(exchange, body);
    finish(res, exchange, { response, last: draining || room.isShort });
  }

  function finish(
    res: HttpResponse,
    exchange: Exchange,
    end: { response: ApiResponse; last: boolean },
  ): void {
    if (exchange.aborted) return;
    // The response object is dead once it has ended: nothing may come after.
    exchange.aborted = true;
    const { id: requestId, method, endpoint, allowance } = exchange;
    const { status } = end.response;
    writeAnswer(res, end.response, {
      requestId,
      shared: sharedPath.test(exchange.path),
      allowance,
      withoutBody: method === 'HEAD',
      last: end.last,
    });
    const seconds = (performance.now() - exchange.startedMs) / 1000;
    const route = endpoint?.path ?? 'none';
    metrics.answered({ method: endpoint?.method ?? 'none', route, status, seconds });
    if (log.isLevelEnabled('debug')) log.debug({ requestId, method, route, status, seconds }, 'request');
    leave();
  }

  function leave(): void {
    open--;
    if (open === 0 && drained !== null) drained();
  }

  /** Called for every socket that opens, and for those that close as what they were opened as. */
  function tally(res: HttpResponse, change: unknown): void {
    if (change === -1) room.closed();
    else if (!room.opened()) res.close();
  }

  app.filter(tally);
  app.any('/*', take);

  return {
    app,
    room,
    listen: (port, host) => place.listen(port, host),
    setPages(pages) {
      responder.setEndpoints([...options.endpoints, ...pages]);
    },
    async leave() {
      draining = true;
      // Others listen on the port: what comes from here on is theirs.
      await place.leave();
    },
    drain() {
      draining = true;
      place.close();
      if (open === 0) return Promise.resolve();
      return new Promise((resolve) => {
        drained = resolve;
      });
    },
    close() {
      draining = true;
      place.close();
      app.close();
    },
  };
}
