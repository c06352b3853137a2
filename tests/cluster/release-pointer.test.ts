// Release pointers: the only bytes of each, signed as BEP 44 signs, and judged by what a node has seen before.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBencode, writeBencode } from '../../cluster/dht-bencode.ts';
import { itemBytes } from '../../cluster/dht-items.ts';
import { newKeyPair } from '../../cluster/ed25519.ts';
import {
  encodePointer,
  encodeSignedPointer,
  isSignedPointer,
  PointerError,
  pointerMostBytes,
  type ReleasePointer,
  readPointer,
  readSignedPointer,
  signedPointerMostBytes,
  signPointer,
} from '../../cluster/release-pointer.ts';
import { judgePointer, type PointerKnown } from '../../cluster/release-pointer-judgement.ts';
import { readWaves } from '../../cluster/release-waves.ts';

const key = newKeyPair();
const nowMs = 1_700_000_000_000;

function pointer(changed: Partial<ReleasePointer> = {}): ReleasePointer {
  return {
    channel: 'main',
    version: '0.1.0-3f9c2a1b7d4e',
    infoHash: new Uint8Array(20).fill(1),
    manifestHash: new Uint8Array(32).fill(2),
    infoBytes: 9_800,
    waves: readWaves('1,10%,100%'),
    holdS: 30,
    expiryMs: nowMs + 1000,
    isOneWay: false,
    ...changed,
  };
}

const anyPointer: fc.Arbitrary<ReleasePointer> = fc.record({
  channel: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/),
  version: fc.stringMatching(/^[0-9A-Za-z][0-9A-Za-z.+-]{0,59}$/),
  infoHash: fc.uint8Array({ minLength: 20, maxLength: 20 }),
  manifestHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  infoBytes: fc.integer({ min: 1, max: 4 * 1024 * 1024 }),
  waves: fc.constantFrom('', '100%', '1,100%', '1,2,10%,50%,100%').map(readWaves),
  holdS: fc.integer({ min: 0, max: 604_800 }),
  expiryMs: fc.maxSafeNat(),
  isOneWay: fc.boolean(),
});

describe('the bytes of a pointer', () => {
  test('are read as what was written, and are few enough for the DHT', () => {
    fc.assert(
      fc.property(anyPointer, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (said, seq) => {
        const value = encodePointer(said);
        expect(readPointer(value)).toEqual(said);
        expect(writeBencode(Buffer.from(value)).length).toBeLessThan(1000);
        const signed = signPointer(said, seq, key.privateKey);
        const travelled = encodeSignedPointer(signed);
        expect(travelled.length).toBeLessThanOrEqual(signedPointerMostBytes);
        const arrived = readSignedPointer(travelled);
        expect(isSignedPointer(arrived, said.channel)).toBe(true);
        expect(encodeSignedPointer(arrived)).toEqual(travelled);
      }),
      { numRuns: 50 },
    );
  });

  test('the largest one has room to spare', () => {
    const largest = pointer({
      channel: 'c'.repeat(32),
      version: 'v'.repeat(60),
      infoBytes: 4 * 1024 * 1024,
      waves: readWaves('1,2,3,4,5,6,7,8,9,10,11,12,13,14,99%,100%'),
      holdS: 604_800,
      expiryMs: Number.MAX_SAFE_INTEGER,
    });
    expect(encodePointer(largest).length).toBeLessThan(pointerMostBytes / 2);
  });

  test('cut off, made longer or changed anywhere, they are no pointer or not signed', () => {
    const signed = signPointer(pointer(), 7, key.privateKey);
    for (let at = 0; at < signed.value.length; at++)
      expect(() => readPointer(signed.value.subarray(0, at))).toThrow(PointerError);
    expect(() => readPointer(Buffer.concat([signed.value, Buffer.from('e')]))).toThrow(PointerError);
    const bytes = encodeSignedPointer(signed);
    for (let at = 0; at < bytes.length; at++) {
      const other = Uint8Array.from(bytes);
      other[at] = (other[at] ?? 0) ^ 1;
      expect(isBelieved(other)).toBe(false);
      expect(isBelieved(bytes.subarray(0, at))).toBe(false);
    }
    expect(isBelieved(bytes)).toBe(true);
  });

  function isBelieved(bytes: Uint8Array): boolean {
    try {
      const received = readSignedPointer(bytes);
      return judgePointer(received, known()).kind === 'accepted';
    } catch (error) {
      expect(error).toBeInstanceOf(PointerError);
      return false;
    }
  }

  test('rubbish is refused and nothing worse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), (bytes) => {
        expect(() => readPointer(bytes)).toThrow(PointerError);
        expect(() => readSignedPointer(bytes)).toThrow(PointerError);
      }),
    );
  });

  test.each([
    ['a field more', (fields: Fields) => fields.set('zzz', 1)],
    ['a field less', (fields: Fields) => fields.delete('hold')],
    ['a short hash', (fields: Fields) => fields.set('manifest', Buffer.alloc(31))],
    ['a number below zero', (fields: Fields) => fields.set('expires', -1)],
    [
      'waves that are not in their only form',
      (fields: Fields) => fields.set('waves', Buffer.from('1,,100%')),
    ],
    ['waves that end too early', (fields: Fields) => fields.set('waves', Buffer.from('1,50%'))],
    ['a channel with a path in it', (fields: Fields) => fields.set('channel', Buffer.from('../main'))],
    ['a version with a line end', (fields: Fields) => fields.set('version', Buffer.from('1.0\n'))],
    ['an info dictionary that is too large', (fields: Fields) => fields.set('infobytes', 2 ** 30)],
  ])('%s is refused', (_what, change) => {
    expect(() => readPointer(written(change))).toThrow(PointerError);
  });

  test('fields in another order are another pointer, and refused', () => {
    const text = Buffer.from(encodePointer(pointer())).toString('latin1');
    const swapped = text.replace(/(4:holdi30e)(.*)e$/s, '$2$1e');
    expect(swapped).not.toBe(text);
    expect(() => readPointer(Buffer.from(swapped, 'latin1'))).toThrow(/not in order/);
  });

  test('one of a later format says to update the agent', () => {
    const later = written((fields) => fields.set('format', 2).set('new', 1));
    expect(() => readPointer(later)).toThrow(expect.objectContaining({ code: 'newer' }));
  });

  type Fields = Map<string, number | Buffer>;
  function written(change: (fields: Fields) => void): Buffer {
    const fields: unknown = readBencode(Buffer.from(encodePointer(pointer())));
    change(fields as Fields);
    return writeBencode(fields as Fields);
  }

  test('what is signed is what BEP 44 says', () => {
    // The example in its text.
    const said = itemBytes({ value: Buffer.from('Hello World!'), seq: 1, salt: Buffer.from('foobar') });
    expect(Buffer.from(said).toString()).toBe('4:salt6:foobar3:seqi1e1:v12:Hello World!');
    const unsalted = itemBytes({ value: Buffer.from('Hello World!'), seq: 1 });
    expect(Buffer.from(unsalted).toString()).toBe('3:seqi1e1:v12:Hello World!');
  });
});

