// Reads about statuses: rows, judgements, timelines of authors, tags and the public, replies, search.
import { type AccountId, serverAccount } from '../runtime/account-id.ts';
import type { Outcome, Reader } from '../runtime/behaviours.ts';
import { afterPrefix, type Key, keyOf, restOf } from '../runtime/key.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { factKind, statusFact, statusRest } from './facts.ts';
import { type Answer, type Ask, flag, hiddenFlag } from './messages.ts';
import { nextChunk, pageOf } from './pages.ts';
import { listed } from './routes.ts';
import { judge as judgeOne, statusRowOf } from './rows.ts';
import { statusOf } from './status-record.ts';
import { utf8Key, viewKind } from './views.ts';
import { wordsOf } from './words.ts';

const mostOfPage = 80;
/** How many of an author's statuses are looked at for one page. */
const mostLookedAt = 5000;

function ok<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function statuses(reader: Reader, ask: Ask<'statuses'>): Outcome<Answer<'statuses'>> {
  return ok({ rows: ask.ids.map((id) => statusRowOf(reader, id)) });
}

export function judge(reader: Reader, ask: Ask<'judge'>, nowMs: number): Outcome<Answer<'judge'>> {
  return ok({ flags: Uint8Array.from(ask.ids, (id) => judgeOne(reader, ask.viewer, id, nowMs)) });
}

function statusPage(
  found: { id: StatusId; flags: number }[],
  viewer: AccountId | null,
): Answer<'publicTimeline'> {
  return {
    ids: found.map(({ id }) => id),
    flags: viewer === null ? new Uint8Array(0) : Uint8Array.from(found, ({ flags }) => flags),
    completeThroughMs: null,
  };
}

/** Statuses of an author that are read at once, at first. */
const chunk = 60;

function* idsUpwards(reader: Reader, first: Key, to: Key): Generator<StatusId> {
  let from = first;
  for (let most = chunk; ; most = nextChunk(reader, most)) {
    const facts = reader.facts({ from, to, most });
    for (const { key, value } of facts) {
      const id = listed(key, value);
      if (id !== null) yield id;
    }
    const last = facts.at(-1);
    if (last === undefined || facts.length < most || reader.lacks === true) return;
    from = `${last.key}\0`;
  }
}

/** The author's ids in the order in which they are looked at: newest first, or upwards from `minId`. */
function* idsOf(reader: Reader, ask: Ask<'authorStatuses'>): Generator<StatusId> {
  if (ask.minId !== null) {
    const from = `${keyOf(ask.author, factKind.status, statusRest(ask.minId))}\0`;
    const to = ask.maxId === null ? afterPrefix(keyOf(ask.author, factKind.status)) : statusFact(ask.maxId);
    if (statusAuthor(ask.minId) === ask.author) yield* idsUpwards(reader, from, to);
    return;
  }
  let below = ask.maxId;
  for (let most = chunk; ; most = nextChunk(reader, most)) {
    const ids = reader.recent(ask.author, below, most);
    yield* ids;
    below = ids.at(-1) ?? null;
    if (ids.length < most || reader.lacks === true) return;
  }
}

export function authorStatuses(
  reader: Reader,
  ask: Ask<'authorStatuses'>,
  nowMs: number,
): Outcome<Answer<'authorStatuses'>> {
  const { viewer, sinceId } = ask;
  const limit = Math.min(ask.limit, mostOfPage);
  const found: { id: StatusId; flags: number }[] = [];
  let lookedAt = 0;
  for (const id of idsOf(reader, ask)) {
    if (sinceId !== null && id <= sinceId) break;
    if ((found.length === limit && reader.lacks !== true) || ++lookedAt > mostLookedAt) break;
    const status = statusOf(reader.fact(statusFact(id)));
    if (status === null) continue;
    if (
      status.kind === 'boost'
        ? ask.excludeBoosts
        : ask.excludeReplies && isReplyToOther(status.replyTo, ask.author)
    )
      continue;
    const flags = judgeOne(reader, viewer, id, nowMs);
    if (flags !== hiddenFlag && found.length < limit) found.push({ id, flags });
  }
  if (ask.minId !== null) found.reverse();
  return ok(statusPage(found, viewer));
}

