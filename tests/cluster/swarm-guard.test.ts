// What of a peer's bytes passes: whole messages that fit the torrent, however they are cut up, and nothing the library throws over.
import Wire from 'bittorrent-protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bencoded, writeBencode } from '../../cluster/dht-bencode.ts';
import {
  readHandshake,
  readMetadataMessage,
  readPex,
  writeMetadataMessage,
  writePex,
} from '../../cluster/swarm-extended.ts';
import { Guard } from '../../cluster/swarm-guard.ts';

const pieceBytes = 40_000;
const layout = { pieces: 10, pieceBytes: (piece: number) => (piece === 9 ? 100 : pieceBytes) };
const greeting = Buffer.concat([
  Buffer.from('\u0013BitTorrent protocol', 'latin1'),
  Buffer.from([0, 0, 0, 0, 0, 0x10, 0, 0]),
  Buffer.alloc(40, 7),
]);

function frame(kind: number, ...parts: (number | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part !== 'number') return part;
      const number = Buffer.alloc(4);
      number.writeUInt32BE(part);
      return number;
    }),
  );
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + body.length);
  head[4] = kind;
  return Buffer.concat([head, body]);
}

function guardOf({ isKnown = true } = {}): Guard {
  const guard = new Guard();
  if (isKnown) guard.know(layout);
  return guard;
}

/** What passes of these bytes, in one go; null when they are flawed. */
function passed(bytes: Buffer, options = {}): Buffer | null {
  const guarded = guardOf(options).push(bytes);
  return guarded.isFlawed ? null : Buffer.concat(guarded.pass);
}

const said = Buffer.concat([
  frame(5, Buffer.from([0xff, 0xc0])),
  frame(1),
  frame(2),
  Buffer.alloc(4),
  frame(4, 9),
  frame(6, 0, 16_384, 16_384),
  frame(7, 3, 0, Buffer.alloc(16_384, 1)),
  frame(8, 9, 0, 100),
  frame(20, Buffer.from([1]), Buffer.from('d8:msg_typei0e5:piecei0ee')),
  frame(0),
  frame(3),
]);

