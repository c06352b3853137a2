// Who is logged in on this page: their own account, kept so that the page knows them at once at the next visit.
import { grantToken, ownCredentials, revokeToken, scopes, signUp } from './api.ts';
import { forgetApplication, ownApplication, redirectUri, registered } from './application.ts';
import { type OwnAccount, ownAccount } from './entities.ts';
import { remember, remembered, rememberedJson, watchMemory } from './memory.ts';
import type { Reply } from './server.ts';
import { createStore } from './store.ts';
import { token } from './token.ts';

export type Session =
  | { readonly kind: 'anonymous' }
  /** There is a token, and the server has not yet said whose. */
  | { readonly kind: 'asking'; readonly words: string | null }
  | { readonly kind: 'person'; readonly account: OwnAccount };

export const session = createStore<Session>(initially());

export function ownId(): string | null {
  const current = session.get();
  return current.kind === 'person' ? current.account.id : null;
}

export function learnAccount(account: OwnAccount): void {
  remember('account', JSON.stringify(account));
  session.set({ kind: 'person', account });
}

/** Asks the server who this is. Without an answer, who is remembered stays. */
export async function confirmSession(): Promise<void> {
  if (token.get() === null) return;
  const reply = await ownCredentials(5);
  if (reply.kind === 'done') learnAccount(reply.value);
  else if (session.get().kind === 'asking') session.set({ kind: 'asking', words: reply.words });
}

export async function enter(accessToken: string): Promise<void> {
  token.set(accessToken);
  session.set({ kind: 'asking', words: null });
  await confirmSession();
}

/** A new person; they are logged in at once. */
export async function register(person: {
  readonly username: string;
  readonly password: string;
}): Promise<Reply<unknown>> {
  let appToken = await tokenForPage();
  if (appToken.kind === 'refused' && appToken.status === 401) {
    // The server has forgotten this page (its data are other data now): introduce it again, once.
    forgetApplication();
    appToken = await tokenForPage();
  }
  if (appToken.kind !== 'done') return appToken;
  const reply = await signUp(
    { ...person, locale: navigator.language.slice(0, 2) },
    appToken.value.access_token,
  );
  if (reply.kind === 'done') await enter(reply.value.access_token);
  return reply;
}

async function tokenForPage(): Promise<Reply<{ readonly access_token: string }>> {
  const application = await ownApplication();
  if (application.kind !== 'done') return application;
  return grantToken({
    grant_type: 'client_credentials',
    ...application.value,
    redirect_uri: redirectUri(),
    scope: scopes,
  });
}

/** Logs out. Even if the server cannot be told, this device forgets. */
export async function leave(): Promise<void> {
  const bearer = token.get();
  const application = registered();
  if (bearer !== null && application) await revokeToken({ token: bearer, ...application });
  token.set(null);
}

// However it came about, here or in another tab or at the server: everything on the page was theirs, so the page begins anew.
token.watch(() => {
  if (token.get() === null && session.get().kind !== 'anonymous') {
    remember('account', null);
    location.replace('/');
  }
});

// Somebody logged in or out in another tab: this one follows.
watchMemory('token', () => {
  if (remembered('token') !== token.get()) location.reload();
});

function initially(): Session {
  if (token.get() === null) return { kind: 'anonymous' };
  try {
    return { kind: 'person', account: ownAccount(rememberedJson('account'), '') };
  } catch {
    return { kind: 'asking', words: null };
  }
}
