// What a gateway counts of its requests, for /metrics.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { HttpPort } from './http-port.ts';
import { type HttpRoom, refusedKinds } from './http-room.ts';

export interface HttpMetrics {
  answered(answered: { method: string; route: string; status: number; seconds: number }): void;
  /** The client went away before its answer. */
  aborted(): void;
}

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'murmuration_http_requests_total',
    help: 'Requests answered, by route pattern, method and status.',
    labelNames: ['method', 'route', 'status'] as const,
    registers,
  });
  const durations = new Histogram({
    name: 'murmuration_http_request_seconds',
    help: 'From the first byte of a request to the last byte of its answer handed over, by route pattern and method.',
    labelNames: ['method', 'route'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  const rejections = new Counter({
    name: 'murmuration_http_rejections_total',
    help: 'Requests refused, by reason.',
    labelNames: ['reason'] as const,
    registers,
  });
  const aborts = new Counter({
    name: 'murmuration_http_aborted_total',
    help: 'Requests whose client went away before the answer.',
    registers,
  });
  return {
    answered({ method, route, status, seconds }) {
      requests.inc({ method, route, status });
      durations.observe({ method, route }, seconds);
      if (status >= 400) rejections.inc({ reason: reasonOf(status) });
    },
    aborted: () => aborts.inc(),
  };
}

/** How full a gateway is, and what it has refused for that. */
export function watchRoom(
  registry: Registry,
  { room, place }: { room: HttpRoom; place: Pick<HttpPort, 'isListening'> },
): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('murmuration_sockets', 'Open client sockets: streams, requests, and idle ones.', () => room.open);
  gauge('murmuration_connections_most', 'Connections this gateway may hold.', () => room.limits.most);
  gauge('murmuration_listening', '1 while this gateway takes new connections at its port.', () =>
    place.isListening ? 1 : 0,
  );
  new Counter({
    name: 'murmuration_full_refusals_total',
    help: 'Connections and requests refused because all connections were taken; silent: closed before they asked for anything.',
    labelNames: ['kind'] as const,
    registers,
    collect() {
      this.reset();
      for (const kind of refusedKinds) this.inc({ kind }, room.refused[kind]);
    },
  });
}

function reasonOf(status: number): string {
  switch (status) {
    case 400:
    case 415:
      return 'malformed';
    case 401:
      return 'unauthorized';
    case 403:
      return 'forbidden';
    case 404:
      return 'not-found';
    case 405:
      return 'wrong-method';
    case 413:
      return 'too-large';
    case 422:
      return 'invalid';
    case 429:
      return 'rate-limited';
    case 503:
      return 'unavailable';
    default:
      return status >= 500 ? 'fault' : 'other';
  }
}
