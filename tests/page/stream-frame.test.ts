// Frames of the stream as the page reads them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeFrame } from '../../gateway/page/stream-frame.ts';
import { account, status } from './statuses.ts';

const frame = (event: string, payload: unknown, more: object = {}): string =>
  JSON.stringify({ stream: ['user'], event, payload, ...more });

describe('a frame', () => {
  test('with a post carries the post, its stream and the cursor', () => {
    const decoded = decodeFrame(frame('update', JSON.stringify(status(7)), { cursor: '12' }));

    expect(decoded).toMatchObject({
      stream: 'user',
      cursor: '12',
      event: { kind: 'update', status: { id: '7' } },
    });
  });

  test('with a boost carries the boosted post', () => {
    const boost = status(9, { reblog: status(7) });

    expect(decodeFrame(frame('update', JSON.stringify(boost)))?.event).toMatchObject({
      status: { reblog: { id: '7' } },
    });
  });

  test('of a tag names the tag', () => {
    expect(
      decodeFrame(frame('update', JSON.stringify(status(7)), { stream: ['hashtag', 'birds'] }))?.stream,
    ).toBe('hashtag:birds');
  });

  test('of a delete carries the bare id, of a resync nothing', () => {
    expect(decodeFrame(frame('delete', '123'))?.event).toEqual({ kind: 'delete', id: '123' });
    expect(decodeFrame('{"event":"resync","cursor":5}')).toEqual({
      stream: 'user',
      cursor: '5',
      event: { kind: 'resync' },
    });
  });

  test('of a notification carries who and what', () => {
    const payload = JSON.stringify({
      id: '3',
      type: 'follow',
      created_at: '2026-01-01T00:00:00.000Z',
      account: account('2'),
    });

    expect(decodeFrame(frame('notification', payload))?.event).toMatchObject({
      notification: { type: 'follow', status: null },
    });
  });

  test('of an unknown event still carries the cursor', () => {
    expect(decodeFrame(frame('filters_changed', undefined, { cursor: '8' }))).toEqual({
      stream: 'user',
      cursor: '8',
      event: null,
    });
  });

  test('that is broken, or whose post is no post, is none', () => {
    for (const text of [
      '',
      '{',
      'null',
      '[]1',
      frame('update', '{'),
      frame('update', '{"id":1}'),
      frame('notification', 'null'),
    ]) {
      expect([text, decodeFrame(text)]).toEqual([text, null]);
    }
  });

  test('never throws, whatever it is', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => void decodeFrame(text)));
  });
});