/** Answers to oneself are threads, not replies. */
function isReplyToOther(replyTo: StatusId | null, author: AccountId): boolean {
  return replyTo !== null && statusAuthor(replyTo) !== author;
}

export function publicTimeline(
  reader: Reader,
  ask: Ask<'publicTimeline'>,
  nowMs: number,
): Outcome<Answer<'publicTimeline'>> {
  const prefix =
    ask.tag === null
      ? keyOf(serverAccount, viewKind.public)
      : keyOf(serverAccount, viewKind.tag, `${utf8Key(ask.tag)}\0`);
  const bounds = { max: ask.maxId, since: ask.sinceId, min: ask.minId };
  const found = pageOf(reader, prefix, bounds, Math.min(ask.limit, mostOfPage), ({ key }) => {
    const id = key.slice(prefix.length) as StatusId;
    const flags = judgeOne(reader, ask.viewer, id, nowMs);
    return flags === hiddenFlag || (flags & flag.muted) !== 0 ? null : { id, flags };
  });
  return ok(statusPage(found, ask.viewer));
}

export function replies(reader: Reader, { id, limit }: Ask<'replies'>): Outcome<Answer<'replies'>> {
  const prefix = keyOf(statusAuthor(id), viewKind.replies, statusRest(id));
  const found = reader.views({ from: prefix, to: afterPrefix(prefix), most: Math.min(limit, 400) });
  return ok({ ids: found.map(({ key }) => key.slice(prefix.length) as StatusId) });
}

export function searchStatuses(
  reader: Reader,
  ask: Ask<'searchStatuses'>,
  nowMs: number,
): Outcome<Answer<'searchStatuses'>> {
  const words = wordsOf(ask.q);
  if (words.length === 0) return ok(statusPage([], ask.viewer));
  const wanted = Math.min(ask.limit, mostOfPage);
  const kept: { id: StatusId; flags: number }[] = [];
  let below = ask.maxId;
  let skip = ask.offset;
  let size = 200;
  for (let lookedAt = 0; kept.length < wanted && lookedAt < mostLookedAt; ) {
    const most = Math.min(size, mostLookedAt - lookedAt);
    const found = reader.find(words, { below, above: ask.minId ?? ask.sinceId, most });
    for (const id of found) {
      if (kept.length === wanted && reader.lacks !== true) break;
      if (ask.author !== null && statusAuthor(id) !== ask.author) continue;
      // Judged before it counts: a page that is short would tell what is hidden.
      const flags = judgeOne(reader, ask.viewer, id, nowMs);
      if (flags === hiddenFlag) continue;
      if (skip > 0) skip--;
      else if (kept.length < wanted) kept.push({ id, flags });
    }
    below = found.at(-1) ?? null;
    if (found.length < most || reader.lacks === true) break;
    lookedAt += most;
    size = nextChunk(reader, size);
  }
  return ok(statusPage(kept, ask.viewer));
}

export function searchTags(reader: Reader, ask: Ask<'searchTags'>): Outcome<Answer<'searchTags'>> {
  const prefix = keyOf(serverAccount, viewKind.tagUses, utf8Key(ask.q.replace(/^#/, '').toLowerCase()));
  const uses = reader
    .views({ from: prefix, to: afterPrefix(prefix), most: 1000 })
    .map(({ key, value }) => ({
      tag: textOfKey(restOf(key)),
      uses: Array.isArray(value) ? Number(value[0]) : 0,
    }))
    .sort((one, other) => other.uses - one.uses || (one.tag < other.tag ? -1 : 1));
  return ok({
    tags: uses.slice(ask.offset, ask.offset + Math.min(ask.limit, mostOfPage)).map(({ tag }) => tag),
  });
}

/** The way back from `utf8Key`. */
function textOfKey(characters: string): string {
  let escaped = '';
  for (let at = 0; at < characters.length; at++)
    escaped += `%${characters.charCodeAt(at).toString(16).padStart(2, '0')}`;
  return decodeURIComponent(escaped);
}
