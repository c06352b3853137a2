// What this server is and what it can do, as Mastodon tells it: clients decide by it what they offer. Also a person's own preferences.
import type { Answer } from '../actors/messages.ts';
import { mostCharacters, urlCharacters } from '../actors/text.ts';
import { callerAccount, get } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { jsonAnswer } from './json-pieces.ts';
import { notFound } from './refusal.ts';
import { hostOf } from './render-content.ts';

export interface InstanceOptions {
  /** Of the release: `0.1.0`. */
  version: string;
}

/** Clients read features off this: what Mastodon 4.2 has, or says that it has not. */
const mastodonVersion = '4.2.0';
const title = 'Murmuration';
const description = 'A real-time timeline server: posts reach their followers as they are written.';

/** What is not here yet is advertised as nothing, and refused with 422. */
const configuration = {
  accounts: {
    max_featured_tags: 0,
    max_pinned_statuses: 0,
    max_display_name_length: 30,
    max_note_length: 500,
    max_profile_fields: 4,
    profile_field_name_limit: 255,
    profile_field_value_limit: 255,
  },
  statuses: {
    max_characters: mostCharacters,
    max_media_attachments: 0,
    characters_reserved_per_url: urlCharacters,
  },
  media_attachments: {
    supported_mime_types: [],
    description_limit: 0,
    image_size_limit: 0,
    image_matrix_limit: 0,
    video_size_limit: 0,
    video_frame_rate_limit: 0,
    video_matrix_limit: 0,
  },
  polls: { max_options: 0, max_characters_per_option: 0, min_expiration: 0, max_expiration: 0 },
};

const languages = ['en'];
const versionOf = (release: string): string => `${mastodonVersion} (compatible; Murmuration ${release})`;

export function instanceEndpoints({ version }: InstanceOptions): Endpoint[] {
  async function first(request: ApiRequest): Promise<ApiResponse> {
    return jsonAnswer(
      renderInstanceV1(request.origin, versionOf(version), await request.ask('instance', {})),
    );
  }

  async function second(request: ApiRequest): Promise<ApiResponse> {
    return jsonAnswer(renderInstance(request.origin, versionOf(version), await request.ask('instance', {})));
  }

  const empty = async (): Promise<ApiResponse> => jsonAnswer([]);
  return [
    get('/api/v1/instance', 'none', [], first),
    get('/api/v2/instance', 'none', [], second),
    get('/api/v1/instance/peers', 'none', [], empty),
    get('/api/v1/instance/rules', 'none', [], empty),
    get('/api/v1/instance/activity', 'none', [], empty),
    get('/api/v1/instance/domain_blocks', 'none', [], empty),
    get('/api/v1/instance/translation_languages', 'none', [], async () => jsonAnswer({})),
    get('/api/v1/instance/extended_description', 'none', [], async () =>
      jsonAnswer({ updated_at: '2026-01-01T00:00:00.000Z', content: `<p>${description}</p>` }),
    ),
    get('/api/v1/preferences', 'user', ['read:accounts'], preferences),
  ];
}

/** In Mastodon's first form, which has only ever been added to. */
export function renderInstanceV1(origin: string, version: string, counts: Answer<'instance'>) {
  return {
    uri: hostOf(origin),
    title,
    short_description: description,
    description,
    email: contactOf(origin),
    version,
    urls: { streaming_api: streamingOf(origin) },
    stats: { user_count: counts.users, status_count: counts.statuses, domain_count: 1 },
    thumbnail: thumbnailOf(origin),
    languages,
    registrations: true,
    approval_required: false,
    invites_enabled: false,
    configuration,
    contact_account: null,
    rules: [],
  };
}

export function renderInstance(origin: string, version: string, counts: Answer<'instance'>) {
  return {
    domain: hostOf(origin),
    title,
    version,
    // There is no public address of the source; the server's own says as much.
    source_url: `${origin}/`,
    description,
    usage: { users: { active_month: counts.activeMonth } },
    thumbnail: { url: thumbnailOf(origin) },
    icon: [],
    languages,
    configuration: {
      urls: { streaming: streamingOf(origin) },
      ...configuration,
      translation: { enabled: false },
    },
    registrations: {
      enabled: true,
      approval_required: false,
      reason_required: false,
      message: null,
      url: `${origin}/auth/sign_up`,
    },
    // Mastodon counts from 1 with 4.3.
    api_versions: { mastodon: 0 },
    contact: { email: contactOf(origin), account: null },
    rules: [],
  };
}

/** `wss://example.org`. */
function streamingOf(origin: string): string {
  return origin.replace(/^http/, 'ws');
}

function thumbnailOf(origin: string): string {
  return `${origin}/headers/missing.png`;
}

/** Every mail domain has this mailbox. A host that cannot be one gets an address that plainly leads nowhere. */
function contactOf(origin: string): string {
  const hostname = URL.canParse(origin) ? new URL(origin).hostname : '';
  return `postmaster@${/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(hostname) ? hostname : 'example.invalid'}`;
}

async function preferences(request: ApiRequest): Promise<ApiResponse> {
  const { rows } = await request.ask('accounts', { ids: [callerAccount(request)] });
  const row = rows[0] ?? null;
  if (row === null) throw notFound();
  return jsonAnswer({
    'posting:default:visibility': row.visibility,
    'posting:default:sensitive': row.sensitive,
    'posting:default:language': row.language,
    'reading:expand:media': 'default',
    'reading:expand:spoilers': false,
  });
}
