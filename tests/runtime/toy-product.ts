// A small product for the tests of the store: posts, follows, and three views of them. Not the product itself.
import type { AccountId } from '../../runtime/account-id.ts';
import type { Entry, FoundFact, PointReader, ViewWrite } from '../../runtime/behaviours.ts';
import type { FactWrite, Wire } from '../../runtime/fact.ts';
import { accountAt, accountKey, type Key, keyOf, kindOf, restOf } from '../../runtime/key.ts';
import { makeStatusId, type StatusId, statusAuthor } from '../../runtime/status-id.ts';
import type { StoreProduct } from '../../runtime/store-options.ts';

/** Posts are `[text, visibility]`. */
export function postFact(id: StatusId, text: string, visibility = 'public'): FactWrite {
  return { key: statusKey(id), value: [text, visibility] };
}

export function followFact(follower: AccountId, followee: AccountId): FactWrite {
  return { key: keyOf(follower, 'f', accountKey(followee)), value: ['since'] };
}

export function gone({ key }: { key: Key }): FactWrite {
  return { key, value: null };
}

export function statusKey(id: StatusId): Key {
  const rest = id.slice(0, 6) + String.fromCharCode(id.charCodeAt(12) & 15) + id.charAt(13);
  return keyOf(statusAuthor(id), 's', rest);
}

export const postsView = (author: AccountId): Key => keyOf(author, 'P');
export const followersView = (followee: AccountId): Key => keyOf(followee, 'C');
export const followerView = (followee: AccountId, follower: AccountId): Key =>
  keyOf(followee, 'F', accountKey(follower));

export const toyProduct: StoreProduct = {
  derive,
  addressed: ({ key }) => (kindOf(key) === 'f' ? [accountAt(restOf(key))] : []),
  withdraw: () => [],
  viewsFormat: 1,
  listed,
  statusKey,
  words,
};

function derive({ key, value, before }: Entry, read: PointReader): ViewWrite[] {
  const owner = accountAt(key);
  const step = Number(value !== null) - Number(before !== null && before.value !== null);
  if (kindOf(key) === 's') return counted(postsView(owner), step, read);
  if (kindOf(key) !== 'f') return [];
  const followee = accountAt(restOf(key));
  return [
    { key: followerView(followee, owner), value: value === null ? null : 1 },
    ...counted(followersView(followee), step, read),
  ];
}

function counted(key: Key, step: number, read: PointReader): ViewWrite[] {
  if (step === 0) return [];
  const count = Number(read.view(key) ?? 0) + step;
  return [{ key, value: count === 0 ? null : count }];
}

function listed(key: Key, value: Wire | null): StatusId | null {
  if (kindOf(key) !== 's' || !Array.isArray(value) || value[1] === 'direct') return null;
  const rest = restOf(key);
  const ms = [...rest.slice(0, 6)].reduce((sum, character) => sum * 256 + character.charCodeAt(0), 0);
  return makeStatusId(ms, accountAt(key), rest.charCodeAt(6) * 256 + rest.charCodeAt(7));
}

function words({ key, value }: FoundFact): string[] {
  if (kindOf(key) !== 's' || !Array.isArray(value)) return [];
  return String(value[0]).toLowerCase().split(/\s+/).filter(Boolean);
}
