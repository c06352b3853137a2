// The small pure parts of the page: times, keys, links to pages, shapes, what is kept.
import { describe, expect, test } from 'vitest';
import { olderPage } from '../../gateway/page/page-link.ts';
import { createRecent } from '../../gateway/page/recent.ts';
import { list, Misshapen, number, oneOf, orNull, record, string } from '../../gateway/page/shape.ts';
import { commandOf, shortcuts } from '../../gateway/page/shortcut.ts';
import { timeAgo } from '../../gateway/page/time-ago.ts';

describe('the time of a post', () => {
  const nowMs = Date.parse('2026-06-15T12:00:00Z');
  const ago = (ms: number): string => timeAgo(nowMs - ms, nowMs);

  test('is told in the largest unit that fits, and as a date after a week', () => {
    expect([5_000, 60_000, 3_599_000, 3_600_000, 86_400_000 * 6].map(ago)).toEqual([
      'now',
      '1m',
      '59m',
      '1h',
      '6d',
    ]);
    expect(ago(86_400_000 * 30)).toMatch(/16/);
    expect(ago(86_400_000 * 300)).toMatch(/2025/);
  });

  test('is never in the future, whatever the clocks say', () => {
    expect(ago(-100_000)).toBe('now');
  });
});

describe('a key', () => {
  const stroke = { ctrlKey: false, metaKey: false, altKey: false };

  test('does what the help says, and nothing with a modifier held', () => {
    for (const { key, command } of shortcuts) expect(commandOf({ ...stroke, key })).toBe(command);
    expect(commandOf({ ...stroke, key: 'n', ctrlKey: true })).toBeNull();
    expect(commandOf({ ...stroke, key: 'x' })).toBeNull();
  });

  test('means one thing only', () => {
    expect(new Set(shortcuts.map(({ key }) => key)).size).toBe(shortcuts.length);
  });
});

describe('the next page', () => {
  test('is the one that the Link header calls next, without its origin', () => {
    const header =
      '<http://x.org/api/v1/a?max_id=1&b=%5B>; rel="next", <http://x.org/api/v1/a?min_id=9>; rel="prev"';
    expect(olderPage(header)).toBe('/api/v1/a?max_id=1&b=%5B');
  });

  test('is none at the end, and none when the header is broken', () => {
    for (const header of [
      null,
      '',
      '<http://x.org/a?min_id=9>; rel="prev"',
      'next',
      '<http://[>; rel="next"',
    ]) {
      expect(olderPage(header)).toBeNull();
    }
  });
});

describe('a shape', () => {
  const bird = record({
    name: string,
    wings: number,
    nest: orNull(string),
    kind: oneOf(['starling', 'wren'], 'wren'),
  });

  test('keeps what it knows and drops the rest', () => {
    expect(bird({ name: 'Jo', wings: 2, kind: 'starling', more: 1 }, '')).toEqual({
      name: 'Jo',
      wings: 2,
      nest: null,
      kind: 'starling',
    });
    expect(bird({ name: 'Jo', wings: 2, kind: 'emu' }, '').kind).toBe('wren');
  });

  test('says where something is not what it should be', () => {
    expect(() => list(bird)([{ name: 'Jo', wings: 'two' }], 'birds')).toThrow(
      new Misshapen('birds[0].wings', 'a number'),
    );
  });
});

test('what is kept is bounded: the least used goes, and is told so', () => {
  const gone: string[] = [];
  const recent = createRecent<string>(2, (value) => gone.push(value));
  recent.of('a', () => 'A');
  recent.of('b', () => 'B');
  expect(recent.of('a', () => 'another')).toBe('A');
  recent.of('c', () => 'C');

  expect(gone).toEqual(['B']);
  recent.clear();
  expect(gone).toEqual(['B', 'A', 'C']);
});
