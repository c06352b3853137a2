// The door: what this is, signing up, logging in, and a look around without either.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Field } from './field.tsx';
import { Form } from './form.tsx';
import { Heading } from './heading.tsx';
import { Mark } from './icon.tsx';
import { startUnseen } from './inbox.ts';
import { instance } from './instance.ts';
import { beginLogin } from './login.ts';
import { notify } from './notice.ts';
import type { Reply } from './server.ts';
import { register } from './session.ts';
import { useStore } from './store.ts';

export function Welcome(): JSX.Element {
  const { title, description, rules, registrations } = useStore(instance);
  return (
    <div class="welcome">
      <Heading title="Welcome" />
      <section class="welcome-words" aria-label="About">
        <Mark />
        <p class="welcome-title">{title}</p>
        <p class="welcome-lead">
          {description || 'Short posts from the people you follow, there the moment they are written.'}
        </p>
        <p class="state-links">
          <LoginButton />
          <a class="button quiet" href="#/public">
            Look around
          </a>
        </p>
      </section>
      {registrations.enabled ? (
        <SignUp rules={rules} />
      ) : (
        <p class="end">This server takes no new accounts at present.</p>
      )}
    </div>
  );
}

export function LoginButton(): JSX.Element {
  const [busy, setBusy] = useState(false);
  const press = async (): Promise<void> => {
    setBusy(true);
    const refusal = await beginLogin();
    if (!refusal) return;
    setBusy(false);
    notify('trouble', refusal.words);
  };
  return (
    <button type="button" class="quiet" aria-disabled={busy} onClick={() => void press()}>
      Log in
    </button>
  );
}

function SignUp({
  rules,
}: {
  readonly rules: readonly { readonly id: string; readonly text: string }[];
}): JSX.Element {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [seen, setSeen] = useState(false);
  const submit = async (): Promise<Reply<unknown>> => {
    const reply = await register({ username: username.trim(), password });
    if (reply.kind === 'done') startUnseen();
    return reply;
  };
  return (
    <section class="card" aria-label="Sign up">
      <h2>New here?</h2>
      <Form label="Sign up" deed="Sign up" doing="Signing up…" submit={submit}>
        <Field
          label="Handle"
          value={username}
          onValue={setUsername}
          hint="Letters, digits and _. Others mention you by it, and it stays yours."
          input={{
            name: 'username',
            required: true,
            maxLength: 30,
            pattern: '\\s*[A-Za-z0-9_]+\\s*',
            title: 'Letters, digits and _ only',
            autocomplete: 'username',
            autocapitalize: 'none',
            spellcheck: false,
          }}
        />
        <Field
          label="Password"
          value={password}
          onValue={setPassword}
          hint="At least 8 characters."
          input={{
            ...(seen ? { type: 'text' } : { type: 'password' }),
            name: 'password',
            required: true,
            minLength: 8,
            autocomplete: 'new-password',
          }}
        />
        <label class="tick">
          <input type="checkbox" checked={seen} onChange={() => setSeen(!seen)} /> Show the password
        </label>
        {rules.length > 0 && (
          <details class="rules">
            <summary>By signing up you agree to the rules of this server</summary>
            <ol>
              {rules.map(({ id, text }) => (
                <li key={id}>{text}</li>
              ))}
            </ol>
          </details>
        )}
      </Form>
    </section>
  );
}
