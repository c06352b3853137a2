// Single statuses: reading, deleting, the thread around one, who liked it. Posting is posting-endpoints.ts's part, marking mark-endpoints.ts's.
import { mostStatuses } from '../actors/messages.ts';
import { parseStatusId, printStatusId, type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { type ApiParts, accountsAnswer, callerAccount, del, get, viewingOf } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { readTexts, statusParam } from './input.ts';
import { jsonAnswer, piecesAnswer } from './json-pieces.ts';
import { linkHeader, readOrderBounds } from './paging.ts';
import { notFound } from './refusal.ts';
import { appendStatus, appendStatuses, type Seen } from './status-view.ts';
import { readThread } from './thread.ts';

const ancestorsBegin = Buffer.from('{"ancestors":');
const descendantsBegin = Buffer.from(',"descendants":');
const closing = Buffer.from('}');
const mostAsked = 40;

export function statusEndpoints(parts: ApiParts): Endpoint[] {
  const { view, fragments } = parts;

  async function demand(request: ApiRequest, id = statusParam(request)): Promise<Seen> {
    const seen = await view.seeOne(id, viewingOf(request));
    if (seen === null) throw notFound();
    return seen;
  }

  async function several(request: ApiRequest): Promise<ApiResponse> {
    const ids: StatusId[] = [];
    for (const text of new Set(readTexts(request.input, 'id', mostAsked))) {
      const id = parseStatusId(text);
      if (id !== null) ids.push(id);
    }
    const pieces: Uint8Array[] = [];
    appendStatuses(pieces, await view.see(ids, viewingOf(request)), request.caller?.account != null);
    return piecesAnswer(pieces);
  }

  async function context(request: ApiRequest): Promise<ApiResponse> {
    const viewing = viewingOf(request);
    const asked = await demand(request);
    const thread = await readThread((asked.boosted ?? asked).post.row, {
      request,
      fragments,
      brief: viewing.viewer === null,
    });
    const ids = [...thread.ancestors, ...thread.descendants].slice(0, mostStatuses);
    const seen = await view.see(ids, viewing);
    const above = new Set(thread.ancestors);
    const pieces: Uint8Array[] = [ancestorsBegin];
    appendStatuses(
      pieces,
      seen.filter((one) => above.has(one.post.row.id)),
      viewing.viewer !== null,
    );
    pieces.push(descendantsBegin);
    appendStatuses(
      pieces,
      seen.filter((one) => !above.has(one.post.row.id)),
      viewing.viewer !== null,
    );
    pieces.push(closing);
    return piecesAnswer(pieces);
  }

  /** Who favourited or boosted a status: of a boost, of what it boosts. */
  async function people(request: ApiRequest, kind: 'favouritedBy' | 'boostedBy'): Promise<ApiResponse> {
    const seen = await demand(request);
    const bounds = readOrderBounds(request.input);
    const { viewer } = viewingOf(request);
    const page = await request.ask(kind, { id: (seen.boosted ?? seen).post.row.id, viewer, ...bounds });
    const last = page.accounts.length < bounds.limit ? null : page.last;
    return accountsAnswer(parts, request, page.accounts, linkHeader(request, { last, first: page.first }));
  }

  /** Answers with the status as it was, and its text as it was typed, for writing it anew. */
  async function remove(request: ApiRequest): Promise<ApiResponse> {
    const account = callerAccount(request);
    const id = statusParam(request);
    if (statusAuthor(id) !== account) throw notFound();
    const seen = await view.seeOne(id, viewingOf(request));
    // Without a look: a boost of one's own goes, too, when what it boosts cannot be seen any more.
    await request.ask('deleteStatus', { account, id });
    fragments.changed({ statuses: [id, ...(seen === null ? [] : changedBy(seen))], accounts: [account] });
    if (seen === null) throw notFound();
    const pieces: Uint8Array[] = [];
    appendStatus(pieces, seen, true);
    const [head, ...rest] = pieces;
    if (head === undefined) throw notFound();
    const text = JSON.stringify({ text: seen.post.row.text }).slice(0, -1);
    return piecesAnswer([Buffer.from(`${text},`), head.subarray(1), ...rest]);
  }

  async function source(request: ApiRequest): Promise<ApiResponse> {
    const { row } = (await demand(request)).post;
    return jsonAnswer({ id: printStatusId(row.id), text: row.text, spoiler_text: row.spoiler });
  }

  const reading = ['read:statuses'];
  return [
    get('/api/v1/statuses', 'optional', reading, several),
    get('/api/v1/statuses/:id', 'optional', reading, async (request) =>
      statusAnswer(await demand(request), request),
    ),
    get('/api/v1/statuses/:id/context', 'optional', reading, context),
    get('/api/v1/statuses/:id/favourited_by', 'optional', ['read:accounts'], (request) =>
      people(request, 'favouritedBy'),
    ),
    get('/api/v1/statuses/:id/reblogged_by', 'optional', ['read:accounts'], (request) =>
      people(request, 'boostedBy'),
    ),
    get('/api/v1/statuses/:id/source', 'user', reading, source),
    del('/api/v1/statuses/:id', 'user', ['write:statuses'], remove),
  ];
}

/** One status as the whole answer. */
export function statusAnswer(seen: Seen, request: Pick<ApiRequest, 'caller'>): ApiResponse {
  const pieces: Uint8Array[] = [];
  appendStatus(pieces, seen, request.caller?.account != null);
  return piecesAnswer(pieces);
}

/** Whose counts its deletion changes. */
function changedBy({ post: { row } }: Seen): StatusId[] {
  return [row.replyTo, row.boostOf].filter((id) => id !== null);
}
