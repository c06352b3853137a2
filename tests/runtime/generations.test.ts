// The cache in two generations: what it holds, and what a turn drops.
import { expect, test } from 'vitest';
import { Generations } from '../../runtime/generations.ts';

function filled(most: number, keys: readonly string[]): Generations<string> {
  const cache = new Generations<string>(most);
  for (const key of keys) cache.set(key, key.toUpperCase());
  return cache;
}

test('holds the half that was used last, and never more than all', () => {
  const cache = filled(4, ['a', 'b']);
  for (const key of ['c', 'd', 'e', 'f', 'g']) {
    cache.set(key, key.toUpperCase());
    expect(cache.get('a')).toBe('A');
    expect(cache.get(key)).toBe(key.toUpperCase());
    expect(cache.size).toBeLessThanOrEqual(4);
  }
  expect(cache.get('b')).toBeUndefined();
});

test('a turn drops what was not used since the turn before', () => {
  const cache = filled(10, ['a', 'b']);
  cache.turn();
  expect(cache.get('a')).toBe('A');
  cache.turn();
  expect([cache.get('a'), cache.get('b')]).toEqual(['A', undefined]);
});

test('what is deleted is gone, whichever generation holds it, and whoever goes through them deletes as it goes', () => {
  const cache = filled(10, ['a', 'b', 'c']);
  cache.turn();
  cache.get('a');
  cache.delete('a');
  expect(cache.get('a')).toBeUndefined();
  for (const [key, value] of cache) {
    expect(value).toBe(key.toUpperCase());
    cache.delete(key);
  }
  expect([...cache]).toEqual([]);
});
