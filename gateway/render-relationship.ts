// What one account is to another, as Mastodon's Relationship. Pure.
import { relationBit } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';

export function renderRelationship(id: AccountId, bits: number) {
  const has = (bit: number): boolean => (bits & bit) !== 0;
  return {
    id: String(id),
    following: has(relationBit.following),
    showing_reblogs: has(relationBit.showingBoosts),
    notifying: false,
    languages: null,
    followed_by: has(relationBit.followedBy),
    blocking: has(relationBit.blocking),
    blocked_by: has(relationBit.blockedBy),
    muting: has(relationBit.muting),
    muting_notifications: has(relationBit.mutingNotifications),
    muting_expires_at: null,
    requested: false,
    requested_by: false,
    domain_blocking: false,
    endorsed: false,
    note: '',
  };
}
