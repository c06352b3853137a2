// Notifications as Mastodon's entity, around an account and a status that are rendered already. Pure.
import type { NotificationRow } from '../actors/messages.ts';

/** Up to the account. */
export function renderNotificationHead({ id, kind, createdMs }: NotificationRow): string {
  const fields = {
    id,
    type: kind,
    created_at: new Date(createdMs).toISOString(),
    group_key: `ungrouped-${id}`,
  };
  return `${JSON.stringify(fields).slice(0, -1)},"account":`;
}

/** What stands between the account and the status of a notification that has one. */
export const statusBegins = ',"status":';
