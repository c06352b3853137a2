// Status ids: there and back, and in the order of time.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MalformedError } from '../../runtime/codec.ts';
import {
  bytesOfLatin1,
  latin1OfBytes,
  makeStatusId,
  parseStatusId,
  printStatusId,
  statusAuthor,
  statusIdBytes,
  statusIdCodec,
  statusIdsCodec,
  statusMs,
  statusSalt,
} from '../../runtime/status-id.ts';
import { anyAccount, anyLatin1, anyMs, anySalt, anyStatusId, order } from './chance.ts';

test('a status id gives back its time, its author and its salt', () => {
  fc.assert(
    fc.property(anyMs, anyAccount, anySalt, (ms, author, salt) => {
      const id = makeStatusId(ms, author, salt);
      expect(id).toHaveLength(statusIdBytes);
      expect([statusMs(id), statusAuthor(id), statusSalt(id)]).toEqual([ms, author, salt]);
    }),
  );
});

test('a status id is read as it was printed, and is the number ms | author | salt', () => {
  fc.assert(
    fc.property(anyMs, anyAccount, anySalt, (ms, author, salt) => {
      const id = makeStatusId(ms, author, salt);
      const number = (BigInt(ms) << 64n) | (BigInt(author) << 12n) | BigInt(salt);
      expect(printStatusId(id)).toBe(number.toString());
      expect(parseStatusId(printStatusId(id))).toBe(id);
    }),
  );
});

test('status ids are ordered as their numbers are: by time first', () => {
  fc.assert(
    fc.property(anyStatusId, anyStatusId, (one, other) => {
      const [a, b] = [BigInt(printStatusId(one)), BigInt(printStatusId(other))];
      expect(order(one, other)).toBe(a < b ? -1 : a > b ? 1 : 0);
      if (statusMs(one) < statusMs(other)) expect(one < other).toBe(true);
    }),
  );
});

test.each([
  '',
  '-1',
  '1.0',
  '1e3',
  ' 1',
  '1 ',
  '0x1',
  'abc',
  (2n ** 112n).toString(),
  '9'.repeat(34),
  '9'.repeat(10_000),
])('%.40j is no status id', (text) => expect(parseStatusId(text)).toBeNull());

test('leading zeros name the same status', () => {
  fc.assert(
    fc.property(anyStatusId, (id) => {
      const decimal = printStatusId(id).padStart(34, '0');
      expect(parseStatusId(decimal)).toBe(id);
    }),
  );
});

test('latin1 characters and bytes are the same', () => {
  fc.assert(
    fc.property(anyLatin1, (text) => {
      expect(latin1OfBytes(bytesOfLatin1(text))).toBe(text);
    }),
  );
});

test('ids travel as bytes, one or many', () => {
  fc.assert(
    fc.property(fc.array(anyStatusId, { maxLength: 20 }), (ids) => {
      for (const id of ids) expect(statusIdCodec.decode(statusIdCodec.encode(id))).toBe(id);
      const many = statusIdsCodec(20);
      expect(many.decode(many.encode(ids))).toEqual(ids);
    }),
  );
});

test.each([null, 'x'.repeat(14), new Uint8Array(13), new Uint8Array(15), [1], undefined])(
  '%j is no id on the wire',
  (wire) => {
    expect(() => statusIdCodec.decode(wire)).toThrow(MalformedError);
  },
);

test.each([null, '', new Uint8Array(13), new Uint8Array(15), new Uint8Array(42)])(
  '%j is no list of two ids on the wire',
  (wire) => {
    expect(() => statusIdsCodec(2).decode(wire)).toThrow(MalformedError);
  },
);
