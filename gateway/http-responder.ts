// From a request that is there in full to its answer: which endpoint, who asks, whether they may, how often. No sockets.
import type { Logger } from 'pino';
import { checkAccess, invalidToken } from './access.ts';
import type { Authenticator } from './authenticator.ts';
import { ApiError, type ApiResponse, type Endpoint } from './endpoint.ts';
import type { Addresses } from './http-address.ts';
import { answerOf } from './http-answer.ts';
import { parseBody } from './http-body.ts';
import type { Exchange } from './http-exchange.ts';
import { type AddressLimit, createAddressLimit } from './http-limit.ts';
import { createRoutes } from './http-routes.ts';
import { Refusal } from './refusal.ts';

export interface ResponderOptions {
  endpoints: readonly Endpoint[];
  authenticator: Authenticator;
  addresses: Pick<Addresses, 'originOf'>;
  /** For requests without a token, and, apart, for tokens that nobody has: by address. `requests: 0`: no limit. */
  rateLimit: { requests: number; windowS: number };
  log: Pick<Logger, 'error'>;
}

export interface Responder {
  /** Never rejects: what goes wrong is an answer, too. Fills in what the exchange learns on the way. */
  respond(exchange: Exchange, body: Uint8Array | null): Promise<ApiResponse>;
  /** Requests from now on are answered by these. Throws, and all is as before, when two of them are one. */
  setEndpoints(endpoints: readonly Endpoint[]): void;
}

/** What is counted by address when nobody is logged in. */
const limitedPath = /^\/(?:api|oauth)\//;

export function createResponder(options: ResponderOptions): Responder {
  const { authenticator, addresses, log } = options;
  let routes = createRoutes(options.endpoints);
  const askLimit = createAddressLimit(options.rateLimit);
  // Apart from the other: whoever shares an address with a guesser, or with many readers, can still log in.
  const guessLimit = createAddressLimit(options.rateLimit);

  async function respond(exchange: Exchange, body: Uint8Array | null): Promise<ApiResponse> {
    const match = routes.match(exchange.method, exchange.path);
    if (match.kind === 'unknown') throw new ApiError(404, 'There is nothing here');
    if (match.kind === 'wrong-method') {
      const refusal = answerOf(new ApiError(405, `${exchange.method} is not possible here`));
      return { ...refusal, headers: { Allow: match.allowed.join(', ') } };
    }
    const { endpoint } = match;
    exchange.endpoint = endpoint;
    exchange.params = match.params;
    exchange.origin = originOf(exchange);
    await identify(exchange, endpoint);
    if (exchange.caller === null && limitedPath.test(endpoint.path)) count(exchange, askLimit);
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
    if (token === undefined) throw invalidToken();
    const remembered = authenticator.remembered(token);
    exchange.caller = remembered ?? (await lookUp(exchange, token));
  }

  async function lookUp(exchange: Exchange, token: string) {
    if (!guessLimit.hasRoom(exchange.neighbourhood, Date.now())) throw tooMany();
    const outcome = await authenticator.authenticate(token);
    if (outcome.ok) return outcome.value;
    if (outcome.rejection.code !== 'unauthorized') throw new Refusal(outcome.rejection);
    count(exchange, guessLimit);
    throw invalidToken();
  }

  function count(exchange: Exchange, limit: AddressLimit): void {
    exchange.allowance = limit.count(exchange.neighbourhood, Date.now());
    if (exchange.allowance !== null && exchange.allowance.remaining < 0) throw tooMany();
  }

  /** `peer` is asked for only where it matters: it costs a call into the server. */
  function originOf(exchange: Exchange): string {
    const forwardedProto = exchange.header('x-forwarded-proto') ?? '';
    const forwardedHost = exchange.header('x-forwarded-host') ?? '';
    const peer = forwardedProto === '' && forwardedHost === '' ? '' : exchange.peer;
    const host = exchange.header('host') ?? '';
    const origin = addresses.originOf(peer, { host, forwardedProto, forwardedHost });
    if (origin === null) throw new ApiError(400, 'The Host header is not a host name');
    return origin;
  }

  function refusalOf(error: unknown, exchange: Exchange): ApiError {
    if (error instanceof ApiError) return error;
    const { id: requestId, method, endpoint } = exchange;
    log.error({ err: error, requestId, method, route: endpoint?.path }, 'a request failed');
    return new ApiError(500, 'Something went wrong here; it is logged with the X-Request-Id');
  }

  return {
    async respond(exchange, body) {
      let response: ApiResponse;
      try {
        response = await respond(exchange, body);
      } catch (error) {
        response = answerOf(refusalOf(error, exchange));
      }
      return exchange.limited && response.status !== 429 ? answerOf(tooMany()) : response;
    },
    setEndpoints(endpoints) {
      routes = createRoutes(endpoints);
    },
  };
}

function tooMany(): ApiError {
  return new ApiError(429, 'Too many requests');
}
