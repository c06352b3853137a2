// Views: what follows from the facts, as records that can be thrown away and derived again. Each fact contributes records and counts;
// a changed fact takes back what its former value contributed. So the result depends on the set of facts, not on their order.
import {
  type AccountId,
  firstAccountOf,
  partitionCount,
  partitionOf,
  serverAccount,
} from '../runtime/account-id.ts';
import type { Entry, FoundFact, PointReader, StoredFact, ViewWrite } from '../runtime/behaviours.ts';
import type { Wire } from '../runtime/fact.ts';
import { accountAt, accountKey, type Key, keyOf, kindOf, restOf } from '../runtime/key.ts';
import { makeStatusId, type StatusId, statusAuthor, statusMs } from '../runtime/status-id.ts';
import type { Version } from '../runtime/version.ts';
import {
  accountRecord,
  blockFact,
  boostMarkRecord,
  factKind,
  followFact,
  followRecord,
  statusRest,
} from './facts.ts';
import { statusOfWire } from './status-record.ts';
import { tagsOf } from './text.ts';
import { wordsOf } from './words.ts';

/** To be raised when the same facts give other views than before: a store then derives them anew. */
export const viewsFormat = 2;

/** One letter a kind of view. */
export const viewKind = {
  /** followee -> follower. */
  follower: 'F',
  /** followee -> version, follower: in order of time. */
  followerByTime: 'G',
  /** Whom somebody blocks -> who does, or did: the version of it ends older follows. */
  blockedBy: 'B',
  replies: 'R',
  favouritedBy: 'V',
  boostedBy: 'O',
  notification: 'N',
  /** Direct statuses that concern an account. */
  direct: 'M',
  accountCounts: 'C',
  statusCounts: 'D',
  /** These stand under the server's account. */
  public: 'P',
  tag: 'T',
  tagUses: 'U',
  accountWord: 'A',
  deletion: 'X',
  week: 'W',
  /** Accounts that were deleted: what is left of them is swept away. */
  gone: 'Z',
  /** This stands under the first account of each partition, so that each partition's numbers are there once. */
  totals: 'I',
} as const;

/** The part of a version that orders: ms and counter, 8 characters. */
export function orderOf(version: Version): string {
  return version.slice(0, 8);
}

export function accountCountsKey(account: AccountId): Key {
  return keyOf(account, viewKind.accountCounts);
}

export function statusCountsKey(id: StatusId): Key {
  return keyOf(statusAuthor(id), viewKind.statusCounts, statusRest(id));
}

/** Made once: one is written with every status. */
const totalsKeys: readonly Key[] = Array.from({ length: partitionCount }, (_, partition) =>
  keyOf(firstAccountOf(partition), viewKind.totals),
);

export function totalsKey(partition: number): Key {
  return totalsKeys[partition] ?? keyOf(firstAccountOf(partition), viewKind.totals);
}

/** Places in the counts of an account, of a status, and of a partition. */
export const accountCount = { followers: 0, following: 1, statuses: 2, lastStatusMs: 3 } as const;
export const statusCount = { favourites: 0, boosts: 1, replies: 2 } as const;
export const totalCount = { users: 0, statuses: 1 } as const;

/** Counts as they are stored: a list of numbers, zeroes where nothing was counted. */
export function countsOf(wire: unknown): number[] {
  return Array.isArray(wire) ? wire.slice() : [];
}

const weekMs = 7 * 24 * 3600 * 1000;

/** Two characters: weeks since 1970. */
export function weekOf(ms: number): string {
  const week = Math.floor(ms / weekMs);
  return String.fromCharCode((week >>> 8) & 255, week & 255);
}

