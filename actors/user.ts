// The user: one actor an account. Its messages, and what each does; the parts are in the user-*.ts files beside it.
import type { AccountId } from '../runtime/account-id.ts';
import type { ActorBehaviour, Moment, PointReader, RuntimeMessage } from '../runtime/behaviours.ts';
import type { FactWrite } from '../runtime/fact.ts';
import { keyOf } from '../runtime/key.ts';
import { makeStatusId } from '../runtime/status-id.ts';
import { accountFact, accountRecord, clearedRecord, factKind, statusFact } from './facts.ts';
import type { Item } from './items.ts';
import type { Ask, Command } from './messages.ts';
import { statusRecord } from './status-record.ts';
import { deliver } from './user-delivery.ts';
import { finishBuild, readHome } from './user-home.ts';
import { packUser, stateFormat, unpackUser } from './user-packing.ts';
import { boost, deleteStatus, markStatus, publish, unboost } from './user-posting.ts';
import { adoptFollows, block, follow, mute, unblock, unfollow, unmute } from './user-relations.ts';
import { attach, catchUp, detach } from './user-sessions.ts';
import {
  agree,
  authorsOf,
  endMutes,
  loadUser,
  refuse,
  type UserEffect,
  type UserState,
} from './user-state.ts';

/** From the core's own services, never from a gateway. */
export type Internal =
  /** The account fact has just been written or deleted by the core. */
  | { kind: 'accountChanged'; account: AccountId; exists: boolean }
  /** Deletes the account: its facts become tombstones, the account's own first. */
  | { kind: 'retire'; account: AccountId };

export type UserMessage = Command | Internal;

function editProfile(
  state: UserState,
  ask: Ask<'editProfile'>,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const key = accountFact(state.account);
  const fact = read.fact(key);
  if (fact === null || fact.value === null) return [refuse(moment, 'not-found', 'Record not found')];
  if (ask.locked === true) {
    return [refuse(moment, 'invalid', 'Validation failed: Locked accounts are not supported')];
  }
  const now = accountRecord.decode(fact.value);
  const value = accountRecord.encode({
    ...now,
    displayName: ask.displayName ?? now.displayName,
    note: ask.note ?? now.note,
    bot: ask.bot ?? now.bot,
    discoverable: ask.discoverable ?? now.discoverable,
    fields: ask.fields ?? now.fields,
    visibility: ask.visibility ?? now.visibility,
    sensitive: ask.sensitive ?? now.sensitive,
    language: ask.language ?? now.language,
  });
  return [
    { kind: 'persist', writes: [{ key, value }], deletes: false, live: true },
    { kind: 'fence' },
    agree(moment),
  ];
}

function adopt(state: UserState, ask: Ask<'adopt'>, moment: Moment, read: PointReader): UserEffect[] {
  const { writes, effects, refused } = adoptFollows(state, ask.follows, moment, read);
  const follows = writes.length;
  for (const post of ask.posts) {
    const id = makeStatusId(post.ms, state.account, post.salt & 4095);
    if (read.fact(statusFact(id)) !== null) continue;
    state.lastStatusMs = Math.max(state.lastStatusMs, post.ms);
    const status = statusRecord.encode({
      kind: 'post',
      text: post.text,
      visibility: 'public',
      sensitive: false,
      spoiler: '',
      language: null,
      replyTo: null,
      mentions: [],
      app: null,
    });
    writes.push({ key: statusFact(id), value: status });
  }
  if (writes.length > follows) state.built = 'no';
  return [
    ...effects,
    { kind: 'persist', writes, deletes: false, live: false },
    agree(moment, { follows, posts: writes.length - follows, refused }),
  ];
}

function retire(state: UserState, moment: Moment): UserEffect[] {
  state.isGone = true;
  const writes: FactWrite[] = [
    { key: accountFact(state.account), value: null },
    { key: keyOf(state.account, factKind.credential), value: null },
  ];
  return [
    { kind: 'persist', writes, deletes: true, live: true },
    { kind: 'sweep', account: state.account },
    { kind: 'fence' },
    agree(moment),
  ];
}