function known(changed: Partial<PointerKnown> = {}): PointerKnown {
  return {
    channel: 'main',
    last: null,
    isTrusted: (publicKey) => Buffer.from(publicKey).equals(key.publicKey),
    nowMs,
    ...changed,
  };
}

describe('a pointer that comes', () => {
  const fifth = signPointer(pointer(), 5, key.privateKey);

  test('is accepted when it is the first, or has a later seq', () => {
    expect(judgePointer(fifth, known())).toEqual({ kind: 'accepted', pointer: pointer() });
    const fourth = signPointer(pointer({ version: '0.0.9' }), 4, key.privateKey);
    expect(judgePointer(fifth, known({ last: fourth })).kind).toBe('accepted');
  });

  test('is known when it is the last one again', () => {
    expect(judgePointer(fifth, known({ last: fifth }))).toEqual({ kind: 'known', pointer: pointer() });
  });

  test.each([
    ['old-seq', fifth, known({ last: signPointer(pointer(), 6, key.privateKey) })],
    ['conflict', fifth, known({ last: signPointer(pointer({ holdS: 31 }), 5, key.privateKey) })],
    ['expired', signPointer(pointer({ expiryMs: nowMs }), 5, key.privateKey), known()],
    ['unknown-key', signPointer(pointer(), 5, newKeyPair().privateKey), known()],
    ['other-channel', signPointer(pointer({ channel: 'beta' }), 5, key.privateKey), known()],
    ['wrong-signature', { ...fifth, seq: 6 }, known()],
    ['wrong-signature', { ...fifth, seq: Number.NaN }, known()],
    ['wrong-signature', { ...fifth, value: encodePointer(pointer({ isOneWay: true })) }, known()],
    ['wrong-signature', { ...fifth, signature: fifth.signature.subarray(1) }, known()],
    ['malformed', { ...fifth, value: fifth.value.subarray(1) }, known()],
  ] as const)('is refused: %s', (code, received, knows) => {
    const judged = judgePointer(received, knows);
    expect(judged).toMatchObject({ kind: 'refused', code });
    expect(judged.kind === 'refused' && judged.reason).toMatch(/^[^\n]{10,200}$/);
  });

  test('is not replayed on another channel: the channel is signed along', () => {
    const beta = signPointer(pointer({ channel: 'beta' }), 5, key.privateKey);
    expect(isSignedPointer(beta, 'beta')).toBe(true);
    expect(isSignedPointer(beta, 'main')).toBe(false);
  });
});
