// Arrays that grow by little: what they hold, however they were made.
import { expect, test } from 'vitest';
import { appended } from '../../runtime/tight-array.ts';

test('holds all that was appended, in order, whatever was taken out meanwhile', () => {
  let array = ['first'];
  const model = ['first'];
  for (let step = 0; step < 5000; step++) {
    const item = `item ${step}`;
    array = appended(array, item);
    model.push(item);
    if (step % 7 === 3) expect(array.pop()).toBe(model.pop());
    expect(array.length).toBe(model.length);
    expect(array.at(-1)).toBe(model.at(-1));
  }
  expect(array).toEqual(model);
  expect(Object.keys(array)).toHaveLength(model.length);
});

test('is copied each time that it has grown by an eighth, not more often', () => {
  let array = [0];
  let copies = 0;
  for (let item = 1; item < 10_000; item++) {
    const before = array;
    array = appended(array, item);
    if (array !== before) copies++;
  }
  // Eight of four, then as often as 10,000 is more than 32 by eighths.
  expect(copies).toBeLessThan(8 + Math.log(10_000 / 32) / Math.log(1.125) + 4);
  expect(copies).toBeGreaterThan(40);
  expect(array).toEqual(Array.from({ length: 10_000 }, (_, item) => item));
});
