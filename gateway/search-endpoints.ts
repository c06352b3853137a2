// Search of people, texts and tags, and what an address leads to. Also single tags.

import { tagName } from '../actors/text.ts';
import { parseAccountId } from '../runtime/account-id.ts';
import { parseStatusId, type StatusId } from '../runtime/status-id.ts';
import { findByAddress, searchAccounts } from './account-endpoints.ts';
import { type ApiParts, get, present, viewingOf } from './api-parts.ts';
import { ApiError, type ApiRequest, type ApiResponse, type Endpoint } from './endpoint.ts';
import { readFilled, readLimit, readOffset } from './input.ts';
import { appendArray, jsonAnswer, piecesAnswer } from './json-pieces.ts';
import { type CachedPage, cachedPage } from './page-cache.ts';
import { readStatusBounds } from './paging.ts';
import { notFound } from './refusal.ts';
import { tagUrl } from './render-content.ts';
import { appendStatuses, type Seen } from './status-view.ts';

const kinds = ['accounts', 'statuses', 'hashtags'] as const;
const mostQuery = 500;
const mostOffset = 5000;

const accountsBegin = Buffer.from('{"accounts":');
const statusesBegin = Buffer.from(',"statuses":');

export function searchEndpoints(parts: ApiParts): Endpoint[] {
  const { view, fragments } = parts;

  async function search(request: ApiRequest): Promise<ApiResponse> {
    const { input } = request;
    const q = (readFilled(input, 'q') ?? '').slice(0, mostQuery);
    if (q === '') throw new ApiError(400, 'param is missing or the value is empty: q');
    const type = readFilled(input, 'type');
    if (type !== null && !kinds.some((kind) => kind === type))
      throw new ApiError(400, `type must be one of ${kinds.join(', ')}`);
    const wants = (kind: Kind): boolean => type === null || type === kind;
    const limit = readLimit(input, 20, 40);
    // What an address of ours leads to is the whole result, as it is with an address from elsewhere.
    const address = addressOf(q, request.origin);
    return parts.pages.get(request, () => found(request, { q, limit, address, wants }));
  }

  async function found(request: ApiRequest, { wants, ...query }: Wanted): Promise<CachedPage> {
    const { address } = query;
    const [accounts, statuses, tags] = await Promise.all([
      wants('accounts') ? accountsOf(request, query) : [],
      wants('statuses') ? statusesOf(request, query) : [],
      wants('hashtags') && address === null ? tagsOf(request, query) : [],
    ]);
    const pieces: Uint8Array[] = [accountsBegin];
    appendArray(pieces, accounts, (out, { json }) => out.push(json));
    pieces.push(statusesBegin);
    appendStatuses(pieces, statuses, request.caller?.account != null);
    pieces.push(Buffer.from(`,"hashtags":${JSON.stringify(tags)}}`));
    return cachedPage(piecesAnswer(pieces), statuses, accounts);
  }

  async function accountsOf(request: ApiRequest, { limit, address }: Query) {
    if (address?.kind === 'status') return [];
    if (address === null)
      return present(
        await fragments.accounts(await searchAccounts(request, { limit, fragments }), request.origin),
      );
    const found = await findByAddress(address.handle, request.origin, fragments);
    return found === null ? [] : [found];
  }

  async function statusesOf(request: ApiRequest, { q, limit, address }: Query): Promise<Seen[]> {
    const viewing = viewingOf(request);
    if (address?.kind === 'account') return [];
    if (address?.kind === 'status') return view.see([address.id], viewing);
    const author = readFilled(request.input, 'account_id');
    const by = author === null ? null : parseAccountId(author);
    if (author !== null && by === null) return [];
    const { maxId, sinceId, minId } = readStatusBounds(request.input);
    const offset = readOffset(request.input, mostOffset);
    const { ids, flags } = await request.ask('searchStatuses', {
      q,
      viewer: viewing.viewer,
      author: by,
      maxId,
      sinceId,
      minId,
      limit,
      offset,
    });
    return view.see(ids, viewing, flags);
  }

  async function tagsOf(request: ApiRequest, { q, limit }: Query) {
    const name = tagName(q);
    if (name === '') return [];
    const { tags } = await request.ask('searchTags', {
      q: name.slice(0, 200),
      limit,
      offset: readOffset(request.input, mostOffset),
    });
    return tags.map((tag) => renderTag(request, tag));
  }

  async function tag(request: ApiRequest): Promise<ApiResponse> {
    const name = tagName(request.params['name'] ?? '');
    if (name === '' || name.length > 200) throw notFound();
    return jsonAnswer(renderTag(request, name));
  }

  return [
    get('/api/v2/search', 'optional', ['read:search'], search),
    get('/api/v1/tags/:name', 'optional', ['read'], tag),
  ];
}

type Kind = (typeof kinds)[number];

interface Wanted extends Query {
  wants(kind: Kind): boolean;
}

interface Query {
  q: string;
  limit: number;
  address: Address;
}

type Address = { kind: 'account'; handle: string } | { kind: 'status'; id: StatusId } | null;

/** What a link to a person or a status of ours names; null for any other query. */
function addressOf(q: string, origin: string): Address {
  if (!q.toLowerCase().startsWith(`${origin}/`)) return null;
  const path = q.slice(origin.length).replace(/[/?#]*$/, '');
  const status = /^\/(?:@[A-Za-z0-9_]+|users\/[A-Za-z0-9_]+\/statuses)\/(\d+)$/.exec(path)?.[1];
  const id = status === undefined ? null : parseStatusId(status);
  if (id !== null) return { kind: 'status', id };
  const handle = /^\/(?:@|users\/)([A-Za-z0-9_]+)$/.exec(path)?.[1];
  return handle === undefined ? null : { kind: 'account', handle };
}

/** Nobody counts the days yet: the history is empty. */
function renderTag({ origin, caller }: ApiRequest, name: string) {
  const tag = { id: name, name, url: tagUrl(origin, name), history: [] };
  return caller?.account == null ? tag : { ...tag, following: false };
}
