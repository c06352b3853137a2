// What clients may say, and whatever else they say.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compactProtocol,
  parseClientFrame,
  parseHandshake,
  parseSince,
  streamLabel,
  streamTopic,
} from '../../gateway/streaming-protocol.ts';

const cursor = '01a2003e2504000000000001';
const nothing = { query: '', authorization: '', protocols: '' };

describe('handshakes', () => {
  test('the token is taken from the header, then the query, then the subprotocol', () => {
    const all = { query: 'access_token=query', authorization: 'Bearer header', protocols: 'protocol' };
    expect(parseHandshake(all).token).toBe('header');
    expect(parseHandshake({ ...all, authorization: '' }).token).toBe('query');
    expect(parseHandshake({ ...nothing, protocols: 'protocol' }).token).toBe('protocol');
    expect(parseHandshake(nothing).token).toBeNull();
    expect(parseHandshake({ ...nothing, authorization: 'Basic header' }).token).toBeNull();
    expect(parseHandshake({ ...nothing, query: `access_token=${'x'.repeat(201)}` }).token).toBeNull();
  });

  test('the subprotocol is answered with the first that was offered, the compact form before all', () => {
    expect(parseHandshake(nothing).protocol).toBe('');
    expect(parseHandshake({ ...nothing, protocols: 'one, two' })).toMatchObject({
      protocol: 'one',
      form: 'json',
    });
    const both = parseHandshake({ ...nothing, protocols: `token, ${compactProtocol}` });
    expect(both).toMatchObject({ token: 'token', protocol: compactProtocol, form: 'compact' });
  });

  test('the first stream and the cursor are in the query', () => {
    const { first, since } = parseHandshake({
      ...nothing,
      query: `stream=hashtag&tag=%23Tea&since=${cursor}`,
    });
    expect(first).toEqual({ ok: true, value: { name: 'hashtag', tag: 'Tea' } });
    expect(since).toEqual({ kind: 'cursor', cursor });
    expect(parseHandshake({ ...nothing, query: 'stream=' }).first).toBeNull();
    expect(parseHandshake({ ...nothing, query: 'stream=list' }).first).toMatchObject({ ok: false });
  });

  test('what is no cursor is unknown, what is absent is now', () => {
    expect(parseSince(null)).toEqual({ kind: 'now' });
    expect(parseSince('')).toEqual({ kind: 'start' });
    for (const text of ['x', cursor.toUpperCase(), `${cursor}0`, 7, {}])
      expect(parseSince(text)).toEqual({ kind: 'unknown' });
  });
});

describe('frames', () => {
  test('a command names its stream', () => {
    expect(parseClientFrame(`{"type":"subscribe","stream":"user","since":"${cursor}"}`)).toEqual({
      ok: true,
      value: { kind: 'subscribe', stream: { name: 'user', tag: null }, since: { kind: 'cursor', cursor } },
    });
    expect(parseClientFrame('{"type":"unsubscribe","stream":"hashtag:local","tag":"x"}')).toEqual({
      ok: true,
      value: { kind: 'unsubscribe', stream: { name: 'hashtag:local', tag: 'x' } },
    });
  });

  test('names that every object has are no streams', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(parseClientFrame(JSON.stringify({ type: 'subscribe', stream: name }))).toMatchObject({
        ok: false,
      });
      expect(parseClientFrame(JSON.stringify({ type: name, stream: 'user' }))).toMatchObject({ ok: false });
    }
  });

  test('a tag that is only signs, or too long, is refused', () => {
    for (const tag of ['', ' ', '#', '#!', 'x'.repeat(101), 7, null]) {
      const parsed = parseClientFrame(JSON.stringify({ type: 'subscribe', stream: 'hashtag', tag }));
      expect(parsed).toMatchObject({ ok: false, refusal: { status: 400 } });
    }
  });

  test('whatever is sent, the answer is a command or a refusal in words', () => {
    const field = fc.oneof(
      fc.string(),
      fc.constantFrom('subscribe', 'unsubscribe', 'user', 'public', 'hashtag', 'list', 'direct'),
      fc.jsonValue(),
    );
    const message = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ type: field, stream: field, tag: field, list: field, since: field }, { requiredKeys: [] })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(message, (text) => {
        const parsed = parseClientFrame(text);
        if (parsed.ok) {
          const { stream } = parsed.value;
          expect(JSON.parse(streamLabel(stream))[0]).toBe(stream.name);
          expect((streamTopic(stream) ?? '').length).toBeLessThanOrEqual(210);
        } else {
          expect(parsed.refusal.status).toBeGreaterThanOrEqual(400);
          expect(parsed.refusal.error).not.toBe('');
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('whatever stands in a handshake, it is read', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (query, authorization, protocols) => {
        const { token, protocol } = parseHandshake({ query, authorization, protocols });
        if (token !== null) expect(token.length).toBeLessThanOrEqual(200);
        // It becomes a header of the answer.
        if (protocol !== '') expect(protocols).toContain(protocol);
      }),
      { numRuns: 1000 },
    );
  });
});

test("a hashtag's topic is the same however it is written", () => {
  const topic = (tag: string): string | null => streamTopic({ name: 'hashtag', tag });
  expect(topic('TeaTime')).toBe('tag:teatime');
  expect(topic('ＴＥＡtime')).toBe('tag:teatime');
  expect(streamTopic({ name: 'public:local', tag: null })).toBe('public');
  expect(streamTopic({ name: 'user', tag: null })).toBeNull();
});
