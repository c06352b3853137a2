// Accounts: reading them, their statuses, followers and followees. Following and blocking is relation-endpoints.ts's part.
import { relationBit } from '../actors/messages.ts';
import { localHandle } from '../actors/text.ts';
import { type AccountId, parseAccountId } from '../runtime/account-id.ts';
import { accountIdOf, handleForm } from '../runtime/handle.ts';
import { type ApiParts, accountsAnswer, callerAccount, get, viewingOf } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import type { AccountFragment, Fragments } from './fragments.ts';
import { accountParam, readBool, readFilled, readLimit, readOffset, readText, readTexts } from './input.ts';
import { jsonAnswer, piecesAnswer } from './json-pieces.ts';
import { linkHeader, readOrderBounds, readStatusBounds } from './paging.ts';
import { notFound, validationFailed } from './refusal.ts';
import { hostOf } from './render-content.ts';
import { renderRelationship } from './render-relationship.ts';
import { statusesAnswer } from './timeline-endpoints.ts';

const mostRelationships = 200;
const mostOffset = 5000;
const mostQuery = 500;

export function accountEndpoints(parts: ApiParts): Endpoint[] {
  const { view, fragments } = parts;

  async function demand(request: ApiRequest, id = accountParam(request)): Promise<AccountFragment> {
    const [account] = await fragments.accounts([id], request.origin);
    if (!account) throw notFound();
    return account;
  }

  async function lookup(request: ApiRequest): Promise<ApiResponse> {
    const account = await findByAddress(readFilled(request.input, 'acct') ?? '', request.origin, fragments);
    if (account === null) throw notFound();
    return piecesAnswer([account.json]);
  }

  async function search(request: ApiRequest): Promise<ApiResponse> {
    const found = await searchAccounts(request, { limit: readLimit(request.input, 40, 80), fragments });
    return accountsAnswer(parts, request, found);
  }

  async function relationships(request: ApiRequest): Promise<ApiResponse> {
    const given = readTexts(request.input, 'id', mostRelationships).map(parseAccountId);
    const ids = [...new Set(given)].filter((id) => id !== null);
    const viewer = callerAccount(request);
    const { bits } = await request.ask('relationships', { viewer, ids });
    const there = await fragments.accounts(ids, request.origin);
    const shown = ids.flatMap((id, index) =>
      there[index] ? [renderRelationship(id, bits[index] ?? 0)] : [],
    );
    return jsonAnswer(shown);
  }

  async function statuses(request: ApiRequest): Promise<ApiResponse> {
    const { row } = await demand(request);
    const { input } = request;
    if (readFilled(input, 'tagged') !== null) throw validationFailed('tagged is not supported here');
    // Nothing can be pinned yet, and there is no media.
    if (readBool(input, 'pinned') === true || readBool(input, 'only_media') === true) return jsonAnswer([]);
    const bounds = readStatusBounds(input);
    const viewing = viewingOf(request);
    const page = await request.ask('authorStatuses', {
      author: row.id,
      viewer: viewing.viewer,
      ...bounds,
      excludeReplies: readBool(input, 'exclude_replies') ?? false,
      excludeBoosts: readBool(input, 'exclude_reblogs') ?? false,
    });
    return statusesAnswer(request, await view.see(page.ids, viewing, page.flags), page, bounds);
  }

  const people =
    (kind: 'followers' | 'following') =>
    async (request: ApiRequest): Promise<ApiResponse> => {
      const { row } = await demand(request);
      const bounds = readOrderBounds(request.input);
      if (await isBlockedBy(request, row.id)) return jsonAnswer([]);
      const page = await request.ask(kind, { id: row.id, ...bounds });
      const last = page.accounts.length < bounds.limit ? null : page.last;
      return accountsAnswer(parts, request, page.accounts, linkHeader(request, { last, first: page.first }));
    };

  /** Who is blocked sees as little of the blocker's people as of the blocker's statuses. */
  async function isBlockedBy(request: ApiRequest, id: AccountId): Promise<boolean> {
    const viewer = request.caller?.account ?? null;
    if (viewer === null || viewer === id) return false;
    const { bits } = await request.ask('relationships', { viewer, ids: [id] });
    return ((bits[0] ?? 0) & relationBit.blockedBy) !== 0;
  }

  const own =
    (kind: 'blocked' | 'muted') =>
    async (request: ApiRequest): Promise<ApiResponse> => {
      const bounds = readOrderBounds(request.input);
      const page = await request.ask(kind, { id: callerAccount(request), ...bounds });
      const last = page.accounts.length < bounds.limit ? null : page.last;
      return accountsAnswer(parts, request, page.accounts, linkHeader(request, { last, first: page.first }));
    };

  async function nothingOf(request: ApiRequest): Promise<ApiResponse> {
    await demand(request);
    return jsonAnswer([]);
  }

  const reading = ['read:accounts'];
  return [
    get('/api/v1/accounts/lookup', 'optional', reading, lookup),
    get('/api/v1/accounts/search', 'user', reading, search),
    get('/api/v1/accounts/relationships', 'user', ['read:follows'], relationships),
    get('/api/v1/accounts/familiar_followers', 'user', ['read:follows'], async ({ input }) =>
      jsonAnswer(readTexts(input, 'id', mostRelationships).map((id) => ({ id, accounts: [] }))),
    ),
    get('/api/v1/accounts/:id', 'optional', reading, async (request) =>
      piecesAnswer([(await demand(request)).json]),
    ),
    get('/api/v1/accounts/:id/statuses', 'optional', ['read:statuses'], statuses),
    get('/api/v1/accounts/:id/followers', 'optional', reading, people('followers')),
    get('/api/v1/accounts/:id/following', 'optional', reading, people('following')),
    get('/api/v1/accounts/:id/featured_tags', 'optional', reading, nothingOf),
    get('/api/v1/accounts/:id/lists', 'user', ['read:lists'], nothingOf),
    get('/api/v1/blocks', 'user', ['read:blocks'], own('blocked')),
    get('/api/v1/mutes', 'user', ['read:mutes'], own('muted')),
  ];
}

/** The account at `name`, `@name` or `name@our.host`; null when there is none. */
export async function findByAddress(
  address: string,
  origin: string,
  fragments: Fragments,
): Promise<AccountFragment | null> {
  const handle = localHandle(address.replace(/^acct:/, ''), { host: hostOf(origin) });
  if (handle === null || !handleForm.test(handle)) return null;
  const [account] = await fragments.accounts([accountIdOf(handle)], origin);
  return account && account.row.handle.toLowerCase() === handle.toLowerCase() ? account : null;
}

/** By name; the very handle comes first. */
export async function searchAccounts(
  request: ApiRequest,
  { limit, fragments }: { limit: number; fragments: Fragments },
): Promise<AccountId[]> {
  const { input } = request;
  const q = (readText(input, 'q') ?? '').trim().slice(0, mostQuery);
  if (q === '') return [];
  const offset = readOffset(input, mostOffset);
  const following = request.caller?.account != null && readBool(input, 'following') === true;
  const viewer = request.caller?.account ?? null;
  const name = q.replace(/^@/, '').split('@')[0] ?? '';
  const { accounts } = await request.ask('searchAccounts', { q: name, limit, offset, viewer, following });
  if (offset > 0 || following) return accounts;
  const exact = await findByAddress(q, request.origin, fragments);
  return exact === null ? accounts : [...new Set([exact.row.id, ...accounts])].slice(0, limit);
}
