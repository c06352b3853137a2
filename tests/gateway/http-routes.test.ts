// Finding the endpoint of a method and a path.
import { describe, expect, it } from 'vitest';
import { get, post } from '../../gateway/api-parts.ts';
import { createRoutes } from '../../gateway/http-routes.ts';
import { jsonAnswer } from '../../gateway/json-pieces.ts';

const answer = async () => jsonAnswer({});
const routes = createRoutes([
  get('/api/v1/accounts/lookup', 'none', [], answer),
  get('/api/v1/accounts/:id', 'none', [], answer),
  get('/api/v1/accounts/:id/statuses', 'none', [], answer),
  post('/api/v1/statuses', 'none', [], answer),
  get('/', 'none', [], answer),
]);
const found = (method: string, path: string): unknown => {
  const match = routes.match(method, path);
  return match.kind === 'found' ? [match.endpoint.path, { ...match.params }] : match.kind;
};

describe('a path', () => {
  it.each([
    ['GET', '/api/v1/accounts/lookup', ['/api/v1/accounts/lookup', {}]],
    ['GET', '/api/v1/accounts/lookup/', ['/api/v1/accounts/lookup', {}]],
    ['GET', '/api/v1/accounts/1', ['/api/v1/accounts/:id', { id: '1' }]],
    ['GET', '/api/v1/accounts/a%20b/statuses/', ['/api/v1/accounts/:id/statuses', { id: 'a b' }]],
    ['GET', '/api/v1/accounts/lookup/statuses', ['/api/v1/accounts/:id/statuses', { id: 'lookup' }]],
    ['HEAD', '/api/v1/accounts/1', ['/api/v1/accounts/:id', { id: '1' }]],
    ['GET', '/', ['/', {}]],
  ])('%s %s is found', (method, path, match) => {
    expect(found(method, path)).toEqual(match);
  });

  it.each([
    '/api',
    '/api/v1/accounts',
    '/api/v1/accounts//statuses',
    '/api/v1/accounts/%ff',
    '//',
    `/${'a/'.repeat(30)}`,
  ])('%s is unknown', (path) => {
    expect(found('GET', path)).toBe('unknown');
  });

  it('with another method names those it has', () => {
    expect(routes.match('DELETE', '/api/v1/statuses')).toEqual({ kind: 'wrong-method', allowed: ['POST'] });
    expect(routes.match('GET', '/api/v1/statuses/')).toEqual({ kind: 'wrong-method', allowed: ['POST'] });
  });
});

it('two endpoints for one path are a mistake that is told at the start', () => {
  const twice = [get('/a/:b', 'none', [], answer), get('/a/:c', 'none', [], answer)];
  expect(() => createRoutes(twice)).toThrow('Two endpoints for GET /a/:c');
});
