// One's own account: what is told of it, changing it, its password, its end.
import type { Ask } from '../actors/messages.ts';
import { countCharacters, countGraphemes } from '../actors/text.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import { type ApiParts, callerAccount, get, patch, post } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { type Input, isRecord, readBool, readFilled, readRecord, readText } from './input.ts';
import { jsonAnswer } from './json-pieces.ts';
import { notFound, Refusal, validationFailed } from './refusal.ts';
import { renderCredentialAccount } from './render-account.ts';

type Profile = Ask<'editProfile'>;

const longest = { name: 30, note: 500, field: 255, password: 1000 };
const shortestPassword = 8;
const mostFields = 4;
const visibilities = ['public', 'unlisted', 'private', 'direct'] as const;

export function profileEndpoints({ fragments }: ApiParts): Endpoint[] {
  async function own(request: ApiRequest): Promise<ApiResponse> {
    const [account] = await fragments.accounts([callerAccount(request)], request.origin);
    if (!account) throw notFound();
    return jsonAnswer(renderCredentialAccount(account.row, request.origin));
  }

  async function update(request: ApiRequest): Promise<ApiResponse> {
    const account = callerAccount(request);
    await request.ask('editProfile', { account, ...readProfile(request.input) });
    fragments.changed({ statuses: [], accounts: [account] });
    return own(request);
  }

  async function changePassword(request: ApiRequest): Promise<ApiResponse> {
    const current = demandPassword(request.input, 'current_password');
    const next = demandPassword(request.input, 'new_password');
    if (countGraphemes(next) < shortestPassword) {
      throw validationFailed(`Password is too short (minimum is ${shortestPassword} characters)`);
    }
    const asked = { account: callerAccount(request), current, next, ip: request.neighbourhood };
    const keep = request.caller?.tokenId ?? null;
    checkPassword(await request.tryAsk('changePassword', { ...asked, keep }));
    return jsonAnswer({});
  }

  async function remove(request: ApiRequest): Promise<ApiResponse> {
    const account = callerAccount(request);
    const password = demandPassword(request.input, 'password');
    checkPassword(await request.tryAsk('deleteAccount', { account, password, ip: request.neighbourhood }));
    fragments.changed({ statuses: [], accounts: [account] });
    return jsonAnswer({});
  }

  return [
    get('/api/v1/accounts/verify_credentials', 'user', ['read:accounts', 'profile'], own),
    patch('/api/v1/accounts/update_credentials', 'user', ['write:accounts'], update),
    post('/api/v1/accounts/change_password', 'user', ['write:accounts'], changePassword),
    post('/api/v1/accounts/delete', 'user', ['write:accounts'], remove),
  ];
}

/** A wrong password is a mistake in the form. 401 would tell a client that its token is spent. */
function checkPassword(outcome: Outcome<unknown>): void {
  if (outcome.ok) return;
  if (outcome.rejection.code === 'unauthorized') throw validationFailed('The password is wrong');
  throw new Refusal(outcome.rejection);
}

function demandPassword(input: Input, name: string): string {
  const password = readText(input, name) ?? '';
  if (password === '') throw validationFailed(`${name} can't be blank`);
  if (password.length > longest.password)
    throw validationFailed(`${name} is too long (maximum is ${longest.password} characters)`);
  return password;
}

/** Null where nothing is to change. */
function readProfile(input: Input): Omit<Profile, 'account'> {
  for (const name of ['avatar', 'header']) {
    if (input[name] !== undefined && input[name] !== null && input[name] !== '') {
      throw validationFailed('Pictures are not supported here');
    }
  }
  // Nobody could answer a request to follow yet: a locked account would be open to all and not say so.
  if (readBool(input, 'locked') === true) throw validationFailed('Locked accounts are not supported here');
  const source = readRecord(input, 'source') ?? {};
  return {
    displayName: readShort(input, { name: 'display_name', shown: 'Display name', most: longest.name }),
    note: readShort(input, { name: 'note', shown: 'Note', most: longest.note }),
    bot: readBool(input, 'bot'),
    locked: readBool(input, 'locked'),
    discoverable: readBool(input, 'discoverable'),
    fields: readFields(input['fields_attributes']),
    visibility: readPrivacy(source),
    sensitive: readBool(source, 'sensitive'),
    language: readLanguage(source),
  };
}

function readShort(
  input: Input,
  { name, shown, most }: { name: string; shown: string; most: number },
): string | null {
  const text = readText(input, name)?.replace(/\r\n?/g, '\n').trim() ?? null;
  if (text === null) return null;
  const count = name === 'note' ? countCharacters : countGraphemes;
  // The second bound is of what travels: a character can be many units long.
  if (text.length > most * 4 || count(text) > most || (name === 'display_name' && text.length > 100)) {
    throw validationFailed(`${shown} is too long (maximum is ${most} characters)`);
  }
  return text;
}

/** A list of `{name, value}`, or a record of them by number, as forms send it. Both blank: no field. Null: not given. */
function readFields(given: unknown): Profile['fields'] {
  if (given === undefined || given === null) return null;
  const entries = Array.isArray(given) ? given : isRecord(given) ? Object.values(given) : null;
  if (entries === null) throw validationFailed('fields_attributes must be a list');
  const fields: { name: string; value: string }[] = [];
  for (const entry of entries) {
    if (!isRecord(entry)) throw validationFailed('fields_attributes must be a list of names and values');
    const name = (readText(entry, 'name') ?? '').trim();
    const value = (readText(entry, 'value') ?? '').trim();
    if (name === '' && value === '') continue;
    if (name === '') throw validationFailed('A profile field must have a name');
    if (name.length > longest.field || value.length > longest.field) {
      throw validationFailed(`A profile field is too long (maximum is ${longest.field} characters)`);
    }
    fields.push({ name, value });
  }
  if (fields.length > mostFields) throw validationFailed(`A profile may have ${mostFields} fields at most`);
  return fields;
}

function readPrivacy(source: Input): Profile['visibility'] {
  const asked = readFilled(source, 'privacy');
  if (asked === null) return null;
  const known = visibilities.find((visibility) => visibility === asked);
  if (known === undefined) throw validationFailed('Privacy must be public, unlisted, private or direct');
  return known;
}

function readLanguage(source: Input): string | null {
  const asked = readFilled(source, 'language');
  if (asked !== null && !/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,6})?$/.test(asked))
    throw validationFailed('Language is not a language code');
  return asked;
}
