// What a reader does with a status: favourite, bookmark, boost, and back. Also the lists of one's own favourites and bookmarks.
import type { Ask, StatusRow } from '../actors/messages.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { type ApiParts, callerAccount, get, post, viewingOf } from './api-parts.ts';
import { ApiError, type ApiRequest, type ApiResponse, type Endpoint } from './endpoint.ts';
import { readFilled, statusParam } from './input.ts';
import { piecesAnswer } from './json-pieces.ts';
import { linkHeader, readOrderBounds, statusPageSize } from './paging.ts';
import { notFound, validationFailed } from './refusal.ts';
import { statusAnswer } from './status-endpoints.ts';
import { appendStatuses } from './status-view.ts';

type Mark = Ask<'mark'>['mark'];
const boostVisibilities = ['public', 'unlisted', 'private'] as const;

export function markEndpoints(parts: ApiParts): Endpoint[] {
  const { view, fragments } = parts;

  /** What is meant: of a boost, what it boosts. */
  async function subject(request: ApiRequest): Promise<StatusRow> {
    const row = await visible(request);
    if (row === null) throw notFound();
    return row;
  }

  async function visible(request: ApiRequest): Promise<StatusRow | null> {
    const seen = await view.seeOne(statusParam(request), viewingOf(request));
    return seen === null ? null : (seen.boosted ?? seen).post.row;
  }

  /**
   * Takes back what is the caller's own, whether or not the status can still be seen: then the answer is 404, and tells nothing.
   * A boost that is not for everybody is followed to what it boosts only if it is the caller's own, or can be seen.
   */
  async function takeBack(request: ApiRequest, undo: (of: StatusId) => Promise<void>): Promise<ApiResponse> {
    const account = callerAccount(request);
    const seen = await visible(request);
    if (seen !== null) {
      await undo(seen.id);
      return shown(request, seen.id);
    }
    const id = statusParam(request);
    const [found] = await fragments.statuses([id], request.origin);
    const row = found?.row ?? null;
    const mayFollow =
      row?.visibility === 'public' || row?.visibility === 'unlisted' || statusAuthor(id) === account;
    await undo(mayFollow ? (row?.boostOf ?? id) : id);
    throw notFound();
  }

  /** The status as it is after what the caller has just done. */
  async function shown(request: ApiRequest, id: StatusId): Promise<ApiResponse> {
    const seen = await view.seeOne(id, viewingOf(request));
    if (seen === null) throw notFound();
    return statusAnswer(seen, request);
  }

  async function setMark(request: ApiRequest, id: StatusId, set: Pick<Ask<'mark'>, 'mark' | 'on'>) {
    await request.ask('mark', { account: callerAccount(request), id, ...set });
    fragments.changed({ statuses: [id], accounts: [] });
  }

  const mark =
    (kind: Mark) =>
    async (request: ApiRequest): Promise<ApiResponse> => {
      const { id } = await subject(request);
      await setMark(request, id, { mark: kind, on: true });
      return shown(request, id);
    };

  const unmark =
    (kind: Mark) =>
    (request: ApiRequest): Promise<ApiResponse> =>
      takeBack(request, (id) => setMark(request, id, { mark: kind, on: false }));

  async function boost(request: ApiRequest): Promise<ApiResponse> {
    const account = callerAccount(request);
    const { id: of, visibility: seenBy } = await subject(request);
    // What few may see is not theirs to show to others.
    if (seenBy === 'private' || seenBy === 'direct') throw new ApiError(403, 'This action is not allowed');
    const visibility = await boostVisibility(request, account);
    const { id } = await request.ask('boost', { account, of, visibility });
    fragments.changed({ statuses: [of], accounts: [account] });
    return shown(request, id);
  }

  async function boostVisibility(
    request: ApiRequest,
    account: ReturnType<typeof callerAccount>,
  ): Promise<Ask<'boost'>['visibility']> {
    const asked = readFilled(request.input, 'visibility');
    if (asked === null) {
      const [own] = await fragments.accounts([account], request.origin);
      const usual = own?.row.visibility ?? 'public';
      return usual === 'direct' ? 'private' : usual;
    }
    const known = boostVisibilities.find((visibility) => visibility === asked);
    if (known === undefined)
      throw validationFailed('Visibility of a boost must be public, unlisted or private');
    return known;
  }

  function unboost(request: ApiRequest): Promise<ApiResponse> {
    return takeBack(request, async (of) => {
      const account = callerAccount(request);
      await request.ask('unboost', { account, of });
      fragments.changed({ statuses: [of], accounts: [account] });
    });
  }

  const marked =
    (kind: Mark) =>
    async (request: ApiRequest): Promise<ApiResponse> => {
      const bounds = readOrderBounds(request.input, statusPageSize);
      const page = await request.ask('marked', { viewer: callerAccount(request), mark: kind, ...bounds });
      const last = page.ids.length < bounds.limit ? null : page.last;
      const pieces: Uint8Array[] = [];
      appendStatuses(pieces, await view.see(page.ids, viewingOf(request)), true);
      return piecesAnswer(pieces, linkHeader(request, { last, first: page.first }));
    };

  const favouriting = ['write:favourites'];
  const bookmarking = ['write:bookmarks'];
  return [
    post('/api/v1/statuses/:id/favourite', 'user', favouriting, mark('favourite')),
    post('/api/v1/statuses/:id/unfavourite', 'user', favouriting, unmark('favourite')),
    post('/api/v1/statuses/:id/bookmark', 'user', bookmarking, mark('bookmark')),
    post('/api/v1/statuses/:id/unbookmark', 'user', bookmarking, unmark('bookmark')),
    post('/api/v1/statuses/:id/reblog', 'user', ['write:statuses'], boost),
    post('/api/v1/statuses/:id/unreblog', 'user', ['write:statuses'], unboost),
    get('/api/v1/favourites', 'user', ['read:favourites'], marked('favourite')),
    get('/api/v1/bookmarks', 'user', ['read:bookmarks'], marked('bookmark')),
  ];
}
