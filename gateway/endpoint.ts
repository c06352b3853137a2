// An endpoint: what every HTTP route of the API is made of. The server that runs them is http-server.ts; no endpoint sees a socket.

import type { Answer, Ask, RequestKind } from '../actors/messages.ts';
import type { Answered } from '../cluster/core-client.ts';
import type { AccountId } from '../runtime/account-id.ts';

/** Who asks, from the bearer token. */
export interface Caller {
  tokenId: string;
  /** The token itself, for revoking. */
  token: string;
  /** Null: a token of an app alone. */
  account: AccountId | null;
  clientId: string;
  scopes: ReadonlySet<string>;
}

export interface ApiRequest {
  method: string;
  path: string;
  /** Parts of the path named in the pattern, decoded. */
  params: Readonly<Record<string, string>>;
  /** Query and body together, as Mastodon reads them: the body wins. Arrays `id[]`, `id%5B%5D`; nested JSON as it is. Values unchecked. */
  input: Readonly<Record<string, unknown>>;
  header(name: string): string | undefined;
  caller: Caller | null;
  /** The client's address (from X-Forwarded-For only behind --trusted-proxy). */
  ip: string;
  /** Whom a limit by address counts: an IPv4 address, or the /64 of an IPv6 one. */
  neighbourhood: string;
  /** `https://example.org`, without a slash at the end. */
  origin: string;
  /** Asks the core; the first call of a request is the one that counts against its rate limit. Throws `ApiError` for a rejection. */
  ask<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answer<K>>;
  /** The same without throwing. */
  tryAsk<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answered<K>>;
}

export type ApiBody =
  | { kind: 'json'; value: unknown }
  /** Already rendered JSON, in pieces that are sent as one. */
  | { kind: 'pieces'; pieces: Uint8Array[]; type: string }
  | { kind: 'text'; text: string; type: string }
  | { kind: 'empty' };

export interface ApiResponse {
  status: number;
  headers: Record<string, string>;
  body: ApiBody;
}

/** none: no token is read. optional: a bad token is refused, an absent one is fine. app: any token. user: a token with an account. */
export type Access = 'none' | 'optional' | 'app' | 'user';

export interface Endpoint {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/api/v1/statuses/:id`. */
  path: string;
  access: Access;
  /** One of these scopes (or a parent: `read` covers `read:statuses`); none: any token will do. 403 otherwise. */
  scopes: string[];
  handle(request: ApiRequest): Promise<ApiResponse>;
}

/** A refusal, as an answer: `{error}` or `{error, error_description}`. */
export class ApiError extends Error {
  status: number;
  description: string | undefined;
  constructor(status: number, error: string, description?: string) {
    super(error);
    this.name = 'ApiError';
    this.status = status;
    this.description = description;
  }
}
