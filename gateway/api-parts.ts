// What the endpoints of the API are made with: the caches they share, and how an endpoint is declared.
import type { CoreClient } from '../cluster/core-client.ts';
import type { AccountId } from '../runtime/account-id.ts';
import { checkAccess } from './access.ts';
import { type Access, ApiError, type ApiRequest, type ApiResponse, type Endpoint } from './endpoint.ts';
import type { AccountFragment, Fragments } from './fragments.ts';
import { appendArray, piecesAnswer } from './json-pieces.ts';
import type { PageCache } from './page-cache.ts';
import type { StatusView, Viewing } from './status-view.ts';

export interface ApiParts {
  client: CoreClient;
  fragments: Fragments;
  view: StatusView;
  pages: PageCache;
}

type Declare = (path: string, access: Access, scopes: string[], handle: Endpoint['handle']) => Endpoint;

const declare =
  (method: Endpoint['method']): Declare =>
  (path, access, scopes, handle) => ({ method, path, access, scopes, handle });

export const get = declare('GET');
export const post = declare('POST');
export const patch = declare('PATCH');
export const del = declare('DELETE');

/** The account of a caller: endpoints with access `user` have one. */
export function callerAccount({ caller }: Pick<ApiRequest, 'caller'>): AccountId {
  checkAccess({ access: 'user', scopes: [] }, caller);
  const account = caller?.account ?? null;
  if (account === null) throw new ApiError(401, 'The access token is invalid');
  return account;
}

export function viewingOf(request: ApiRequest): Viewing {
  return { viewer: request.caller?.account ?? null, request };
}

/** A list of accounts, in order; those that are gone are left out. */
export async function accountsAnswer(
  { fragments }: Pick<ApiParts, 'fragments'>,
  request: ApiRequest,
  ids: readonly AccountId[],
  headers: Record<string, string> = {},
): Promise<ApiResponse> {
  const pieces: Uint8Array[] = [];
  const found = await fragments.accounts(ids, request.origin);
  appendArray(pieces, present(found), (out, { json }) => out.push(json));
  return piecesAnswer(pieces, headers);
}

export function present(accounts: readonly (AccountFragment | null)[]): AccountFragment[] {
  return accounts.filter((account) => account !== null);
}
