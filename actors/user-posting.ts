// What a user writes: posts, boosts, marks, and taking them back.

import type { Moment, PointReader, StoredFact } from '../runtime/behaviours.ts';
import type { FactWrite, Wire } from '../runtime/fact.ts';
import { type Key, keyOf, kindOf } from '../runtime/key.ts';
import { makeStatusId, type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { versionMs } from '../runtime/version.ts';
import { accountFact, accountRecord, boostMarkRecord, factKind, onceRecord, statusFact } from './facts.ts';
import { type Answer, type Ask, flag } from './messages.ts';
import { withOne, without } from './small-map.ts';
import { type StatusRecord, statusOf, statusRecord } from './status-record.ts';
import { countCharacters, countGraphemes, mostCharacters } from './text.ts';
import { agree, enter, refuse, type UserEffect, type UserState } from './user-state.ts';

/** For how long an Idempotency-Key names its post. */
export const onceMs = 3600 * 1000;

/** Above every time this author has used, so that ids only grow. */
function nextStatusId(state: UserState, moment: Moment): StatusId {
  state.salt ??= Math.floor(moment.chance * 4096);
  state.lastStatusMs = Math.max(moment.nowMs, state.lastStatusMs + 1);
  return makeStatusId(state.lastStatusMs, state.account, state.salt);
}

function write(id: StatusId, status: StatusRecord): FactWrite {
  // Its time is above that of every status this author ever had.
  return { key: statusFact(id), value: statusRecord.encode(status), isNew: true };
}

function live(fact: StoredFact | null): Wire | null {
  return fact === null ? null : fact.value;
}

export function publish(
  state: UserState,
  ask: Ask<'publish'>,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const once = ask.once === null ? null : keyOf(state.account, factKind.once, ask.once);
  if (once !== null) {
    const earlier = read.fact(once);
    if (earlier !== null && earlier.value !== null && moment.nowMs - versionMs(earlier.version) < onceMs) {
      const reply = agree(moment, published(onceRecord.decode(earlier.value).status, true));
      // The first request may still be on its way to the disk: an empty transaction waits for it.
      return [{ kind: 'persist', writes: [], deletes: true, live: true }, reply];
    }
  }
  const own = live(read.fact(accountFact(state.account)));
  if (own === null) return [refuse(moment, 'not-found', 'Record not found')];
  const { text, spoiler, replyTo, mentions, app } = ask;
  if (text.trim() === '') return [refuse(moment, 'invalid', "Validation failed: Text can't be blank")];
  if (countCharacters(text) + countGraphemes(spoiler) > mostCharacters) {
    return [
      refuse(moment, 'invalid', `Validation failed: Text character limit of ${mostCharacters} exceeded`),
    ];
  }
  const chosen = chosenBy(ask, own);
  const id = nextStatusId(state, moment);
  const writes = [write(id, { kind: 'post', text, spoiler, replyTo, mentions, app, ...chosen })];
  if (once !== null)
    writes.push({ key: once, value: onceRecord.encode({ status: id, createdMs: moment.nowMs }) });
  // People read their own writes: with several machines the answer may come before the announcement, which goes in the order of the log.
  // Until the post is on the disk nobody has rows for it.
  enter(state, id);
  return [{ kind: 'persist', writes, deletes: false, live: true }, agree(moment, published(id, false))];
}

/** What the request leaves open is as the author has chosen for all posts. */
function chosenBy(ask: Ask<'publish'>, own: Wire) {
  const { visibility, sensitive, language } = ask;
  const given =
    visibility !== null && sensitive !== null && language !== null
      ? { visibility, sensitive, language }
      : accountRecord.decode(own);
  return {
    visibility: visibility ?? given.visibility,
    sensitive: (sensitive ?? given.sensitive) || ask.spoiler !== '',
    language: language ?? given.language,
  };
}

function published(id: StatusId, repeated: boolean): Answer<'publish'> {
  return { id, repeated, row: null, author: null };
}

/** Also takes back a boost by its own id. The reply waits until no gateway shows it any more. */
export function deleteStatus(
  state: UserState,
  { id }: Ask<'deleteStatus'>,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const status = statusAuthor(id) === state.account ? statusOf(read.fact(statusFact(id))) : null;
  // A delete on its way to the disk makes it gone here, and is not safe yet: who asks again is told no earlier than that.
  if (status === null) {
    return [
      { kind: 'persist', writes: [], deletes: true, live: true },
      refuse(moment, 'not-found', 'Record not found'),
    ];
  }
  const writes: FactWrite[] = [{ key: statusFact(id), value: null }];
  if (status.kind === 'boost') {
    writes.push({ key: keyOf(state.account, factKind.boost, status.of), value: null });
    unmark(state, status.of, flag.boosted);
  }
  return [{ kind: 'persist', writes, deletes: true, live: true }, { kind: 'fence' }, agree(moment)];
}

export function boost(state: UserState, ask: Ask<'boost'>, moment: Moment, read: PointReader): UserEffect[] {
  const key = keyOf(state.account, factKind.boost, ask.of);
  const earlier = live(read.fact(key));
  if (earlier !== null) {
    return [
      { kind: 'persist', writes: [], deletes: true, live: true },
      agree(moment, { id: boostMarkRecord.decode(earlier).boost }),
    ];
  }
  const id = nextStatusId(state, moment);
  mark(state, ask.of, flag.boosted);
  enter(state, id);
  const writes = [
    write(id, { kind: 'boost', of: ask.of, visibility: ask.visibility }),
    { key, value: boostMarkRecord.encode({ boost: id }) },
  ];
  return [{ kind: 'persist', writes, deletes: false, live: true }, { kind: 'fence' }, agree(moment, { id })];
}

export function unboost(
  state: UserState,
  { of }: Ask<'unboost'>,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const key = keyOf(state.account, factKind.boost, of);
  const earlier = live(read.fact(key));
  if (earlier === null) return [agree(moment)];
  unmark(state, of, flag.boosted);
  const writes: FactWrite[] = [
    { key: statusFact(boostMarkRecord.decode(earlier).boost), value: null },
    { key, value: null },
  ];
  return [{ kind: 'persist', writes, deletes: true, live: true }, { kind: 'fence' }, agree(moment)];
}

export function markStatus(
  state: UserState,
  ask: Ask<'mark'>,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const [kind, bit] =
    ask.mark === 'favourite' ? [factKind.favourite, flag.favourited] : [factKind.bookmark, flag.bookmarked];
  const key = keyOf(state.account, kind, ask.id);
  const isOn = live(read.fact(key)) !== null;
  if (ask.on) mark(state, ask.id, bit);
  else unmark(state, ask.id, bit);
  const writes = isOn === ask.on ? [] : [{ key, value: ask.on ? [] : null }];
  // Favourites are counted in what every gateway shows, bookmarks in nothing.
  const fence: UserEffect[] = ask.mark === 'favourite' && writes.length > 0 ? [{ kind: 'fence' }] : [];
  return [{ kind: 'persist', writes, deletes: !ask.on, live: true }, ...fence, agree(moment)];
}

/** More marks than this in memory, and they are looked up instead. */
const mostMarks = 20_000;

function mark(state: UserState, id: StatusId, bit: number): void {
  if (state.marks === null) return;
  state.marks = withOne(state.marks, id, (state.marks.get(id) ?? 0) | bit);
  if (state.marks.size > mostMarks) state.marks = null;
}

function unmark(state: UserState, id: StatusId, bit: number): void {
  if (state.marks === null) return;
  const left = (state.marks.get(id) ?? 0) & ~bit;
  state.marks = left === 0 ? without(state.marks, id) : withOne(state.marks, id, left);
}

export function isOnce(key: Key): boolean {
  return kindOf(key) === factKind.once;
}

/** As the seam has it: of two posts under one idempotency key, made where neither server knew of the other's, the first one. */
export function doubled(key: Key, one: StoredFact, other: StoredFact): StatusId | null {
  if (!isOnce(key) || one.value === null || other.value === null) return null;
  const [first, second] = one.version < other.version ? [one, other] : [other, one];
  // After that time the key is free.
  if (versionMs(second.version) - versionMs(first.version) >= onceMs) return null;
  const { status } = onceRecord.decode(first.value);
  return status === onceRecord.decode(second.value).status ? null : status;
}
