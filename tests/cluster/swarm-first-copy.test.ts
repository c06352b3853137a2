// Spreading the first copy: every piece goes out once, to whoever passes it on.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FirstCopy } from '../../cluster/swarm-first-copy.ts';

const random = (): number => 0.5;
const nothing = (): boolean => false;
const all = (): boolean => true;

describe('the first copy', () => {
  test('is shown piece by piece to different peers, none twice, until all are out', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.nat()),
        (pieces, peers, choices) => {
          const copy = new FirstCopy({ pieces, pieceLength: 65_536, random });
          for (let peer = 0; peer < peers; peer++) copy.met(peer);
          const open: { peer: number; piece: number }[] = [];
          const shown = new Set<number>();
          while (!copy.isOver) {
            for (const showing of copy.show({ nowMs: 0, served: all, has: nothing })) {
              expect(shown.has(showing.piece)).toBe(false);
              shown.add(showing.piece);
              open.push(showing);
            }
            const at = (choices.next().value ?? 0) % open.length;
            const [got] = open.splice(at, 1);
            if (got !== undefined) copy.announced(got.peer, got.piece, 0);
          }
          expect(shown.size).toBe(pieces);
        },
      ),
    );
  });

  test('goes on with one peer alone', () => {
    const copy = new FirstCopy({ pieces: 100, pieceLength: 2 ** 20, random });
    copy.met(1);
    const open: number[] = [];
    for (let piece = 0; piece < 100; piece++) {
      for (const showing of copy.show({ nowMs: 0, served: all, has: nothing })) open.push(showing.piece);
      const got = open.shift();
      if (got !== undefined) copy.announced(1, got, 0);
    }
    expect(copy.isOver).toBe(true);
  });

  test('is shown rather to those who pass it on', () => {
    const copy = new FirstCopy({ pieces: 1000, pieceLength: 8 * 2 ** 20, random });
    copy.met(1);
    copy.met(2);
    copy.met(3);
    const counts = new Map<number, number>();
    for (let round = 0; round < 40; round++) {
      for (const { peer, piece } of copy.show({ nowMs: 0, served: all, has: nothing })) {
        counts.set(peer, (counts.get(peer) ?? 0) + 1);
        copy.announced(peer, piece, 0);
        // What 1 gets is soon seen at 3; what 2 gets nowhere.
        if (peer === 1) copy.announced(3, piece, 0);
        if (peer === 3) copy.announced(1, piece, 0);
      }
    }
    expect(counts.get(1) ?? 0).toBeGreaterThan(1.5 * (counts.get(2) ?? 0));
  });

  test('shows a piece to another when its peer is gone, or gets nothing for a while', () => {
    const copy = new FirstCopy({ pieces: 2, pieceLength: 65_536, random });
    const shownTo = (nowMs: number): number[] =>
      copy.show({ nowMs, served: all, has: nothing }).map(({ peer }) => peer);
    copy.met(1);
    expect(shownTo(0)).toEqual([1, 1]);
    copy.met(2);
    expect(shownTo(4000)).toEqual([]);
    expect(shownTo(4001)).toEqual([2, 2]);
    copy.gone(2);
    copy.gone(1);
    copy.met(3);
    expect(shownTo(4002)).toEqual([3, 3]);
  });

  test('does not leave a last piece with one that is not served', () => {
    const copy = new FirstCopy({ pieces: 2, pieceLength: 65_536, random });
    const served = (peer: number): boolean => peer === 2;
    copy.met(1);
    const [hidden] = copy.show({ nowMs: 0, served, has: nothing });
    copy.met(2);
    const shownTo = (nowMs: number) => copy.show({ nowMs, served, has: nothing });
    const [other] = shownTo(500);
    expect(other?.peer).toBe(2);
    expect(other?.piece).not.toBe(hidden?.piece);
    // Until then it may not have said yet that it wants it.
    expect(shownTo(500)).toEqual([]);
    expect(shownTo(501)).toEqual([{ peer: 2, piece: hidden?.piece }]);
    expect(shownTo(501)).toEqual([]);
  });

  test('shows one piece to those who are not served, so that they want something', () => {
    const copy = new FirstCopy({ pieces: 50, pieceLength: 65_536, random });
    for (const peer of [1, 2, 3]) copy.met(peer);
    expect(copy.show({ nowMs: 0, served: nothing, has: nothing }).map(({ peer }) => peer)).toEqual([1, 2, 3]);
    expect(copy.show({ nowMs: 0, served: nothing, has: nothing })).toEqual([]);
  });

  test('shows the next piece to one that has all it was shown, even if it is served no more', () => {
    const copy = new FirstCopy({ pieces: 5, pieceLength: 65_536, random });
    copy.met(1);
    for (let piece = 0; piece < 5; piece++) {
      const showings = copy.show({ nowMs: 0, served: nothing, has: nothing });
      expect(showings).toHaveLength(1);
      for (const { peer, piece: shown } of showings) copy.announced(peer, shown, 0);
    }
    expect(copy.isOver).toBe(true);
  });

  test('is not needed where peers have it all', () => {
    const copy = new FirstCopy({ pieces: 3, pieceLength: 65_536, random });
    copy.met(1);
    for (const piece of [0, 1, 2]) copy.announced(1, piece, 0);
    expect(copy.isOver).toBe(true);
  });
});
