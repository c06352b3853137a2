// What both kinds of streams need of a request besides its stream: the origin it calls us by, and status lines.
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { type Addresses, printAddress } from './http-address.ts';

export const statusLines: Record<number, string> = {
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  429: '429 Too Many Requests',
  503: '503 Service Unavailable',
};

/** Of a 503: a core is back within a few seconds. */
export const retryAfterS = '2';

/** Null when the request names no host that could be one. To be called in the synchronous part of a handler. */
export function originOf(
  addresses: Pick<Addresses, 'originOf'>,
  res: HttpResponse,
  req: HttpRequest,
): string | null {
  return addresses.originOf(printAddress(new Uint8Array(res.getRemoteAddress())), {
    host: req.getHeader('host'),
    forwardedProto: req.getHeader('x-forwarded-proto'),
    forwardedHost: req.getHeader('x-forwarded-host'),
  });
}
