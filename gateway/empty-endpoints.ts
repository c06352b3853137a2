// What clients ask for and is not here yet: lists that are truly empty, and refusals that say so. None of it is half done.
import { get, post } from './api-parts.ts';
import type { ApiResponse, Endpoint } from './endpoint.ts';
import { jsonAnswer } from './json-pieces.ts';
import { validationFailed } from './refusal.ts';

const anybodys = [
  '/api/v1/custom_emojis',
  '/api/v1/directory',
  '/api/v1/trends',
  '/api/v1/trends/tags',
  '/api/v1/trends/statuses',
  '/api/v1/trends/links',
];

const ones: Record<string, string> = {
  '/api/v1/filters': 'read:filters',
  '/api/v2/filters': 'read:filters',
  '/api/v1/lists': 'read:lists',
  '/api/v1/announcements': '',
  '/api/v1/follow_requests': 'read:follows',
  '/api/v1/followed_tags': 'read:follows',
  '/api/v1/featured_tags': 'read:accounts',
  '/api/v1/featured_tags/suggestions': 'read:accounts',
  '/api/v1/endorsements': 'read:accounts',
  '/api/v1/domain_blocks': 'read:blocks',
  '/api/v1/scheduled_statuses': 'read:statuses',
  '/api/v1/conversations': 'read:statuses',
  '/api/v1/suggestions': 'read:accounts',
  '/api/v2/suggestions': 'read:accounts',
  '/api/v1/notifications/requests': 'read:notifications',
};

const none = async (): Promise<ApiResponse> => jsonAnswer([]);

const noMedia = async (): Promise<ApiResponse> => {
  throw validationFailed('Media attachments are not supported here');
};

export function emptyEndpoints(): Endpoint[] {
  return [
    ...anybodys.map((path) => get(path, 'optional', [], none)),
    ...Object.entries(ones).map(([path, scope]) => get(path, 'user', scope === '' ? [] : [scope], none)),
    get('/api/v1/markers', 'user', ['read:statuses'], async () => jsonAnswer({})),
    post('/api/v1/media', 'user', ['write:media'], noMedia),
    post('/api/v2/media', 'user', ['write:media'], noMedia),
  ];
}
