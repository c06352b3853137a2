// Cuts what a core pushes into messages that fit a frame. Putting ticks together again is link-connection.ts's.
import type { Changed, Pushed, StatusRow, Tick } from '../actors/messages.ts';
import { frameGoalBytes } from './link-frame.ts';
import { fromCore, itemsAtOnce } from './link-messages.ts';

const idsAtOnce = 10_000;

/** Posts a tick: its parts first, the cursor with the last. `about` is the size in bytes, roughly and rather too much. */
export function postTick(tick: Tick, post: (message: unknown, about: number) => void): void {
  let items: Pushed[] = [];
  let about = 100;
  for (const item of tick.items) {
    const itemAbout = aboutItem(item);
    if (items.length === itemsAtOnce || (items.length > 0 && about + itemAbout > frameGoalBytes)) {
      post(fromCore.encode({ kind: 'tickPart', items }), about);
      items = [];
      about = 100;
    }
    items.push(item);
    about += itemAbout;
  }
  post(fromCore.encode({ kind: 'tick', items, cursor: tick.cursor }), about);
}

/** Posts changes, in several messages when they are many. Nothing for none. */
export function postChanged(changed: Changed, post: (message: unknown, about: number) => void): void {
  const { statuses, accounts, tokens } = changed;
  const deleted = changed.deleted ?? [];
  const longest = Math.max(statuses.length, accounts.length, tokens.length, deleted.length);
  for (let from = 0; from < longest; from += idsAtOnce) {
    const to = from + idsAtOnce;
    const part = {
      statuses: statuses.slice(from, to),
      accounts: accounts.slice(from, to),
      tokens: tokens.slice(from, to),
      deleted: deleted.slice(from, to),
    };
    const ids = part.statuses.length + part.deleted.length;
    const about = 100 + ids * 14 + part.accounts.length * 9 + part.tokens.length * 60;
    post(fromCore.encode({ kind: 'changed', ...part }), about);
  }
}

function aboutItem(item: Pushed): number {
  switch (item.kind) {
    case 'update':
      return (
        1000 + item.sessions.length + aboutRow(item.row) + aboutRow(item.boosted) + item.topics.length * 50
      );
    case 'deleted':
      return 100 + item.sessions.length + item.topics.length * 50;
    case 'notified':
      return 1000 + item.sessions.length + aboutRow(item.status);
    case 'resync':
      return 100 + item.sessions.length;
  }
}

function aboutRow(row: StatusRow | null): number {
  return row === null ? 0 : 300 + 3 * (row.text.length + row.spoiler.length) + row.mentions.length * 50;
}