/** UTF-8 as latin1 characters: how words stand in keys. */
export function utf8Key(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** The status whose fact's key this is. */
export function statusOfKey(key: Key): StatusId {
  const rest = restOf(key);
  const author = accountAt(key);
  let ms = 0;
  for (let at = 0; at < 6; at++) ms = ms * 256 + rest.charCodeAt(at);
  return makeStatusId(ms, author, rest.charCodeAt(6) * 256 + rest.charCodeAt(7));
}

interface Contribution {
  record(key: Key, value: unknown): void;
  count(key: Key, place: number): void;
}

/** A follow counts unless the followee has blocked the follower since. */
function isEffective(follow: StoredFact, severed: StoredFact | null): boolean {
  return severed === null || follow.version > severed.version;
}

function contributeFollow(key: Key, follow: StoredFact, to: Contribution): void {
  const follower = accountAt(key);
  const followee = accountAt(restOf(key));
  to.record(keyOf(followee, viewKind.follower, accountKey(follower)), []);
  to.record(keyOf(followee, viewKind.followerByTime, orderOf(follow.version) + accountKey(follower)), []);
  to.count(accountCountsKey(followee), accountCount.followers);
  to.count(accountCountsKey(follower), accountCount.following);
  if (!followRecord.decode(follow.value).quiet) {
    to.record(keyOf(followee, viewKind.notification, follow.version), ['follow', follower, null]);
  }
}

function contributeStatus(key: Key, fact: StoredFact, to: Contribution): void {
  const id = statusOfKey(key);
  const author = statusAuthor(id);
  const status = statusOfWire(fact.value);
  to.count(accountCountsKey(author), accountCount.statuses);
  to.count(totalsKey(partitionOf(author)), totalCount.statuses);
  if (status.kind === 'boost') {
    const boosted = statusAuthor(status.of);
    to.count(statusCountsKey(status.of), statusCount.boosts);
    to.record(keyOf(boosted, viewKind.boostedBy, statusRest(status.of) + id), []);
    if (boosted !== author) {
      to.record(keyOf(boosted, viewKind.notification, fact.version), ['reblog', author, bytes(status.of)]);
    }
    return;
  }
  const parent = status.replyTo;
  if (parent !== null) {
    to.count(statusCountsKey(parent), statusCount.replies);
    to.record(keyOf(statusAuthor(parent), viewKind.replies, statusRest(parent) + id), []);
  }
  for (const mention of status.mentions) {
    if (mention.account === author) continue;
    to.record(keyOf(mention.account, viewKind.notification, fact.version), ['mention', author, bytes(id)]);
  }
  if (status.visibility === 'direct') {
    to.record(keyOf(author, viewKind.direct, id), []);
    for (const mention of status.mentions) to.record(keyOf(mention.account, viewKind.direct, id), []);
  }
  if (status.visibility !== 'public') return;
  if (parent === null || statusAuthor(parent) === author)
    to.record(keyOf(serverAccount, viewKind.public, id), []);
  for (const tag of tagsOf(status.text)) {
    to.record(keyOf(serverAccount, viewKind.tag, `${utf8Key(tag)}\0${id}`), []);
    to.count(keyOf(serverAccount, viewKind.tagUses, utf8Key(tag)), 0);
  }
}

/** Ids in records are bytes, not latin1 text, which msgpack would spell as UTF-8. */
function bytes(id: StatusId): Uint8Array {
  return Uint8Array.from(id, (character) => character.charCodeAt(0));
}

/** Deletions: they are told to whoever asks later, and say what is to be swept away. */
function contributeTombstone(key: Key, { version }: StoredFact, to: Contribution): void {
  switch (kindOf(key)) {
    case factKind.status:
      to.record(keyOf(serverAccount, viewKind.deletion, version), bytes(statusOfKey(key)));
      return;
    case factKind.account:
      to.record(keyOf(serverAccount, viewKind.gone, accountKey(accountAt(key))), []);
      return;
    default:
      return;
  }
}

function contribute(key: Key, fact: StoredFact, read: PointReader, to: Contribution): void {
  if (fact.value === null) {
    contributeTombstone(key, fact, to);
    return;
  }
  const account = accountAt(key);
  switch (kindOf(key)) {
    case factKind.account: {
      const { handle, displayName } = accountRecord.decode(fact.value);
      to.count(totalsKey(partitionOf(account)), totalCount.users);
      for (const word of new Set([handle.toLowerCase(), ...wordsOf(displayName)])) {
        to.record(keyOf(serverAccount, viewKind.accountWord, `${utf8Key(word)}\0${accountKey(account)}`), []);
      }
      return;
    }
    case factKind.follow: {
      const followee = accountAt(restOf(key));
      if (isEffective(fact, read.fact(blockFact(followee, account)))) contributeFollow(key, fact, to);
      return;
    }
    case factKind.favourite: {
      const id = restOf(key) as StatusId;
      to.count(statusCountsKey(id), statusCount.favourites);
      to.record(
        keyOf(
          statusAuthor(id),
          viewKind.favouritedBy,
          statusRest(id) + orderOf(fact.version) + accountKey(account),
        ),
        [],
      );
      if (statusAuthor(id) !== account) {
        to.record(keyOf(statusAuthor(id), viewKind.notification, fact.version), [
          'favourite',
          account,
          bytes(id),
        ]);
      }
      return;
    }
    case factKind.status:
      contributeStatus(key, fact, to);
      return;
    default:
      return;
  }
}

/** What stays although the fact is gone: traces of activity, and the blocks there have been. */
function contributeForGood(
  entry: Entry,
  read: PointReader,
  to: Contribution,
  raise: (ms: number) => void,
): void {
  const account = accountAt(entry.key);
  switch (kindOf(entry.key)) {
    case factKind.status: {
      const id = statusOfKey(entry.key);
      raise(statusMs(id));
      const week = weekKey(id, account);
      if (read.view(week) === undefined) to.record(week, []);
      return;
    }
    case factKind.block:
      to.record(keyOf(accountAt(restOf(entry.key)), viewKind.blockedBy, accountKey(account)), [
        bytesOfVersion(entry.version),
        entry.value !== null,
      ]);
      return;
    default:
      return;
  }
}

function weekKey(id: StatusId, author: AccountId): Key {
  return keyOf(serverAccount, viewKind.week, weekOf(statusMs(id)) + accountKey(author));
}

function bytesOfVersion(version: Version): Uint8Array {
  return Uint8Array.from(version, (character) => character.charCodeAt(0));
}

/** A block ends the follow it is newer than. */
function endFollow(entry: Entry, read: PointReader, from: Contribution): void {
  const key = followFact(accountAt(restOf(entry.key)), accountAt(entry.key));
  const follow = read.fact(key);
  if (follow === null || follow.value === null) return;
  if (isEffective(follow, entry.before) && !isEffective(follow, entry)) contributeFollow(key, follow, from);
}

/** Steps of one record of counts. */
interface Steps {
  key: Key;
  steps: number[];
}

/** Collects what a change gives and takes. A later word on the same record counts. */
class Change implements Contribution {
  readonly writes: ViewWrite[] = [];
  readonly counts: Steps[] = [];
  sign = 1;
  #mayRepeat: boolean;

  constructor(mayRepeat: boolean) {
    this.#mayRepeat = mayRepeat;
  }

  record(key: Key, value: unknown): void {
    const write = { key, value: this.sign > 0 ? value : null };
    const place = this.#mayRepeat ? this.writes.findIndex((other) => other.key === key) : -1;
    if (place < 0) this.writes.push(write);
    else this.writes[place] = write;
  }

  stepsOf(key: Key): number[] {
    for (const known of this.counts) if (known.key === key) return known.steps;
    const steps: number[] = [];
    this.counts.push({ key, steps });
    return steps;
  }

  count(key: Key, place: number): void {
    const steps = this.stepsOf(key);
    while (steps.length <= place) steps.push(0);
    steps[place] = (steps[place] ?? 0) + this.sign;
  }
}

export function derive(entry: Entry, read: PointReader): ViewWrite[] {
  const { key, before } = entry;
  const isBlock = kindOf(key) === factKind.block;
  const change = new Change(before !== null || isBlock);
  change.sign = -1;
  if (before !== null) contribute(key, before, read, change);
  if (isBlock) endFollow(entry, read, change);
  change.sign = 1;
  contribute(key, entry, read, change);
  let lastStatusMs = 0;
  contributeForGood(entry, read, change, (ms) => {
    lastStatusMs = ms;
  });
  const raised = lastStatusMs > 0 ? accountCountsKey(accountAt(key)) : null;
  if (raised !== null) change.stepsOf(raised);
  for (const counted of change.counts) {
    const value = addUp(read.view(counted.key), counted.steps, counted.key === raised ? lastStatusMs : 0);
    change.writes.push({ key: counted.key, value });
  }
  return change.writes;
}

/** What each machine has counted of the facts of its own adds up; everything else is the same wherever it is. */
export function mergeViews(key: Key, values: readonly Wire[]): Wire {
  if (kindOf(key) !== viewKind.tagUses) return values[0];
  return [values.reduce<number>((sum, value) => sum + (countsOf(value)[0] ?? 0), 0)];
}

/** What a fact gave is taken back. The week of a status goes, too: an author's facts are withdrawn together. */
export function withdraw(fact: FoundFact, read: PointReader): ViewWrite[] {
  const change = new Change(true);
  change.sign = -1;
  contribute(fact.key, fact, read, change);
  if (kindOf(fact.key) === factKind.status)
    change.record(weekKey(statusOfKey(fact.key), accountAt(fact.key)), []);
  for (const { key, steps } of change.counts)
    change.writes.push({ key, value: addUp(read.view(key), steps, 0) });
  return change.writes;
}

function addUp(stored: unknown, steps: readonly number[], lastStatusMs: number): number[] | null {
  const counts = countsOf(stored);
  for (let place = 0; place < steps.length; place++)
    counts[place] = (counts[place] ?? 0) + (steps[place] ?? 0);
  if (lastStatusMs > 0) {
    while (counts.length < accountCount.lastStatusMs) counts.push(0);
    counts[accountCount.lastStatusMs] = Math.max(counts[accountCount.lastStatusMs] ?? 0, lastStatusMs);
  }
  // One form for one set of facts: no zeroes at the end.
  while (counts.length > 0 && counts[counts.length - 1] === 0) counts.pop();
  return counts.length > 0 ? counts : null;
}

/** The status an unboost must take back. */
export function boostOfMark(fact: StoredFact | null): StatusId | null {
  return fact === null || fact.value === null ? null : boostMarkRecord.decode(fact.value).boost;
}
