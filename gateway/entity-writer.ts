// Entities in one string, from the rows that a core pushes: for streams. Lists are put together by status-view.ts instead.
import { renderAccount } from './render-account.ts';
import { renderNotificationHead, statusBegins } from './render-notification.ts';
import { renderStatus } from './render-status.ts';
import type { EntityWriter } from './streaming-event.ts';

/** What depends on the viewer has its default: a new post is not yet a favourite. */
const noFlags = 0;

export const entityWriter: EntityWriter = {
  status({ row, author, boosted, boostedAuthor }, origin) {
    const original =
      boosted === null || boostedAuthor === null ? null : { row: boosted, author: boostedAuthor };
    return renderStatus({ row, author, boosted: original }, origin, noFlags);
  },

  notification({ notification, account, status, author }, origin) {
    const head = renderNotificationHead(notification) + JSON.stringify(renderAccount(account, origin));
    if (status === null || author === null) return `${head}}`;
    return `${head}${statusBegins}${renderStatus({ row: status, author, boosted: null }, origin, noFlags)}}`;
  },
};
