// Posting. What is not supported is refused here, in words; the core checks the rest once more.
import { createHash } from 'node:crypto';
import type { Mention, Visibility } from '../actors/facts.ts';
import type { Ask } from '../actors/messages.ts';
import { countCharacters, countGraphemes, mentionsOf, mostCharacters } from '../actors/text.ts';
import { accountIdOf, handleForm } from '../runtime/handle.ts';
import { parseStatusId, type StatusId } from '../runtime/status-id.ts';
import { type ApiParts, callerAccount, post, present, viewingOf } from './api-parts.ts';
import { type AppNames, createAppNames } from './app-names.ts';
import { ApiError, type ApiRequest, type ApiResponse, type Caller, type Endpoint } from './endpoint.ts';
import { type Input, readBool, readFilled, readText, readTexts } from './input.ts';
import { notFound, validationFailed } from './refusal.ts';
import { hostOf } from './render-content.ts';
import { statusAnswer } from './status-endpoints.ts';

const visibilities = ['public', 'unlisted', 'private', 'direct'] as const satisfies readonly Visibility[];
const mostMentions = 100;
/** In UTF-16 units: what travels to the core. A text of 500 characters may be longer than that by its links alone. */
const mostTextUnits = 20_000;
const mostSpoilerUnits = 2000;
const languageForm = /^[a-z]{2,3}(?:-[A-Za-z0-9]{2,6})?$/;

export function postingEndpoints(parts: ApiParts): Endpoint[] {
  const { view, fragments } = parts;
  const apps = createAppNames(parts.client);

  async function publish(request: ApiRequest): Promise<ApiResponse> {
    const account = callerAccount(request);
    refuseUnsupported(request.input);
    const { text, spoiler } = readTextOf(request.input);
    const [replyTo, mentions, app] = await Promise.all([
      readReplyTo(request),
      resolveMentions(text, request.origin),
      appOf(request.caller, apps),
    ]);
    const { losses } = fragments;
    const { id, repeated, row, author } = await request.ask('publish', {
      account,
      text,
      spoiler,
      visibility: readVisibility(request.input),
      sensitive: readBool(request.input, 'sensitive'),
      language: readLanguage(request.input),
      replyTo,
      mentions,
      app,
      once: onceOf(request),
    });
    if (row === null || author === null) throw notFound();
    fragments.hold({ status: row, author, losses });
    if (replyTo !== null) fragments.changed({ statuses: [replyTo], accounts: [] });
    // What was just written is the author's to see, and marked by nobody; an answer given again may be old.
    const seen = await view.see([id], viewingOf(request), repeated ? undefined : Uint8Array.of(0));
    const [first] = seen;
    if (first === undefined) throw notFound();
    return statusAnswer(first, request);
  }

  async function readReplyTo(request: ApiRequest): Promise<StatusId | null> {
    const given = readFilled(request.input, 'in_reply_to_id');
    if (given === null) return null;
    const id = parseStatusId(given);
    const seen = id === null ? null : await view.seeOne(id, viewingOf(request));
    if (seen === null) throw new ApiError(404, 'The status that this answers is not there');
    return (seen.boosted ?? seen).post.row.id;
  }

  /** Those of the named who exist. */
  async function resolveMentions(text: string, origin: string): Promise<Mention[]> {
    const handles = mentionsOf(text, { host: hostOf(origin) }).filter((handle) => handleForm.test(handle));
    if (handles.length > mostMentions)
      throw validationFailed(`At most ${mostMentions} people can be mentioned`);
    if (handles.length === 0) return [];
    const named = new Set(handles.map((handle) => handle.toLowerCase()));
    const found = present(await fragments.accounts(handles.map(accountIdOf), origin));
    return found
      .filter(({ row }) => named.has(row.handle.toLowerCase()))
      .map(({ row }) => ({ account: row.id, handle: row.handle }));
  }

  return [post('/api/v1/statuses', 'user', ['write:statuses'], publish)];
}

function refuseUnsupported(input: Input): void {
  if (readTexts(input, 'media_ids', 100).length > 0)
    throw validationFailed('Media attachments are not supported here');
  if (isGiven(input['poll'])) throw validationFailed('Polls are not supported here');
  if (isGiven(input['scheduled_at'])) throw validationFailed('Scheduled posts are not supported here');
  for (const name of ['quoted_status_id', 'quote_id']) {
    if (isGiven(input[name])) throw validationFailed('Quotes are not supported here');
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== false;
}

/** A content warning alone is the text. */
function readTextOf(input: Input): { text: string; spoiler: string } {
  const written = cleaned(readText(input, 'status'));
  const warning = cleaned(readText(input, 'spoiler_text'));
  const [text, spoiler] = written === '' ? [warning, ''] : [written, warning];
  if (text === '') throw validationFailed("Text can't be blank");
  const fits = text.length <= mostTextUnits && spoiler.length <= mostSpoilerUnits;
  if (!fits || countCharacters(text) + countGraphemes(spoiler) > mostCharacters) {
    throw validationFailed(`Text is longer than the limit of ${mostCharacters} characters`);
  }
  return { text, spoiler };
}

function cleaned(text: string | null): string {
  return (text ?? '').replace(/\r\n?/g, '\n').trim();
}

function readVisibility(input: Input): Visibility | null {
  const asked = readFilled(input, 'visibility');
  if (asked === null) return null;
  const known = visibilities.find((visibility) => visibility === asked);
  if (known === undefined) throw validationFailed('Visibility must be public, unlisted, private or direct');
  return known;
}

/** What is no language counts as absent, as with Mastodon. */
function readLanguage(input: Input): string | null {
  const asked = readFilled(input, 'language');
  return asked !== null && languageForm.test(asked) ? asked : null;
}

async function appOf(caller: Caller | null, apps: AppNames): Promise<Ask<'publish'>['app']> {
  return caller === null || caller.clientId === '' ? null : apps.of(caller.clientId);
}

/** The same key by the same token is the same post. Keys may be of any length: their hash is not. */
function onceOf(request: ApiRequest): string | null {
  const key = request.header('idempotency-key') ?? '';
  if (key === '' || request.caller === null) return null;
  return `${request.caller.tokenId} ${createHash('sha256').update(key).digest('base64url')}`;
}
