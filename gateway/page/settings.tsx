// Settings: one's profile, password, shortcuts, lists of the muted and blocked, and the ways out.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { changePassword, deleteAccount, updateProfile } from './api.ts';
import type { OwnAccount } from './entities.ts';
import { Field } from './field.tsx';
import { Form } from './form.tsx';
import { Heading } from './heading.tsx';
import { shortcutsOn } from './keyboard.ts';
import { notify } from './notice.ts';
import { confirmed } from './overlay.ts';
import type { Reply } from './server.ts';
import { learnAccount, leave } from './session.ts';
import { useStore } from './store.ts';
import { token } from './token.ts';

export function Settings({ account }: { readonly account: OwnAccount }): JSX.Element {
  return (
    <>
      <Heading title="Settings" />
      <div class="settings">
        <ProfileForm account={account} />
        <PasswordForm />
        <Keys />
        <section class="card" aria-label="Lists">
          <h2>Your lists</h2>
          <p class="state-links">
            <a class="button quiet" href="#/favourites">
              Favourites
            </a>
            <a class="button quiet" href="#/bookmarks">
              Bookmarks
            </a>
            <a class="button quiet" href="#/muted">
              Muted people
            </a>
            <a class="button quiet" href="#/blocked">
              Blocked people
            </a>
          </p>
        </section>
        <section class="card" aria-label="Log out">
          <h2>Log out</h2>
          <p>On this device. Other devices stay logged in.</p>
          <button type="button" class="quiet" onClick={() => void leave()}>
            Log out
          </button>
        </section>
        <DeleteForm account={account} />
      </div>
    </>
  );
}

function ProfileForm({ account }: { readonly account: OwnAccount }): JSX.Element {
  const [name, setName] = useState(account.display_name);
  const [note, setNote] = useState(account.source.note);
  const submit = async (): Promise<Reply<unknown>> => {
    const reply = await updateProfile({ display_name: name, note });
    if (reply.kind === 'done') {
      learnAccount(reply.value);
      notify('done', 'Your profile is saved.');
    }
    return reply;
  };
  return (
    <section class="card" aria-label="Profile">
      <h2>Profile</h2>
      <Form label="Profile" deed="Save" doing="Saving…" submit={submit}>
        <Field
          label="Display name"
          value={name}
          onValue={setName}
          hint={`Shown beside your handle, @${account.acct}.`}
          input={{ name: 'display_name', maxLength: 30, autocomplete: 'nickname' }}
        />
        <Field
          label="About you"
          value={note}
          onValue={setNote}
          hint={`${500 - [...note].length} characters left`}
          area={{ name: 'note', rows: 4, maxLength: 500 }}
        />
      </Form>
    </section>
  );
}

function PasswordForm(): JSX.Element {
  const [current, setCurrent] = useState('');
  const [wanted, setWanted] = useState('');
  const submit = async (): Promise<Reply<unknown>> => {
    const reply = await changePassword({ current_password: current, new_password: wanted });
    if (reply.kind === 'done') {
      setCurrent('');
      setWanted('');
      notify('done', 'Your password is changed. Other devices are logged out.');
    }
    return reply;
  };
  return (
    <section class="card" aria-label="Password">
      <h2>Password</h2>
      <Form label="Password" deed="Change password" doing="Changing…" submit={submit}>
        <Field
          label="Current password"
          value={current}
          onValue={setCurrent}
          input={{
            name: 'current_password',
            type: 'password',
            required: true,
            autocomplete: 'current-password',
          }}
        />
        <Field
          label="New password"
          value={wanted}
          onValue={setWanted}
          hint="At least 8 characters."
          input={{
            name: 'new_password',
            type: 'password',
            required: true,
            minLength: 8,
            autocomplete: 'new-password',
          }}
        />
      </Form>
    </section>
  );
}

function Keys(): JSX.Element {
  const on = useStore(shortcutsOn);
  return (
    <section class="card" aria-label="Keyboard">
      <h2>Keyboard</h2>
      <label class="tick">
        <input type="checkbox" checked={on} onChange={() => shortcutsOn.set(!on)} /> Shortcuts by single keys.
        Press <kbd>?</kbd> to see them.
      </label>
    </section>
  );
}

function DeleteForm({ account }: { readonly account: OwnAccount }): JSX.Element {
  const [password, setPassword] = useState('');
  const remove = async (): Promise<Reply<unknown>> => {
    const yes = await confirmed({
      title: `Delete @${account.acct} for good?`,
      words:
        'Your posts, follows and favourites go with it. Nobody can bring them back, and nobody can have your handle again.',
      deed: 'Delete my account',
    });
    if (!yes) return { kind: 'done', value: null, older: null };
    const reply = await deleteAccount(password);
    if (reply.kind === 'done') token.set(null);
    return reply;
  };
  return (
    <section class="card card-grave" aria-label="Delete account">
      <h2>Delete account</h2>
      <p>Everything you posted is deleted. This cannot be undone.</p>
      <Form label="Delete account" deed="Delete my account…" doing="Deleting…" submit={remove} grave>
        <Field
          label="Your password"
          value={password}
          onValue={setPassword}
          input={{ name: 'password', type: 'password', required: true, autocomplete: 'current-password' }}
        />
      </Form>
    </section>
  );
}