function handleIdle(state: UserState): UserEffect[] {
  if (state.sessions.length > 0 || state.waiting.length > 0) return [];
  if (!state.isSubscribed) return [{ kind: 'stop' }];
  // Unsubscribes first: what comes afterwards is gathered when the actor starts again.
  state.isSubscribed = false;
  state.built = 'no';
  return [{ kind: 'unsubscribe', authors: authorsOf(state) }, { kind: 'stop' }];
}

function handle(
  state: UserState,
  message: UserMessage | RuntimeMessage<Item>,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  endMutes(state, moment.nowMs);
  switch (message.kind) {
    case 'deliver':
      return deliver(state, message, moment, read);
    case 'gathered':
      return state.catching.has(message.ticket)
        ? catchUp(state, message, moment, read)
        : finishBuild(state, message, moment, read);
    case 'idle':
      return handleIdle(state);
    case 'accountChanged':
      state.isGone = !message.exists;
      return [];
    case 'detach':
      detach(state, message);
      return [agree(moment)];
    default:
      return state.isGone
        ? [refuse(moment, 'unauthorized', 'The access token is invalid')]
        : handleCommand(state, message, moment, read);
  }
}

type Refusable = Exclude<UserMessage, { kind: 'accountChanged' | 'detach' }>;

function handleCommand(
  state: UserState,
  message: Refusable,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  switch (message.kind) {
    case 'home':
      return readHome(state, message, moment, read);
    case 'publish':
      return publish(state, message, moment, read);
    case 'deleteStatus':
      return deleteStatus(state, message, moment, read);
    case 'boost':
      return boost(state, message, moment, read);
    case 'unboost':
      return unboost(state, message, moment, read);
    case 'mark':
      return markStatus(state, message, moment, read);
    case 'follow':
      return follow(state, message, moment, read);
    case 'unfollow':
      return unfollow(state, message, moment);
    case 'block':
      return block(state, message, moment);
    case 'unblock':
      return unblock(state, message, moment);
    case 'mute':
      return mute(state, message, moment);
    case 'unmute':
      return unmute(state, message, moment);
    case 'editProfile':
      return editProfile(state, message, moment, read);
    case 'dismissNotification': {
      const key = keyOf(state.account, factKind.dismissed, message.id);
      return [{ kind: 'persist', writes: [{ key, value: [] }], deletes: true, live: true }, agree(moment)];
    }
    case 'clearNotifications': {
      const key = keyOf(state.account, factKind.cleared);
      const value = clearedRecord.encode({ upToMs: moment.nowMs });
      return [{ kind: 'persist', writes: [{ key, value }], deletes: true, live: true }, agree(moment)];
    }
    case 'attach':
      return attach(state, message, moment);
    case 'adopt':
      return adopt(state, message, moment, read);
    case 'retire':
      return retire(state, moment);
  }
}

/** What a message may write: posts and the like need room on the disk, deletes are taken to the last. */
function intent(message: UserMessage | RuntimeMessage<Item>): 'reads' | 'writes' | 'deletes' {
  switch (message.kind) {
    case 'publish':
    case 'boost':
    case 'follow':
    case 'block':
    case 'mute':
    case 'editProfile':
    case 'adopt':
      return 'writes';
    case 'mark':
      return message.on ? 'writes' : 'deletes';
    case 'deleteStatus':
    case 'unboost':
    case 'unfollow':
    case 'unblock':
    case 'unmute':
    case 'dismissNotification':
    case 'clearNotifications':
    case 'retire':
      return 'deletes';
    case 'deliver':
    case 'gathered':
    case 'idle':
    case 'accountChanged':
    case 'home':
    case 'attach':
    case 'detach':
      return 'reads';
  }
}

export const user: ActorBehaviour<UserState, UserMessage, Item> = {
  stateFormat,
  pack: packUser,
  migrate: unpackUser,
  load: loadUser,
  intent,
  receive: (state, message, moment, read) => [state, handle(state, message, moment, read)],
};
