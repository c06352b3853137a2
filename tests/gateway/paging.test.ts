// Pages and their Link header, and single values of a request.
import { describe, expect, it } from 'vitest';
import { accountParam, readBool, readLimit, readText, readTexts, statusParam } from '../../gateway/input.ts';
import { linkHeader, readOrderBounds, readStatusBounds, statusNeighbours } from '../../gateway/paging.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { makeStatusId, printStatusId, type StatusId } from '../../runtime/status-id.ts';

const [newest, middle, oldest] = [3, 2, 1].map((ms) => makeStatusId(ms, accountIdOf('alice'), 1)) as [
  StatusId,
  StatusId,
  StatusId,
];
const ids = [newest, middle, oldest];
const request = { origin: 'https://here.org', path: '/api/v1/timelines/home', input: {} };

describe('a limit', () => {
  it.each([
    [undefined, 20],
    ['', 20],
    ['  ', 20],
    ['x', 20],
    ['0', 20],
    ['-1', 20],
    ['1', 1],
    [5, 5],
    ['40', 40],
    ['41', 40],
    ['99999999999', 20],
  ])('of %j is %d', (given, limit) => {
    expect(readLimit({ limit: given }, 20, 40)).toBe(limit);
  });
});

describe('the bounds of a page', () => {
  it('are ids, absent when blank', () => {
    const printed = printStatusId(middle);
    expect(readStatusBounds({ max_id: printed, since_id: '', min_id: ' ' })).toEqual({
      maxId: middle,
      sinceId: null,
      minId: null,
      limit: 20,
    });
  });

  it('beyond the highest id are the highest', () => {
    expect(readStatusBounds({ max_id: '9'.repeat(50) }).maxId).toBe('\u00ff'.repeat(14));
    expect(readOrderBounds({ max_id: '9'.repeat(50) }).maxId).toBe((2n ** 64n - 1n).toString());
  });

  it.each(['x', '-1', '1.5', '9'.repeat(61), ['1']])('that are no ids (%j) are refused', (given) => {
    expect(() => readStatusBounds({ max_id: given })).toThrow();
    expect(() => readOrderBounds({ min_id: given })).toThrow();
  });
});

describe('the Link header', () => {
  it('leads to the older page first, then to the newer, and keeps the rest of the query', () => {
    const input = { limit: '3', max_id: '99', since_id: '1', types: ['a', 'b'], q: 'x y', none: '' };
    const link = linkHeader({ ...request, input }, statusNeighbours(ids, 3));
    const kept = 'https://here.org/api/v1/timelines/home?limit=3&types%5B%5D=a&types%5B%5D=b&q=x+y&';
    expect(link).toEqual({
      Link: `<${kept}max_id=${printStatusId(oldest)}>; rel="next", <${kept}min_id=${printStatusId(newest)}>; rel="prev"`,
    });
  });

  it('leads to nothing older at the end', () => {
    expect(linkHeader(request, statusNeighbours(ids, 4))['Link']).not.toContain('rel="next"');
  });

  it('is left out of an empty page', () => {
    expect(linkHeader(request, statusNeighbours([], 20))).toEqual({});
  });
});

describe('single values', () => {
  it.each([
    ['true', true],
    ['True', true],
    ['1', true],
    [1, true],
    [true, true],
    ['false', false],
    ['False', false],
    ['0', false],
    [false, false],
    ['', null],
    [null, null],
  ])('%j is %j as a truth', (given, truth) => {
    expect(readBool({ given }, 'given')).toBe(truth);
  });

  it('that are neither true nor false are refused', () => {
    expect(() => readBool({ given: 'maybe' }, 'given')).toThrow(
      'Validation failed: given must be true or false',
    );
  });

  it('are texts that survive the way to the disk', () => {
    expect(readText({ given: 'a\0b\ud800c\r\nd\te' }, 'given')).toBe('ab\uFFFDc\r\nd\te');
    expect(readText({ given: 5 }, 'given')).toBe('5');
    expect(() => readText({ given: {} }, 'given')).toThrow('must be a text');
  });

  it('are lists where a single value is meant as one', () => {
    expect(readTexts({ given: ['a', 1] }, 'given', 2)).toEqual(['a', '1']);
    expect(readTexts({ given: 'a' }, 'given', 2)).toEqual(['a']);
    expect(readTexts({}, 'given', 2)).toEqual([]);
    expect(() => readTexts({ given: ['a', 'b', 'c'] }, 'given', 2)).toThrow('2 entries at most');
    expect(() => readTexts({ given: [{}] }, 'given', 2)).toThrow('list of texts');
  });

  it('in paths are ids, or lead to a 404', () => {
    expect(statusParam({ params: { id: printStatusId(newest) } })).toBe(newest);
    for (const id of ['', 'x', '1x', '9'.repeat(40)]) {
      expect(() => statusParam({ params: { id } })).toThrow('Record not found');
      expect(() => accountParam({ params: { id } })).toThrow('Record not found');
    }
  });
});
