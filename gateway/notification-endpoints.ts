// Notifications: the list, one of them, and putting them away.
import type { Ask, NotificationRow } from '../actors/messages.ts';
import { parseAccountId } from '../runtime/account-id.ts';
import type { StatusId } from '../runtime/status-id.ts';
import { type ApiParts, callerAccount, get, post, viewingOf } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import type { AccountFragment } from './fragments.ts';
import { type Input, readFilled, readTexts } from './input.ts';
import { appendArray, jsonAnswer, piecesAnswer } from './json-pieces.ts';
import { linkHeader, readOrderBounds } from './paging.ts';
import { notFound } from './refusal.ts';
import { renderNotificationHead, statusBegins } from './render-notification.ts';
import { appendStatus, type Seen } from './status-view.ts';

type Kind = NotificationRow['kind'];

interface Shown {
  row: NotificationRow;
  from: AccountFragment;
  status: Seen | null;
}

const kinds: readonly Kind[] = ['follow', 'mention', 'favourite', 'reblog'];
const statusBeginsBytes = Buffer.from(statusBegins);
const closing = Buffer.from('}');

export function notificationEndpoints({ view, fragments }: ApiParts): Endpoint[] {
  /** With their accounts and statuses; without those that have lost them. */
  async function shown(request: ApiRequest, rows: readonly NotificationRow[]): Promise<Shown[]> {
    const ids = [...new Set(rows.flatMap(({ status }) => (status === null ? [] : [status])))];
    const [accounts, seen] = await Promise.all([
      fragments.accounts(
        rows.map(({ from }) => from),
        request.origin,
      ),
      view.see(ids, viewingOf(request)),
    ]);
    const statuses = new Map<StatusId, Seen>(seen.map((one) => [one.post.row.id, one]));
    return rows.flatMap((row, index) => {
      const from = accounts[index];
      const status = row.status === null ? null : (statuses.get(row.status) ?? null);
      return !from || (row.status !== null && status === null) ? [] : [{ row, from, status }];
    });
  }

  async function list(request: ApiRequest): Promise<ApiResponse> {
    const wanted = wantedKinds(request.input);
    const bounds = readOrderBounds(request.input);
    const from = readFilled(request.input, 'account_id');
    const sender = from === null ? null : parseAccountId(from);
    if (wanted.length === 0 || (from !== null && sender === null)) return jsonAnswer([]);
    const filter = { kinds: wanted.length === kinds.length ? [] : wanted, from: sender };
    const { rows } = await request.ask('notifications', {
      viewer: callerAccount(request),
      ...bounds,
      ...filter,
    });
    const last = rows.length < bounds.limit ? null : (rows.at(-1)?.id ?? null);
    const pieces: Uint8Array[] = [];
    appendArray(pieces, await shown(request, rows), append);
    return piecesAnswer(pieces, linkHeader(request, { last, first: rows[0]?.id ?? null }));
  }

  async function one(request: ApiRequest): Promise<ApiResponse> {
    const id = request.params['id'] ?? '';
    if (!/^\d{1,19}$/.test(id)) throw notFound();
    const page: Ask<'notifications'> = {
      viewer: callerAccount(request),
      maxId: (BigInt(id) + 1n).toString(),
      sinceId: id === '0' ? null : (BigInt(id) - 1n).toString(),
      minId: null,
      limit: 1,
      kinds: [],
      from: null,
    };
    const { rows } = await request.ask('notifications', page);
    const [found] = await shown(
      request,
      rows.filter((row) => row.id === id),
    );
    if (found === undefined) throw notFound();
    const pieces: Uint8Array[] = [];
    append(pieces, found);
    return piecesAnswer(pieces);
  }

  async function clear(request: ApiRequest): Promise<ApiResponse> {
    await request.ask('clearNotifications', { account: callerAccount(request) });
    return jsonAnswer({});
  }

  async function dismiss(request: ApiRequest): Promise<ApiResponse> {
    const id = request.params['id'] ?? '';
    if (!/^\d{1,20}$/.test(id)) throw notFound();
    await request.ask('dismissNotification', { account: callerAccount(request), id });
    return jsonAnswer({});
  }

  const reading = ['read:notifications'];
  const writing = ['write:notifications'];
  return [
    get('/api/v1/notifications', 'user', reading, list),
    get('/api/v1/notifications/:id', 'user', reading, one),
    post('/api/v1/notifications/clear', 'user', writing, clear),
    post('/api/v1/notifications/:id/dismiss', 'user', writing, dismiss),
  ];
}

function append(out: Uint8Array[], { row, from, status }: Shown): void {
  out.push(Buffer.from(renderNotificationHead(row)), from.json);
  if (status !== null) {
    out.push(statusBeginsBytes);
    appendStatus(out, status, true);
  }
  out.push(closing);
}

/** Kinds that do not exist here may be asked for, and are never found. */
function wantedKinds(input: Input): Kind[] {
  const asked = readTexts(input, 'types', 50);
  const excluded = readTexts(input, 'exclude_types', 50);
  return kinds.filter((kind) => (asked.length === 0 || asked.includes(kind)) && !excluded.includes(kind));
}
