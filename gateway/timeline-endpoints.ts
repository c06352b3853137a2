// Timelines: home, public, tag.
import type { Answer } from '../actors/messages.ts';
import { tagName } from '../actors/text.ts';
import { type ApiParts, callerAccount, get, viewingOf } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { readBool, readTexts } from './input.ts';
import { jsonAnswer, piecesAnswer } from './json-pieces.ts';
import { type CachedPage, cachedPage } from './page-cache.ts';
import { linkHeader, readStatusBounds, type StatusBounds, statusNeighbours } from './paging.ts';
import { validationFailed } from './refusal.ts';
import { appendStatuses, type Seen } from './status-view.ts';

export function timelineEndpoints(parts: ApiParts): Endpoint[] {
  const { view } = parts;

  async function home(request: ApiRequest): Promise<ApiResponse> {
    const bounds = readStatusBounds(request.input);
    const page = await request.ask('home', { account: callerAccount(request), ...bounds });
    return statusesAnswer(request, await view.see(page.ids, viewingOf(request), page.flags), page, bounds);
  }

  async function publicTimeline(request: ApiRequest, tag: string | null): Promise<ApiResponse> {
    // There are no other servers here, and no media.
    if (readBool(request.input, 'remote') === true || readBool(request.input, 'only_media') === true)
      return jsonAnswer([]);
    const bounds = readStatusBounds(request.input);
    const viewing = viewingOf(request);
    const make = async (): Promise<CachedPage> => {
      const page = await request.ask('publicTimeline', { viewer: viewing.viewer, tag, ...bounds });
      const seen = await view.see(page.ids, viewing, page.flags);
      return cachedPage(statusesAnswer(request, seen, page, bounds), seen);
    };
    const isFirst = bounds.maxId === null && bounds.sinceId === null && bounds.minId === null;
    return isFirst ? parts.pages.get(request, make) : (await make()).response;
  }

  function tagTimeline(request: ApiRequest): Promise<ApiResponse> {
    for (const name of ['any', 'all', 'none']) {
      if (readTexts(request.input, name, 20).length > 0)
        throw validationFailed(`${name}[] is not supported here`);
    }
    const tag = tagName(request.params['tag'] ?? '');
    return tag === '' || tag.length > 200 ? Promise.resolve(jsonAnswer([])) : publicTimeline(request, tag);
  }

  return [
    get('/api/v1/timelines/home', 'user', ['read:statuses'], home),
    get('/api/v1/timelines/public', 'optional', ['read:statuses'], (request) =>
      publicTimeline(request, null),
    ),
    get('/api/v1/timelines/tag/:tag', 'optional', ['read:statuses'], tagTimeline),
  ];
}

/** A page of statuses with its Link header. `page` is as the core gave it, before anything was left out. */
export function statusesAnswer(
  request: ApiRequest,
  seen: readonly Seen[],
  page: Pick<Answer<'home'>, 'ids' | 'completeThroughMs'>,
  { limit }: Pick<StatusBounds, 'limit'>,
): ApiResponse {
  const headers = linkHeader(request, statusNeighbours(page.ids, limit));
  if (page.completeThroughMs !== null)
    headers['X-Complete-Through'] = new Date(page.completeThroughMs).toISOString();
  const pieces: Uint8Array[] = [];
  appendStatuses(pieces, seen, request.caller?.account != null);
  return piecesAnswer(pieces, headers);
}
