// What is known of peers: where they are, who lied, who has the info dictionary, what they were told of each other.
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Addresses } from '../../cluster/swarm-addresses.ts';
import { Blame } from '../../cluster/swarm-blame.ts';
import { metadataPartBytes } from '../../cluster/swarm-extended.ts';
import { MetadataFetch } from '../../cluster/swarm-metadata.ts';
import { Pex } from '../../cluster/swarm-pex.ts';
import { PieceSet } from '../../cluster/swarm-piece-set.ts';

const at = (port: number) => ({ host: '10.0.0.1', port });
const random = (): number => 0.5;

describe('addresses', () => {
  test('are dialed one by one, and again only after a while that grows', () => {
    const addresses = new Addresses({ random });
    addresses.learn([at(1), at(1), at(2)], 0);
    expect(addresses.next(9, 0)).toHaveLength(2);
    expect(addresses.next(9, 1e9)).toEqual([]);
    const waits: number[] = [];
    let nowMs = 0;
    for (let failure = 0; failure < 9; failure++) {
      addresses.gone(at(1), nowMs, { hasFailed: true });
      const from = nowMs;
      while (addresses.next(1, nowMs).length === 0) nowMs += 10;
      waits.push(nowMs - from);
    }
    expect(waits[0]).toBe(400);
    expect(waits).toEqual([...waits].sort((one, other) => one - other));
    expect(waits.at(-1)).toBe(30_000);
  });

  test('that never failed come first', () => {
    const addresses = new Addresses({ random });
    addresses.learn([at(1)], 0);
    addresses.next(1, 0);
    addresses.gone(at(1), 0, { hasFailed: true });
    addresses.learn([at(2)], 5000);
    expect(addresses.next(1, 5000)).toEqual([at(2)]);
  });

  test('of liars are never dialed again, and many liars at one host are too many', () => {
    const addresses = new Addresses({ random });
    addresses.ban('10.0.0.1', at(1));
    addresses.learn([at(1), at(2)], 0);
    expect(addresses.next(9, 0)).toEqual([at(2)]);
    expect(addresses.isHostBanned('10.0.0.1')).toBe(false);
    for (let liar = 0; liar < 8; liar++) addresses.ban('10.0.0.1', null);
    expect(addresses.isBanned(at(2))).toBe(true);
    expect(addresses.isBanned({ host: '10.0.0.2', port: 2 })).toBe(false);
  });

  test('are bounded: who failed makes room', () => {
    const addresses = new Addresses({ random });
    addresses.learn(
      Array.from({ length: 2048 }, (_, port) => at(port + 1)),
      0,
    );
    addresses.learn([at(9999)], 0);
    expect(addresses.known).toBe(2048);
    addresses.next(1, 0).forEach((address) => {
      addresses.gone(address, 0, { hasFailed: true });
    });
    addresses.learn([at(9999)], 0);
    expect(addresses.known).toBe(2048);
    expect(addresses.next(2048, 0)).toContainEqual(at(9999));
  });
});

describe('blame', () => {
  const blockBytes = 16;
  test('falls on those who sent other bytes than the right ones, and on nobody else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ peer: fc.integer({ min: 1, max: 4 }), isWrong: fc.boolean() }), {
          minLength: 2,
          maxLength: 8,
        }),
        (blocks) => {
          const right = randomBytes(blocks.length * blockBytes);
          const wrong = Buffer.from(right);
          const senders = new Map<number, number>();
          const liars = new Set<number>();
          blocks.forEach(({ peer, isWrong }, block) => {
            senders.set(block, peer);
            if (!isWrong) return;
            liars.add(peer);
            wrong[block * blockBytes] = (wrong[block * blockBytes] ?? 0) ^ 1;
          });
          if (liars.size === 0) return;
          const blame = new Blame();
          const atOnce = blame.wrong(7, wrong, blockBytes, senders);
          const later = blame.right(7, right, blockBytes);
          expect(new Set([...atOnce, ...later])).toEqual(liars);
          expect(blame.right(7, right, blockBytes)).toEqual([]);
        },
      ),
    );
  });
});

