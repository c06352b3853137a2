// Every endpoint of the documented API, called on a real server of real processes: each answer is held against Mastodon's schema.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkShape, checkViewer } from '../support/schema.ts';
import { type Server, startServer } from '../support/server.ts';
import type { Entity } from './api-server.ts';

type Who = 'nobody' | 'app' | 'alice' | 'bob';

type Body = Record<string, unknown> | string;

interface Call {
  as: Who;
  /** `GET /api/v1/statuses/:status`: names are filled in by what was made before. */
  request: string;
  body?: Body | (() => Body);
  /** Entity, `Entity[]`, or a check of its own for what the schema has no name for. */
  answer: string | ((body: Entity) => void);
  status?: number;
}

const redirectUri = 'urn:ietf:wg:oauth:2.0:oob';
const scopes = 'read write follow push';
const none = (body: Entity): void => expect(body).toEqual([]);
const nothing = (body: Entity): void => expect(body).toEqual({});
const page = (body: Entity): void => expect(body).toMatch(/^<!doctype html>/i);

let server: Server;
const tokens: Record<Who, string> = { nobody: '', app: '', alice: '', bob: '' };
const names: Record<string, string> = {};

beforeAll(async () => {
  server = await startServer({ args: ['--log-level', 'warn'] });
  const app = await call('POST', '/api/v1/apps', 'nobody', {
    client_name: 'Every',
    redirect_uris: redirectUri,
    scopes,
  });
  names['clientId'] = app.body.client_id;
  names['clientSecret'] = app.body.client_secret;
  const client = {
    client_id: app.body.client_id,
    client_secret: app.body.client_secret,
    redirect_uri: redirectUri,
  };
  tokens.app = (
    await call('POST', '/oauth/token', 'nobody', {
      ...client,
      grant_type: 'client_credentials',
      scope: scopes,
    })
  ).body.access_token;
  for (const who of ['alice', 'bob'] as const) {
    const person = {
      username: who,
      email: `${who}@example.org`,
      password: 'correct horse',
      agreement: true,
      locale: 'en',
    };
    tokens[who] = (await call('POST', '/api/v1/accounts', 'app', person)).body.access_token;
    names[who] = (await call('GET', '/api/v1/accounts/verify_credentials', who)).body.id;
  }
  await call('POST', `/api/v1/accounts/${names['alice']}/follow`, 'bob');
  names['status'] = (
    await call('POST', '/api/v1/statuses', 'alice', { status: 'Hello @bob, #everything https://example.org' })
  ).body.id;
  names['mine'] = (
    await call('POST', '/api/v1/statuses', 'bob', { status: '@alice hello', in_reply_to_id: names['status'] })
  ).body.id;
  names['notification'] = (await call('GET', '/api/v1/notifications', 'alice')).body[0].id;
});
afterAll(() => server.stop());

