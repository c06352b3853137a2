// The HTTP server of a gateway: takes requests from uWebSockets.js, finds their endpoint, and writes what it answers. No endpoint sees a socket.
import type { TemplatedApp } from 'uWebSockets.js';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { CoreClient } from '../cluster/core-client.ts';
import type { Authenticator } from './authenticator.ts';
import type { Endpoint } from './endpoint.ts';

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

export function createHttpServer(_options: HttpServerOptions): HttpServer {
  throw new Error('not built yet');
}
