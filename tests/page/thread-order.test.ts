// The order of a thread: replies below what they answer, oldest first.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { threadOrder } from '../../gateway/page/thread-order.ts';
import { status } from './statuses.ts';

const reply = (id: number, to: number) => status(id, { in_reply_to_id: String(to) });
const drawn = (rootId: number, ...replies: ReturnType<typeof reply>[]) =>
  threadOrder(String(rootId), replies).map(({ status: { id }, depth }) => `${'>'.repeat(depth)}${id}`);

test('each reply stands below what it answers, oldest first', () => {
  expect(drawn(1, reply(5, 1), reply(2, 1), reply(4, 2), reply(3, 2), reply(6, 3))).toEqual([
    '2',
    '>3',
    '>>6',
    '>4',
    '5',
  ]);
});

test('a reply to what is not there stands at the first level', () => {
  expect(drawn(1, reply(5, 99), reply(2, 1))).toEqual(['2', '5']);
});

test('no reply is left out or comes twice, however they hang together', () => {
  const replies = fc
    .array(fc.nat(30), { maxLength: 30 })
    .map((parents) => parents.map((to, index) => reply(index + 1, Math.min(to, index))));
  fc.assert(
    fc.property(replies, (all) => {
      const placed = threadOrder('0', [...all, ...all]);
      expect(placed.map(({ status: { id } }) => Number(id)).sort((a, b) => a - b)).toEqual(
        all.map(({ id }) => Number(id)),
      );
    }),
  );
});

test('a thread deeper than calls can be is drawn all the same', () => {
  const deep = Array.from({ length: 20_000 }, (_, index) => reply(index + 1, index));
  expect(threadOrder('0', deep).at(-1)?.depth).toBe(19_999);
});