async function call(method: string, path: string, who: Who, body?: Body) {
  const answer = await fetch(server.url + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(tokens[who] === '' ? {} : { authorization: `Bearer ${tokens[who]}` }),
      ...(body === undefined
        ? {}
        : {
            'content-type':
              typeof body === 'string' ? 'application/x-www-form-urlencoded' : 'application/json',
          }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = (answer.headers.get('content-type') ?? '').startsWith('application/json');
  return {
    status: answer.status,
    headers: answer.headers,
    body: (isJson ? JSON.parse(text) : text) as Entity,
  };
}

function filled(text: string): string {
  return text.replace(/:([a-zA-Z]+)(?=[/?&]|$)/g, (whole, name: string) => names[name] ?? whole);
}

const revocation = (): Body => ({
  token: tokens.alice,
  client_id: names['clientId'],
  client_secret: names['clientSecret'],
});

/** In this order: what one makes, the next may need. */
const calls: Call[] = [
  // Login
  { as: 'nobody', request: 'GET /api/v1/instance', answer: 'V1Instance' },
  { as: 'nobody', request: 'GET /api/v1/instance/', answer: 'V1Instance' },
  { as: 'nobody', request: 'GET /api/v2/instance', answer: 'Instance' },
  {
    as: 'nobody',
    request: 'POST /api/v1/apps',
    body: { client_name: 'A', redirect_uris: [redirectUri, 'myapp://x'], scopes: 'read' },
    answer: 'CredentialApplication',
  },
  {
    as: 'nobody',
    request: 'POST /api/v1/apps',
    body: 'client_name=A&redirect_uris=urn:ietf:wg:oauth:2.0:oob&website=',
    answer: 'CredentialApplication',
  },
  { as: 'nobody', request: 'POST /api/v1/apps', body: {}, answer: 'Error', status: 422 },
  { as: 'app', request: 'GET /api/v1/apps/verify_credentials', answer: 'Application' },
  { as: 'alice', request: 'GET /api/v1/apps/verify_credentials', answer: 'Application' },
  { as: 'nobody', request: 'GET /api/v1/apps/verify_credentials', answer: 'Error', status: 401 },
  {
    as: 'nobody',
    request: 'GET /.well-known/oauth-authorization-server',
    answer: (body) => expect(body.token_endpoint).toMatch(/\/oauth\/token$/),
  },
  {
    as: 'nobody',
    request: 'GET /.well-known/nodeinfo',
    answer: (body) => expect(body.links[0].href).toMatch(/\/nodeinfo\/2.0$/),
  },
  {
    as: 'nobody',
    request: 'GET /nodeinfo/2.0',
    answer: (body) =>
      expect(body).toMatchObject({ version: '2.0', protocols: expect.any(Array), usage: { users: {} } }),
  },
  {
    as: 'nobody',
    request: `GET /oauth/authorize/?response_type=code&client_id=:clientId&redirect_uri=${redirectUri}&scope=read`,
    answer: page,
  },
  {
    as: 'nobody',
    request: 'POST /oauth/token',
    body: { grant_type: 'authorization_code', code: 'wrong' },
    answer: 'Error',
    status: 401,
  },
  {
    as: 'app',
    request: 'POST /api/v1/accounts',
    body: { username: 'alice', password: 'x' },
    answer: 'Error',
    status: 422,
  },
  {
    as: 'nobody',
    request: 'POST /api/v1/accounts',
    body: { username: 'carl', password: 'correct horse' },
    answer: 'Error',
    status: 401,
  },
  { as: 'alice', request: 'GET /api/v1/accounts/verify_credentials', answer: 'CredentialAccount' },
  { as: 'app', request: 'GET /api/v1/accounts/verify_credentials', answer: 'Error', status: 422 },
  {
    as: 'alice',
    request: 'PATCH /api/v1/accounts/update_credentials',
    body: { display_name: 'Alice' },
    answer: 'CredentialAccount',
  },
  {
    as: 'alice',
    request: 'PATCH /api/v1/accounts/update_credentials',
    body: { locked: true },
    answer: 'Error',
    status: 422,
  },
  { as: 'alice', request: 'GET /api/v1/preferences', answer: 'Preferences' },
  // Timelines
  { as: 'bob', request: 'GET /api/v1/timelines/home', answer: 'Status[]' },
  { as: 'nobody', request: 'GET /api/v1/timelines/home', answer: 'Error', status: 401 },
  { as: 'nobody', request: 'GET /api/v1/timelines/public?local=true', answer: 'Status[]' },
  { as: 'bob', request: 'GET /api/v1/timelines/public?limit=', answer: 'Status[]' },
  { as: 'nobody', request: 'GET /api/v1/timelines/tag/everything', answer: 'Status[]' },
  // Statuses
  {
    as: 'alice',
    request: 'POST /api/v1/statuses',
    body: { status: 'one more', visibility: 'unlisted', spoiler_text: 'cw', language: 'en' },
    answer: 'Status',
  },
  { as: 'alice', request: 'POST /api/v1/statuses', body: { status: '' }, answer: 'Error', status: 422 },
  {
    as: 'alice',
    request: 'POST /api/v1/statuses',
    body: { status: 'x', media_ids: ['1'] },
    answer: 'Error',
    status: 422,
  },
  { as: 'nobody', request: 'GET /api/v1/statuses/:status', answer: 'Status' },
  { as: 'bob', request: 'GET /api/v1/statuses/:status', answer: 'Status' },
  { as: 'bob', request: 'GET /api/v1/statuses/1', answer: 'Error', status: 404 },
  { as: 'bob', request: 'GET /api/v1/statuses/:status/context', answer: 'Context' },
  { as: 'nobody', request: 'GET /api/v1/statuses/:mine/context', answer: 'Context' },
  { as: 'bob', request: 'POST /api/v1/statuses/:status/favourite', answer: 'Status' },
  { as: 'bob', request: 'POST /api/v1/statuses/:status/bookmark', answer: 'Status' },
  { as: 'bob', request: 'POST /api/v1/statuses/:status/reblog', answer: 'Status' },
  { as: 'bob', request: 'POST /api/v1/statuses/1/favourite', answer: 'Error', status: 404 },
  { as: 'nobody', request: 'GET /api/v1/statuses/:status/favourited_by', answer: 'Account[]' },
  { as: 'nobody', request: 'GET /api/v1/statuses/:status/reblogged_by', answer: 'Account[]' },
  { as: 'bob', request: 'GET /api/v1/timelines/home', answer: 'Status[]' },
  { as: 'bob', request: 'GET /api/v1/favourites', answer: 'Status[]' },
  { as: 'bob', request: 'GET /api/v1/bookmarks', answer: 'Status[]' },
  { as: 'bob', request: 'POST /api/v1/statuses/:status/unfavourite', answer: 'Status' },
  { as: 'bob', request: 'POST /api/v1/statuses/:status/unbookmark', answer: 'Status' },
  { as: 'bob', request: 'POST /api/v1/statuses/:status/unreblog', answer: 'Status' },
  { as: 'alice', request: 'DELETE /api/v1/statuses/:mine', answer: 'Error', status: 404 },
  // Accounts
  { as: 'nobody', request: 'GET /api/v1/accounts/:alice', answer: 'Account' },
  { as: 'nobody', request: 'GET /api/v1/accounts/1', answer: 'Error', status: 404 },
  { as: 'nobody', request: 'GET /api/v1/accounts/lookup?acct=alice', answer: 'Account' },
  { as: 'nobody', request: 'GET /api/v1/accounts/lookup?acct=zed', answer: 'Error', status: 404 },
  { as: 'bob', request: 'GET /api/v1/accounts/search?q=ali', answer: 'Account[]' },
  { as: 'bob', request: 'GET /api/v1/accounts/relationships?id[]=:alice', answer: 'Relationship[]' },
  { as: 'nobody', request: 'GET /api/v1/accounts/:alice/statuses', answer: 'Status[]' },
  { as: 'nobody', request: 'GET /api/v1/accounts/:alice/followers', answer: 'Account[]' },
  { as: 'nobody', request: 'GET /api/v1/accounts/:bob/following', answer: 'Account[]' },
  {
    as: 'bob',
    request: 'GET /api/v1/accounts/familiar_followers?id[]=:alice',
    answer: 'FamiliarFollowers[]',
  },
  { as: 'nobody', request: 'GET /api/v1/accounts/:alice/featured_tags', answer: 'FeaturedTag[]' },
  { as: 'bob', request: 'GET /api/v1/accounts/:alice/lists', answer: 'List[]' },
  { as: 'bob', request: 'POST /api/v1/accounts/:alice/mute', answer: 'Relationship' },
  { as: 'bob', request: 'GET /api/v1/mutes', answer: 'Account[]' },
  { as: 'bob', request: 'POST /api/v1/accounts/:alice/unmute', answer: 'Relationship' },
  { as: 'alice', request: 'POST /api/v1/accounts/:bob/block', answer: 'Relationship' },
  { as: 'bob', request: 'POST /api/v1/accounts/:alice/follow', answer: 'Error', status: 403 },
  { as: 'alice', request: 'GET /api/v1/blocks', answer: 'Account[]' },
  { as: 'alice', request: 'POST /api/v1/accounts/:bob/unblock', answer: 'Relationship' },
  { as: 'bob', request: 'POST /api/v1/accounts/:alice/follow', answer: 'Relationship' },
  { as: 'bob', request: 'POST /api/v1/accounts/:alice/unfollow', answer: 'Relationship' },
  // Other
  { as: 'bob', request: 'GET /api/v2/search?q=hello', answer: 'Search' },
  { as: 'bob', request: 'GET /api/v2/search?q=%23every&type=hashtags', answer: 'Search' },
  { as: 'bob', request: 'GET /api/v2/search', answer: 'Error', status: 400 },
  { as: 'nobody', request: 'GET /api/v1/tags/everything', answer: 'Tag' },
  { as: 'alice', request: 'GET /api/v1/notifications', answer: 'Notification[]' },
  { as: 'alice', request: 'GET /api/v1/notifications?types[]=mention', answer: 'Notification[]' },
  { as: 'alice', request: 'GET /api/v1/notifications/:notification', answer: 'Notification' },
  { as: 'alice', request: 'POST /api/v1/notifications/:notification/dismiss', answer: nothing },
  { as: 'alice', request: 'GET /api/v1/notifications/:notification', answer: 'Error', status: 404 },
  { as: 'alice', request: 'POST /api/v1/notifications/clear', answer: nothing },
  { as: 'alice', request: 'GET /api/v1/notifications', answer: none },
  ...['filters', 'lists', 'announcements', 'follow_requests'].map(
    (path): Call => ({ as: 'alice', request: `GET /api/v1/${path}`, answer: none }),
  ),
  ...['custom_emojis', 'trends/tags', 'trends/statuses', 'trends/links'].map(
    (path): Call => ({ as: 'nobody', request: `GET /api/v1/${path}`, answer: none }),
  ),
  { as: 'alice', request: 'GET /api/v2/filters', answer: none },
  { as: 'alice', request: 'GET /api/v1/markers?timeline[]=home', answer: nothing },
  { as: 'alice', request: 'POST /api/v2/media', body: {}, answer: 'Error', status: 422 },
  { as: 'nobody', request: 'GET /api/v1/streaming/health', answer: (body) => expect(body).toBe('OK') },
  { as: 'nobody', request: 'GET /health', answer: (body) => expect(body).toEqual({ status: 'ok' }) },
  {
    as: 'nobody',
    request: 'GET /metrics',
    answer: (body) => expect(body).toContain('murmuration_http_requests_total{'),
  },
  { as: 'nobody', request: 'GET /', answer: page },
  { as: 'nobody', request: 'GET /api/v1/nothing', answer: 'Error', status: 404 },
  { as: 'nobody', request: 'DELETE /api/v1/timelines/home', answer: 'Error', status: 405 },
  // The end
  { as: 'bob', request: 'DELETE /api/v1/statuses/:mine', answer: 'Status' },
  {
    as: 'bob',
    request: 'POST /api/v1/accounts/change_password',
    body: { current_password: 'wrong', new_password: 'battery staple' },
    answer: 'Error',
    status: 422,
  },
  {
    as: 'bob',
    request: 'POST /api/v1/accounts/change_password',
    body: { current_password: 'correct horse', new_password: 'battery staple' },
    answer: nothing,
  },
  {
    as: 'bob',
    request: 'POST /api/v1/accounts/delete',
    body: { password: 'battery staple' },
    answer: nothing,
  },
  { as: 'bob', request: 'GET /api/v1/timelines/home', answer: 'Error', status: 401 },
  { as: 'alice', request: 'POST /oauth/revoke', body: revocation, answer: nothing },
  { as: 'alice', request: 'GET /api/v1/timelines/home', answer: 'Error', status: 401 },
];

describe.sequential('as', () => {
  it.each(calls.map((one) => [one.as, one.request, one.status ?? 200, one] as const))(
    '%s: %s is %d',
    async (as, request, status, one) => {
      const [method = '', path = ''] = request.split(' ');
      const reply = await call(
        method,
        filled(path),
        as,
        typeof one.body === 'function' ? one.body() : one.body,
      );
      expect(reply.status, JSON.stringify(reply.body)).toBe(status);
      if (typeof one.answer === 'string') checkShape(one.answer, reply.body);
      else one.answer(reply.body);
      if (status === 200) checkViewer(reply.body, as === 'alice' || as === 'bob');
    },
  );
});