describe('the guard', () => {
  test('lets through what fits, as it is, however it is cut up', () => {
    const all = Buffer.concat([greeting, said]);
    expect(passed(all)?.equals(all)).toBe(true);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (lengths) => {
        const guard = guardOf();
        const pass: Buffer[] = [];
        for (let at = 0, turn = 0; at < all.length; turn++) {
          const length = lengths[turn % lengths.length] ?? 1;
          const guarded = guard.push(all.subarray(at, at + length));
          if (guarded.isFlawed) throw new Error(guarded.flaw);
          pass.push(...guarded.pass);
          at += length;
        }
        expect(Buffer.concat(pass).equals(all)).toBe(true);
      }),
    );
  });

  test('lets through bitfields at any time: some clients say many new pieces so', () => {
    const all = Buffer.concat([
      greeting,
      frame(4, 1),
      frame(5, Buffer.alloc(2)),
      frame(5, Buffer.alloc(2, 0xc0)),
    ]);
    expect(passed(all)?.equals(all)).toBe(true);
  });

  test('lets through what is said of other rules: read over', () => {
    expect(
      passed(
        Buffer.concat([greeting, frame(9, Buffer.from([1, 2])), frame(77, Buffer.alloc(100)), frame(1)]),
      )?.equals(Buffer.concat([greeting, frame(1)])),
    ).toBe(true);
  });

  const flawed: [string, Buffer][] = [
    ['a choke with something behind it', frame(0, 1)],
    ['a have of a piece too far', frame(4, 10)],
    ['a short have', frame(4, Buffer.from([0]))],
    ['a bitfield too long', frame(5, Buffer.alloc(3))],
    ['a bitfield too short', frame(5, Buffer.alloc(1))],
    ['a request of a piece too far', frame(6, 10, 0, 1)],
    ['a request of nothing', frame(6, 0, 0, 0)],
    ['a request beyond a piece', frame(6, 9, 50, 51)],
    ['a request of more than a block', frame(6, 0, 0, 16_385)],
    ['a request with numbers that overflow', frame(6, 0, 0xffffffff, 2)],
    ['a short request', frame(6, 0, 0)],
    ['a block of nothing', frame(7, 0, 0)],
    ['a block beyond its piece', frame(7, 9, 90, Buffer.alloc(11))],
    ['a block too long', frame(7, 0, 0, Buffer.alloc(16_385))],
    ['a handshake of extensions that is none', frame(20, Buffer.from([0]), Buffer.from('nothing'))],
    ['an extended message without a number', frame(20)],
    ['an extended message too long', frame(20, Buffer.alloc(40_000))],
    ['something too long of a kind nobody knows', frame(99, Buffer.alloc(40_000))],
    ['the fast extension, which was not agreed on', frame(14, Buffer.alloc(40_000))],
  ];
  test.each(flawed)('ends the connection at %s', (_, bytes) => {
    expect(passed(Buffer.concat([greeting, bytes]))).toBeNull();
  });

  test('ends it as soon as a length is too long, without waiting for the rest', () => {
    const huge = Buffer.concat([greeting, Buffer.from([0x7f, 0xff, 0xff, 0xff, 20])]);
    expect(passed(huge)).toBeNull();
    expect(passed(Buffer.from('GET / HTTP/1.1\r\n'))).toBeNull();
    expect(passed(Buffer.from([0x13, 0x42, 0x69]))?.length).toBe(0);
  });

  test('lets no content through before the pieces are known, but what peers have', () => {
    const options = { isKnown: false };
    expect(passed(Buffer.concat([greeting, frame(6, 0, 0, 1)]), options)).toBeNull();
    expect(passed(Buffer.concat([greeting, frame(7, 0, 0, Buffer.alloc(1))]), options)).toBeNull();
    expect(passed(Buffer.concat([greeting, frame(5, Buffer.alloc(50_001))]), options)).toBeNull();
    expect(
      passed(Buffer.concat([greeting, frame(5, Buffer.alloc(50_000)), frame(4, 399_999)]), options),
    ).not.toBeNull();
    expect(passed(Buffer.concat([greeting, frame(4, 400_000)]), options)).toBeNull();
  });

  test('writes the handshake of extensions anew, with what is known and nothing else', () => {
    const handshake = new Map<string, Bencoded>([
      [
        'm',
        new Map<string, Bencoded>([
          ['ut_metadata', 3],
          ['ut_pex', new Map([['toString', 5]])],
          ['__proto__', 4],
        ]),
      ],
      ['metadata_size', 999],
      ['p', 70_000],
      ['reqq', 5],
      ['yourip', Buffer.from([1, 2, 3, 4])],
    ]);
    const guarded = guardOf().push(
      Buffer.concat([greeting, frame(20, Buffer.from([0]), writeBencode(handshake))]),
    );
    if (guarded.isFlawed) throw new Error(guarded.flaw);
    expect(guarded.handshakes).toEqual([
      { ids: { ut_metadata: 3, ut_pex: null }, port: null, queueMost: 5, metadataBytes: 999 },
    ]);
    expect(guarded.pass.at(-1)?.subarray(6).toString()).toBe(
      'd1:md11:ut_metadatai3ee13:metadata_sizei999e4:reqqi5ee',
    );
  });

  test('lets nothing through that the library throws over', async () => {
    const bencoded: fc.Arbitrary<Bencoded> = fc.letrec<{ value: Bencoded }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', maxDepth: 3 },
        fc.maxSafeInteger(),
        fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
        fc.array(tie('value'), { maxLength: 3 }),
        fc
          .array(
            fc.tuple(
              fc.constantFrom(
                'm',
                'p',
                'reqq',
                'metadata_size',
                'ut_metadata',
                'ut_pex',
                'toString',
                '__proto__',
                'constructor',
              ),
              tie('value'),
            ),
            { maxLength: 5 },
          )
          .map((entries) => new Map(entries)),
      ),
    })).value;
    const someFrame = fc.oneof(
      fc
        .tuple(fc.integer({ min: 0, max: 21 }), fc.uint8Array({ maxLength: 40 }))
        .map(([kind, body]) => frame(kind, Buffer.from(body))),
      fc.tuple(fc.nat(3), bencoded).map(([id, value]) => frame(20, Buffer.from([id]), writeBencode(value))),
      fc
        .tuple(fc.constantFrom(4, 6, 7, 8), fc.array(fc.nat(20), { maxLength: 4 }))
        .map(([kind, numbers]) => frame(kind, ...numbers)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(someFrame, { maxLength: 8 }), async (frames) => {
        const wire = new Wire('tcpIncoming');
        const failures: unknown[] = [];
        wire.on('error', (error) => failures.push(error));
        wire.on('handshake', () => wire.handshake(Buffer.alloc(20), Buffer.alloc(20)));
        wire.on('data', () => {});
        const guard = guardOf();
        for (const bytes of [greeting, ...frames]) {
          const guarded = guard.push(bytes);
          if (guarded.isFlawed) break;
          for (const part of guarded.pass) wire.write(part);
        }
        await new Promise((resolve) => setImmediate(resolve));
        wire.destroy();
        expect(failures).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('extended messages', () => {
  test('never make a reader throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        readHandshake(buffer);
        readMetadataMessage(buffer);
        readPex(buffer);
      }),
    );
  });

  test('of metadata are read as they were written', () => {
    const part = fc.nat(1000);
    const message = fc.oneof(
      fc.record({ kind: fc.constantFrom('request' as const, 'reject' as const), part }),
      fc.record({
        kind: fc.constant('data' as const),
        part,
        totalBytes: fc.integer({ min: 1, max: 1e9 }),
        bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      }),
    );
    fc.assert(
      fc.property(message, (one) => {
        expect(readMetadataMessage(writeMetadataMessage(one))).toEqual(one);
      }),
    );
  });

  test('of peers are read as they were written, and IPv6 is understood', () => {
    const address = fc.record({ host: fc.ipV4(), port: fc.integer({ min: 1, max: 65_535 }) });
    fc.assert(
      fc.property(
        fc.array(address, { maxLength: 9 }),
        fc.array(address, { maxLength: 9 }),
        (added, dropped) => {
          expect(readPex(writePex({ added, dropped }))).toEqual({ added, dropped });
        },
      ),
    );
    const six = Buffer.concat([Buffer.from('20010db8000000000000000000000001', 'hex'), Buffer.from([0, 80])]);
    expect(readPex(writeBencode(new Map([['added6', six]])))?.added).toEqual([
      { host: '2001:db8:0:0:0:0:0:1', port: 80 },
    ]);
  });
});
