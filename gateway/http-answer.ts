// Writing an answer to a socket: status, headers, one body in one piece. What it says is the endpoint's part.
import type { HttpResponse } from 'uWebSockets.js';
import type { Allowance } from '../cluster/core-client.ts';
import type { ApiBody, ApiError, ApiResponse } from './endpoint.ts';
import { Refusal } from './refusal.ts';

export interface Envelope {
  requestId: string;
  /** Browsers of other origins may read it. */
  shared: boolean;
  allowance: Allowance | null;
  /** For HEAD: the length only. */
  withoutBody: boolean;
  /** The connection ends with this answer. */
  last: boolean;
}

const reasons: Record<number, string> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

const exposed =
  'Link, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id, X-Complete-Through, Retry-After';
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
/** Seconds after which asking again is worth it: a core is back within a few; a full disk takes a person. */
const retryAfterS = { soon: '2', later: '60' };

/** Do not use `res` afterwards. */
export function writeAnswer(res: HttpResponse, response: ApiResponse, envelope: Envelope): void {
  const body = bodyOf(response.body);
  res.cork(() => {
    res.writeStatus(`${response.status} ${reasons[response.status] ?? 'Status'}`);
    for (const name in response.headers) res.writeHeader(name, safeValue(response.headers[name] ?? ''));
    res.writeHeader('X-Request-Id', envelope.requestId);
    if (envelope.shared) writeShared(res);
    if (envelope.allowance !== null) writeAllowance(res, envelope.allowance);
    const type = typeOf(response.body);
    if (type !== '') {
      res.writeHeader('Content-Type', type);
      res.writeHeader('X-Content-Type-Options', 'nosniff');
    }
    if (envelope.withoutBody) res.endWithoutBody(byteLength(body), envelope.last);
    else if (response.status === 204 || response.status === 304) res.endWithoutBody(undefined, envelope.last);
    else res.end(body, envelope.last);
  });
}

/** The answer of a gateway that holds all it can: the connection ends with it. `after`: seconds. */
export function writeFull(res: HttpResponse, { after, shared }: { after: string; shared: boolean }): void {
  res.cork(() => {
    res.writeStatus('503 Service Unavailable');
    res.writeHeader('Retry-After', after);
    if (shared) writeShared(res);
    res.writeHeader('Content-Type', 'application/json; charset=utf-8');
    res.end('{"error":"All connections are taken: try again in a moment"}', true);
  });
}

/** The answer to a browser that asks whether it may ask. Allows every header, by name: `*` would leave Authorization out. */
export function writePreflight(res: HttpResponse, wanted: string): void {
  res.cork(() => {
    res.writeStatus('204 No Content');
    res.writeHeader('Access-Control-Allow-Origin', '*');
    res.writeHeader('Access-Control-Allow-Methods', methods);
    res.writeHeader('Access-Control-Allow-Headers', wanted === '' ? '*' : safeValue(wanted));
    res.writeHeader('Access-Control-Max-Age', '7200');
    res.endWithoutBody();
  });
}

/** `{error}`, or `{error, error_description}`. */
export function answerOf(error: ApiError): ApiResponse {
  const headers: Record<string, string> = {};
  if (error.status === 503 || (error instanceof Refusal && error.code === 'behind')) {
    headers['Retry-After'] =
      error instanceof Refusal && error.code === 'read-only' ? retryAfterS.later : retryAfterS.soon;
  }
  if (error.status === 401) headers['WWW-Authenticate'] = 'Bearer realm="Murmuration"';
  const value =
    error.description === undefined
      ? { error: error.message }
      : { error: error.message, error_description: error.description };
  return { status: error.status, headers, body: { kind: 'json', value } };
}

function writeShared(res: HttpResponse): void {
  res.writeHeader('Access-Control-Allow-Origin', '*');
  res.writeHeader('Access-Control-Expose-Headers', exposed);
}

let lastResetMs = 0;
let lastReset = '';

function writeAllowance(res: HttpResponse, { limit, remaining, resetMs }: Allowance): void {
  if (resetMs !== lastResetMs) {
    lastResetMs = resetMs;
    lastReset = new Date(resetMs).toISOString();
  }
  res.writeHeader('X-RateLimit-Limit', String(limit));
  res.writeHeader('X-RateLimit-Remaining', String(Math.max(0, remaining)));
  res.writeHeader('X-RateLimit-Reset', lastReset);
}

function typeOf(body: ApiBody): string {
  switch (body.kind) {
    case 'json':
      return 'application/json; charset=utf-8';
    case 'pieces':
    case 'text':
      return body.type;
    case 'empty':
      return '';
  }
}

function bodyOf(body: ApiBody): string | Uint8Array {
  switch (body.kind) {
    case 'json':
      return JSON.stringify(body.value) ?? 'null';
    case 'pieces':
      return joined(body.pieces);
    case 'text':
      return body.text;
    case 'empty':
      return '';
  }
}

/** Where answers are put together: the server copies from here before the next one is. */
let workbench = Buffer.allocUnsafeSlow(256 * 1024);
/** A larger answer gets memory of its own. */
const mostWorkbenchBytes = 4 * 1024 * 1024;

/** All pieces in one run of bytes, valid until the next call. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const only = pieces[0];
  if (pieces.length === 1 && only !== undefined) return only;
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const whole = roomFor(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole.subarray(0, length);
}

function roomFor(length: number): Buffer {
  if (length > mostWorkbenchBytes) return Buffer.allocUnsafeSlow(length);
  if (length > workbench.length) workbench = Buffer.allocUnsafeSlow(Math.min(mostWorkbenchBytes, length * 2));
  return workbench;
}

function byteLength(body: string | Uint8Array): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length;
}

/** A line break in a value would begin a header of somebody else's choice. */
function safeValue(value: string): string {
  return /[\r\n\0]/.test(value) ? value.replace(/[\r\n\0]+/g, ' ') : value;
}
