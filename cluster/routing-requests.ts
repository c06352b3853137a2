// To which core each kind of request goes, and whether it may be asked again when nobody knows what became of it. Declared once, here.
import type { Ask, RequestKind } from '../actors/messages.ts';
import { type AccountId, parseAccountId, serverAccount } from '../runtime/account-id.ts';
import { accountIdOf } from '../runtime/handle.ts';
import { accountOfNeed } from '../runtime/reading.ts';
import { statusAuthor } from '../runtime/status-id.ts';
import type { Counted } from './core-client.ts';
import { readSecret } from './core-secrets.ts';

/** Whom a request is about: its *principal*. */
export type Target =
  /** The core that serves this account. */
  | { to: 'account'; account: AccountId }
  /** Each the core of its own account: one account an item of the request. */
  | { to: 'accounts'; accounts: AccountId[] }
  /** Whichever is up: it asks the others itself. */
  | { to: 'any' }
  /** Each that is up: one answer of all theirs. */
  | { to: 'every' }
  /** The core of this machine; where there is none, any. */
  | { to: 'own' };

export interface Routing<K extends RequestKind> {
  target(ask: Ask<K>, counted: Counted | undefined): Target;
  /** Asking twice is asking once. */
  isRepeatable(ask: Ask<K>): boolean;
}

const any: Target = { to: 'any' };
const own: Target = { to: 'own' };
const every: Target = { to: 'every' };
const at = (account: AccountId): Target => ({ to: 'account', account });
const each = (accounts: AccountId[]): Target => ({ to: 'accounts', accounts });
const atOrAny = (account: AccountId | null): Target => (account === null ? any : at(account));

const repeatable = () => true;
const once = () => false;
type TargetOf<K extends RequestKind> = Routing<K>['target'];
const read = <K extends RequestKind>(target: TargetOf<K>): Routing<K> => ({
  target,
  isRepeatable: repeatable,
});
const write = <K extends RequestKind>(target: TargetOf<K>): Routing<K> => ({ target, isRepeatable: once });

const atAccount = ({ account }: { account: AccountId }): Target => at(account);
const atViewer = ({ viewer }: { viewer: AccountId }): Target => at(viewer);
const atViewerOrAny = ({ viewer }: { viewer: AccountId | null }): Target => atOrAny(viewer);
const atId = ({ id }: { id: AccountId }): Target => at(id);
const atServer = (): Target => at(serverAccount);
const atHandle = ({ handle }: { handle: string }): Target => at(accountOfHandle(handle));
/** A text that is no secret of ours is refused wherever it is asked for. */
const atSecret = (secret: string): Target => atOrAny(readSecret(secret)?.account ?? null);

export const routings: { readonly [K in RequestKind]: Routing<K> } = {
  accounts: read(({ ids }) => each(ids)),
  statuses: read(({ ids }) => each(ids.map(statusAuthor))),
  judge: read(({ viewer, ids }) => (viewer === null ? each(ids.map(statusAuthor)) : at(viewer))),
  authorStatuses: read(({ author, viewer }) => at(viewer ?? author)),
  publicTimeline: read(atViewerOrAny),
  replies: read(({ id }) => at(statusAuthor(id))),
  relationships: read(atViewer),
  followers: read(atId),
  following: read(atId),
  blocked: read(atId),
  muted: read(atId),
  favouritedBy: read(({ id, viewer }) => at(viewer ?? statusAuthor(id))),
  boostedBy: read(({ id, viewer }) => at(viewer ?? statusAuthor(id))),
  marked: read(atViewer),
  notifications: read(atViewer),
  searchAccounts: read(atViewerOrAny),
  searchStatuses: read(atViewerOrAny),
  searchTags: read(() => any),
  instance: read(() => every),

  home: read(atAccount),
  publish: { target: atAccount, isRepeatable: (ask) => ask.once !== null },
  deleteStatus: write(atAccount),
  boost: write(atAccount),
  unboost: write(atAccount),
  mark: write(atAccount),
  follow: write(atAccount),
  unfollow: write(atAccount),
  block: write(atAccount),
  unblock: write(atAccount),
  mute: write(atAccount),
  unmute: write(atAccount),
  editProfile: write(atAccount),
  dismissNotification: write(atAccount),
  clearNotifications: write(atAccount),
  attach: write(atAccount),
  detach: write(atAccount),
  adopt: write(atAccount),

  admit: read((_ask, counted) => atOrAny(payerOf(counted))),
  signUp: write(atHandle),
  logIn: write(atHandle),
  changePassword: write(atAccount),
  deleteAccount: write(atAccount),
  createApp: write(atServer),
  app: read(atServer),
  createCode: write(atAccount),
  takeCode: write(({ code }) => atSecret(code)),
  createToken: write(({ account }) => at(account ?? serverAccount)),
  authenticate: read(({ token }) => atSecret(token)),
  revoke: write(({ token }) => atSecret(token)),
  adoptAccounts: write(({ handles }) => each(handles.map(accountIdOf))),
  issueToken: write(atHandle),
  setPassword: write(atHandle),
  backup: write(() => own),
  status: read(() => own),
  metrics: read(() => own),

  records: read(({ needs }) => each(needs.map(accountOfNeed))),
  listings: read(() => every),
  newest: read(({ authors }) => each(authors)),

  cluster: write(() => own),
};

/** Whose limit counts a request: a token's id begins with its account. */
export function payerOf(counted: Counted | undefined): AccountId | null {
  return counted === undefined ? null : parseAccountId(counted.limitKey.split('.', 1)[0] ?? '');
}

/** As people write it: with an `@`, with a server. The core reads it the same way. */
function accountOfHandle(handle: string): AccountId {
  return accountIdOf(handle.trim().replace(/^@/, '').replace(/@.*$/, ''));
}
