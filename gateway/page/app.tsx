// The page's entry: who is here, what they look at, and the live connection while somebody is logged in.
import { render } from 'preact';
import { attendHomeLinks, homeFeed } from './home-feed.ts';
import { loadInbox } from './inbox.ts';
import { learnInstance } from './instance.ts';
import { attendKeyboard } from './keyboard.ts';
import { startLive } from './live.ts';
import { finishLogin } from './login.ts';
import { notify } from './notice.ts';
import { parseRoute } from './route.ts';
import { confirmSession, enter, session } from './session.ts';
import { Shell } from './shell.tsx';
import { token } from './token.ts';
import { amend, followAddress } from './visit.ts';

/** The socket, once open, has home read; this long it may take before home is read without it. */
const patienceMs = 700;

let begun = false;

/** Begins with the first sight of a person. It ends with the page: who leaves begins it anew. */
function beginSession(): void {
  if (begun || session.get().kind === 'anonymous' || token.get() === null) return;
  begun = true;
  startLive();
  setTimeout(() => {
    if (!homeFeed.begun()) void homeFeed.load();
  }, patienceMs);
  // What the inbox keeps as seen belongs to a person, so it waits until that is known.
  const read = (): void => {
    if (session.get().kind !== 'person') return;
    unwatch();
    void loadInbox();
  };
  const unwatch = session.watch(read);
  read();
}

async function begin(): Promise<void> {
  followAddress();
  attendKeyboard();
  attendHomeLinks();
  session.watch(beginSession);
  const root = document.getElementById('app');
  if (root) render(<Shell />, root);
  const returned = await finishLogin();
  // Back to where one was when one went to log in.
  if (returned.kind !== 'none') amend(parseRoute(location.hash));
  if (returned.kind === 'failed') notify('trouble', returned.words);
  if (returned.kind === 'token') await enter(returned.token);
  else {
    beginSession();
    await confirmSession();
  }
}

void learnInstance();
void begin();
