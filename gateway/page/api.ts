// The part of the public API that the page uses, one function an endpoint. It is all the page knows of the server.
import {
  type Account,
  account,
  application,
  context,
  grant,
  instance,
  type Notification,
  notification,
  ownAccount,
  relationship,
  type Status,
  searchResult,
  status,
  type Visibility,
} from './entities.ts';
import { ask, type Reply } from './server.ts';
import { list, nothing } from './shape.ts';

const statuses = list(status);
const accounts = list(account);
const id = encodeURIComponent;

/** A first page by its path; any later one by the address the server gave for it. */
type Page = string | null;
const statusesAt = (first: string, older: Page): Promise<Reply<readonly Status[]>> =>
  ask({ path: older ?? first, answer: statuses });
const accountsAt = (first: string, older: Page): Promise<Reply<readonly Account[]>> =>
  ask({ path: older ?? first, answer: accounts });

export const getInstance = () => ask({ path: '/api/v2/instance', answer: instance, token: null });

export const homeTimeline = (older: Page) => statusesAt('/api/v1/timelines/home', older);
export const publicTimeline = (older: Page) => statusesAt('/api/v1/timelines/public', older);
export const tagTimeline = (tag: string, older: Page) =>
  statusesAt(`/api/v1/timelines/tag/${id(tag)}`, older);
export const bookmarks = (older: Page) => statusesAt('/api/v1/bookmarks', older);
export const favourites = (older: Page) => statusesAt('/api/v1/favourites', older);
export const accountStatuses = (accountId: string, withReplies: boolean, older: Page) =>
  statusesAt(
    `/api/v1/accounts/${id(accountId)}/statuses${withReplies ? '' : '?exclude_replies=true'}`,
    older,
  );

export const followers = (accountId: string, older: Page) =>
  accountsAt(`/api/v1/accounts/${id(accountId)}/followers`, older);
export const following = (accountId: string, older: Page) =>
  accountsAt(`/api/v1/accounts/${id(accountId)}/following`, older);
export const blockedAccounts = (older: Page) => accountsAt('/api/v1/blocks', older);
export const mutedAccounts = (older: Page) => accountsAt('/api/v1/mutes', older);
export const favouritedBy = (statusId: string, older: Page) =>
  accountsAt(`/api/v1/statuses/${id(statusId)}/favourited_by`, older);
export const boostedBy = (statusId: string, older: Page) =>
  accountsAt(`/api/v1/statuses/${id(statusId)}/reblogged_by`, older);

export const findAccount = (acct: string) =>
  ask({ path: '/api/v1/accounts/lookup', query: { acct }, answer: account });
export const relationships = (ids: readonly string[]) =>
  ask({ path: '/api/v1/accounts/relationships', query: { id: ids }, answer: list(relationship) });
export type Relating = 'follow' | 'unfollow' | 'mute' | 'unmute' | 'block' | 'unblock';
export const relate = (accountId: string, deed: Relating) =>
  ask({ method: 'POST', path: `/api/v1/accounts/${id(accountId)}/${deed}`, answer: relationship });

export const getStatus = (statusId: string) =>
  ask({ path: `/api/v1/statuses/${id(statusId)}`, answer: status });
export const getContext = (statusId: string) =>
  ask({ path: `/api/v1/statuses/${id(statusId)}/context`, answer: context });
export type Marking = 'favourite' | 'unfavourite' | 'reblog' | 'unreblog' | 'bookmark' | 'unbookmark';
export const mark = (statusId: string, deed: Marking) =>
  ask({ method: 'POST', path: `/api/v1/statuses/${id(statusId)}/${deed}`, answer: status });
export const deleteStatus = (statusId: string) =>
  ask({ method: 'DELETE', path: `/api/v1/statuses/${id(statusId)}`, answer: nothing });

export interface NewStatus {
  readonly status: string;
  readonly spoiler_text: string;
  readonly visibility: Visibility;
  readonly in_reply_to_id: string | null;
}
/** Tried for about half a minute: the key makes every try the same post. */
export const publish = (post: NewStatus, idempotencyKey: string, onRetry: () => void) =>
  ask({
    method: 'POST',
    path: '/api/v1/statuses',
    body: post,
    idempotencyKey,
    onRetry,
    answer: status,
    tries: 9,
  });

export const search = (q: string) =>
  ask({ path: '/api/v2/search', query: { q, limit: '20' }, answer: searchResult });

export const notifications = (older: Page): Promise<Reply<readonly Notification[]>> =>
  ask({ path: older ?? '/api/v1/notifications', answer: list(notification) });
export const clearNotifications = () =>
  ask({ method: 'POST', path: '/api/v1/notifications/clear', answer: nothing });
export const dismissNotification = (notificationId: string) =>
  ask({ method: 'POST', path: `/api/v1/notifications/${id(notificationId)}/dismiss`, answer: nothing });

export const scopes = 'read write follow';
export const registerApplication = (redirectUri: string) =>
  ask({
    method: 'POST',
    path: '/api/v1/apps',
    body: { client_name: 'Murmuration', redirect_uris: redirectUri, scopes, website: redirectUri },
    answer: application,
    token: null,
    tries: 1,
  });
export const grantToken = (body: Readonly<Record<string, string>>) =>
  ask({ method: 'POST', path: '/oauth/token', body, answer: grant, token: null, tries: 1 });
export const revokeToken = (body: Readonly<Record<string, string>>) =>
  ask({ method: 'POST', path: '/oauth/revoke', body, answer: nothing, token: null });
export const signUp = (
  person: { readonly username: string; readonly password: string; readonly locale: string },
  appToken: string,
) =>
  ask({
    method: 'POST',
    path: '/api/v1/accounts',
    body: { ...person, agreement: true },
    answer: grant,
    token: appToken,
    tries: 1,
  });

/** Once by default: the connection asks this when it is refused, and asks again by itself. */
export const ownCredentials = (tries = 1) =>
  ask({ path: '/api/v1/accounts/verify_credentials', answer: ownAccount, tries });
export const updateProfile = (profile: { readonly display_name: string; readonly note: string }) =>
  ask({ method: 'PATCH', path: '/api/v1/accounts/update_credentials', body: profile, answer: ownAccount });
/** Ours, beside Mastodon's. */
export const changePassword = (body: { readonly current_password: string; readonly new_password: string }) =>
  ask({ method: 'POST', path: '/api/v1/accounts/change_password', body, answer: nothing, tries: 1 });
/** Ours, beside Mastodon's. */
export const deleteAccount = (password: string) =>
  ask({ method: 'POST', path: '/api/v1/accounts/delete', body: { password }, answer: nothing, tries: 1 });
