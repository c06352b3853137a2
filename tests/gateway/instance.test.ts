// What the server says of itself: both instance forms, nodeinfo, preferences, each held against Mastodon's shapes.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instanceEndpoints } from '../../gateway/instance-endpoints.ts';
import { nodeinfoEndpoints } from '../../gateway/nodeinfo-endpoints.ts';
import { type ApiServer, type Person, startApi } from './api-server.ts';

let api: ApiServer;
let ann: Person;

beforeAll(async () => {
  const version = '1.2.3';
  api = await startApi({ endpoints: [...instanceEndpoints({ version }), ...nodeinfoEndpoints({ version })] });
  ann = await api.person('ann');
  await api.post(ann, 'one post');
});

afterAll(async () => {
  await api.close();
  expect(api.faults).toEqual([]);
});

test('the instance is told in both forms, with and without a slash at the end', async () => {
  for (const end of ['', '/']) {
    const first = await api.json('GET', `/api/v1/instance${end}`, { shape: 'V1Instance' });
    expect(first).toMatchObject({
      uri: new URL(api.url).host,
      version: '4.2.0 (compatible; Murmuration 1.2.3)',
      urls: { streaming_api: api.url.replace('http', 'ws') },
      stats: { user_count: 1, status_count: 1 },
      registrations: true,
      contact_account: null,
    });
    const second = await api.json('GET', `/api/v2/instance${end}`, { shape: 'Instance' });
    expect(second).toMatchObject({
      domain: new URL(api.url).host,
      version: '4.2.0 (compatible; Murmuration 1.2.3)',
      usage: { users: { active_month: 1 } },
      configuration: {
        urls: { streaming: api.url.replace('http', 'ws') },
        statuses: { max_characters: 500, max_media_attachments: 0, characters_reserved_per_url: 23 },
        media_attachments: { supported_mime_types: [] },
        polls: { max_options: 0 },
        translation: { enabled: false },
      },
      rules: [],
    });
  }
});

test('links are those of the host that was asked, or of the public address', async () => {
  const other = await startApi({
    endpoints: instanceEndpoints({ version: '1.2.3' }),
    settings: { publicUrl: 'https://birds.example' },
  });
  const told = await other.json('GET', '/api/v2/instance', { shape: 'Instance' });
  expect(told).toMatchObject({
    domain: 'birds.example',
    configuration: { urls: { streaming: 'wss://birds.example' } },
    contact: { email: 'postmaster@birds.example' },
  });
  await other.close();
});

test('what there is none of is told as empty', async () => {
  for (const part of ['peers', 'rules', 'activity', 'domain_blocks']) {
    expect(await api.json('GET', `/api/v1/instance/${part}`)).toEqual([]);
  }
  expect(await api.json('GET', '/api/v1/instance/translation_languages')).toEqual({});
  await api.ask('GET', '/api/v1/instance/extended_description', { shape: 'ExtendedDescription' });
});

test('nodeinfo is found by its well-known address', async () => {
  const { links } = await api.json<{ links: { rel: string; href: string }[] }>(
    'GET',
    '/.well-known/nodeinfo',
  );
  expect(links).toEqual([
    { rel: 'http://nodeinfo.diaspora.software/ns/schema/2.0', href: `${api.url}/nodeinfo/2.0` },
  ]);
  expect(await api.json('GET', '/nodeinfo/2.0')).toMatchObject({
    version: '2.0',
    software: { name: 'murmuration', version: '1.2.3' },
    openRegistrations: true,
    usage: { users: { total: 1, activeMonth: 1 }, localPosts: 1 },
  });
});

test("preferences are the account's own defaults, and nobody else's business", async () => {
  const { token } = ann;
  expect(await api.json('GET', '/api/v1/preferences', { token, shape: 'Preferences' })).toEqual({
    'posting:default:visibility': 'public',
    'posting:default:sensitive': false,
    'posting:default:language': null,
    'reading:expand:media': 'default',
    'reading:expand:spoilers': false,
  });
  const source = { privacy: 'private', sensitive: true, language: 'de' };
  await api.ask('PATCH', '/api/v1/accounts/update_credentials', { token, body: { source } });
  expect(await api.json('GET', '/api/v1/preferences', { token, shape: 'Preferences' })).toMatchObject({
    'posting:default:visibility': 'private',
    'posting:default:sensitive': true,
    'posting:default:language': 'de',
  });
  await api.ask('GET', '/api/v1/preferences', { status: 401 });
});