describe('metadata', () => {
  const whole = randomBytes(metadataPartBytes * 2 + 100);
  const hash = createHash('sha1').update(whole).digest();
  const part = (number: number) =>
    whole.subarray(number * metadataPartBytes, (number + 1) * metadataPartBytes);
  const data = (number: number, bytes = part(number)) => ({
    kind: 'data' as const,
    part: number,
    totalBytes: whole.length,
    bytes,
  });

  test('comes part by part from one peer', () => {
    const fetch = new MetadataFetch(hash, 1e6);
    fetch.offered(1, whole.length);
    expect(fetch.ask(0)).toEqual([0, 1, 2].map((number) => ({ peer: 1, part: number })));
    expect(fetch.took(1, data(2), 0).kind).toBe('going-on');
    expect(fetch.took(1, data(0), 0).kind).toBe('going-on');
    expect(fetch.took(1, data(0), 0).kind).toBe('going-on');
    expect(fetch.took(1, data(1), 0)).toEqual({ kind: 'whole', bytes: whole });
  });

  test('that is wrong is the peer’s fault', () => {
    const fetch = new MetadataFetch(hash, 1e6);
    fetch.offered(1, 10);
    fetch.ask(0);
    expect(fetch.took(1, { kind: 'data', part: 0, totalBytes: 10, bytes: Buffer.alloc(10) }, 0).kind).toBe(
      'wrong',
    );
    fetch.offered(2, whole.length);
    fetch.ask(0);
    expect(fetch.took(2, data(0, Buffer.alloc(5)), 0).kind).toBe('wrong');
  });

  test('that is too long, or that nobody asked for, is not taken', () => {
    const fetch = new MetadataFetch(hash, 1000);
    fetch.offered(1, 1001);
    expect(fetch.ask(0)).toEqual([]);
    expect(fetch.took(1, data(0), 0).kind).toBe('going-on');
  });

  test('is asked of others when a peer refuses, is silent or goes', () => {
    const fetch = new MetadataFetch(hash, 1e6);
    for (const peer of [1, 2, 3, 4]) fetch.offered(peer, whole.length);
    const asked = (nowMs: number): number[] => [...new Set(fetch.ask(nowMs).map(({ peer }) => peer))];
    expect(asked(0)).toEqual([1, 2]);
    expect(asked(0)).toEqual([]);
    fetch.took(1, { kind: 'reject', part: 0 }, 0);
    expect(asked(0)).toEqual([3]);
    fetch.gone(3);
    expect(asked(0)).toEqual([4]);
    expect(asked(5001)).toEqual([2, 4]);
  });
});

describe('hearsay', () => {
  test('is told at first, then as changes once a minute', () => {
    const pex = new Pex();
    expect(pex.tell(0, [])).toBeNull();
    expect(pex.tell(0, [at(1), at(2)])).toEqual({ added: [at(1), at(2)], dropped: [] });
    expect(pex.tell(59_000, [at(3)])).toBeNull();
    expect(pex.tell(60_000, [at(2), at(3)])).toEqual({ added: [at(3)], dropped: [at(1)] });
    expect(pex.tell(200_000, [at(2), at(3)])).toBeNull();
  });

  test('is listened to a few times a minute', () => {
    const pex = new Pex();
    for (let time = 0; time < 6; time++) expect(pex.mayTake(time)).toBe(true);
    expect(pex.mayTake(10)).toBe(false);
    expect(pex.mayTake(60_010)).toBe(true);
  });
});

test('a set of pieces is read as it was written, and only when it fits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(39)), (pieces, added) => {
      const set = new PieceSet(pieces);
      const expected = new Set(added.filter((piece) => piece < pieces));
      for (const piece of added) set.add(piece);
      expect(set.count).toBe(expected.size);
      const read = PieceSet.read(Uint8Array.from(set.bytes), pieces);
      for (let piece = 0; piece < pieces; piece++) expect(read?.has(piece)).toBe(expected.has(piece));
      expect(read?.isFull).toBe(expected.size === pieces);
      expect(read?.list()).toEqual([...expected].sort((one, other) => one - other));
    }),
  );
  expect(PieceSet.read(Uint8Array.of(0xff), 7)).toBeNull();
  expect(PieceSet.read(Uint8Array.of(0xfe), 7)?.isFull).toBe(true);
  expect(PieceSet.read(Uint8Array.of(0, 0), 7)).toBeNull();
});
