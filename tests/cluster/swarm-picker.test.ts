// Which block is asked of whom: rarest first, nothing twice before the end, and everything in the end.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Block, type BlockLayout, Picker } from '../../cluster/swarm-picker.ts';
import { Rarity } from '../../cluster/swarm-rarity.ts';

/** The same numbers for the same seed. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const layoutOf = (pieces: number, blocks: number): BlockLayout => ({
  pieces,
  blocks: () => blocks,
  isPadding: () => false,
});
const everything = (): boolean => true;

describe('rarity', () => {
  type Step = { kind: 'more' | 'fewer' | 'want' | 'unwant'; piece: number };
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('more', 'more', 'more', 'fewer', 'want', 'unwant'),
    piece: fc.nat(9),
  });

  test('gives each wanted piece that somebody has once, by how many have it, whatever happened before', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
        const rarity = new Rarity(10, chance(seed));
        const counts = new Array<number>(10).fill(0);
        const wanted = new Set(counts.keys());
        for (const { kind, piece } of steps) {
          rarity[kind](piece);
          if (kind === 'more') counts[piece] = (counts[piece] ?? 0) + 1;
          if (kind === 'fewer') counts[piece] = Math.max(0, (counts[piece] ?? 0) - 1);
          if (kind === 'want') wanted.add(piece);
          if (kind === 'unwant') wanted.delete(piece);
          const given = [...rarity.rarest()];
          const countsGiven = given.map((one) => counts[one] ?? 0);
          expect(countsGiven).toEqual([...countsGiven].sort((one, other) => one - other));
          expect(new Set(given)).toEqual(new Set([...wanted].filter((one) => (counts[one] ?? 0) > 0)));
          expect(given.length).toBe(new Set(given).size);
          expect(rarity.wanted).toBe(wanted.size);
        }
      }),
    );
  });

  test('orders equals differently for each node', () => {
    const orders = [1, 2, 3, 4].map((seed) => {
      const rarity = new Rarity(50, chance(seed));
      for (let piece = 0; piece < 50; piece++) rarity.more(piece);
      return [...rarity.rarest()].join();
    });
    expect(new Set(orders).size).toBe(4);
  });
});

describe('the picker', () => {
  test('asks for the rarest piece first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 30 }),
        fc.integer(),
        (holders, seed) => {
          const picker = new Picker(layoutOf(holders.length, 2), { begunMost: 99, random: chance(seed) });
          holders.forEach((count, piece) => {
            for (let peer = 0; peer < count; peer++) picker.gained(piece);
          });
          const picked = picker.pick({ peer: 1, has: everything, count: 2, nowMs: 0 });
          expect(picked.map(({ piece }) => holders[piece])).toEqual([
            Math.min(...holders),
            Math.min(...holders),
          ]);
        },
      ),
    );
  });

  test('finishes what is begun before it begins another', () => {
    const picker = new Picker(layoutOf(5, 4), { begunMost: 9, random: chance(1) });
    for (let piece = 0; piece < 5; piece++) picker.gained(piece);
    const first = picker.pick({ peer: 1, has: everything, count: 2, nowMs: 0 });
    const second = picker.pick({ peer: 2, has: everything, count: 2, nowMs: 0 });
    expect(new Set([...first, ...second].map(({ piece }) => piece)).size).toBe(1);
    expect(new Set([...first, ...second].map(({ block }) => block)).size).toBe(4);
  });

  test('never asks for padding', () => {
    const layout = { ...layoutOf(3, 4), isPadding: (_: number, block: number) => block > 0 };
    const picker = new Picker(layout, { begunMost: 9, random: chance(1) });
    for (let piece = 0; piece < 3; piece++) picker.gained(piece);
    const picked = picker.pick({ peer: 1, has: everything, count: 99, nowMs: 0 });
    expect(picked.map(({ block }) => block)).toEqual([0, 0, 0]);
    expect(picker.arrived(1, { piece: 0, block: 0 })).toMatchObject({ kind: 'taken', isWhole: true });
  });

  test('in the end asks others for what somebody owes, and tells whom to stop when it comes', () => {
    const picker = new Picker(layoutOf(1, 2), { begunMost: 9, random: chance(1) });
    picker.gained(0);
    const order = { has: everything, count: 9 };
    expect(picker.pick({ ...order, peer: 1, nowMs: 0 })).toHaveLength(2);
    expect(picker.isEndgame).toBe(true);
    expect(picker.pick({ ...order, peer: 2, nowMs: 10 })).toEqual([]);
    expect(picker.pick({ ...order, peer: 2, nowMs: 1000 })).toHaveLength(2);
    expect(picker.pick({ ...order, peer: 2, nowMs: 2000 })).toEqual([]);
    expect(picker.arrived(2, { piece: 0, block: 0 })).toEqual({ kind: 'taken', owing: [1], isWhole: false });
    expect(picker.arrived(1, { piece: 0, block: 0 })).toEqual({ kind: 'needless' });
    expect(picker.arrived(1, { piece: 0, block: 1 })).toEqual({ kind: 'taken', owing: [2], isWhole: true });
  });

  test('after a wrong piece asks one peer alone for all of it', () => {
    const picker = new Picker(layoutOf(1, 4), { begunMost: 9, random: chance(1) });
    picker.gained(0);
    const order = { has: everything, nowMs: 0 };
    for (const block of picker.pick({ ...order, peer: 1, count: 4 })) picker.arrived(1, block);
    picker.failed(0);
    const begun = picker.pick({ ...order, peer: 2, count: 1 });
    expect(begun).toHaveLength(1);
    expect(picker.pick({ ...order, peer: 3, count: 9, nowMs: 9999 })).toEqual([]);
    for (const block of begun) picker.released(2, block);
    expect(picker.pick({ ...order, peer: 3, count: 9 })).toHaveLength(4);
  });

  test('throws away what a liar sent for pieces that are not whole', () => {
    const picker = new Picker(layoutOf(1, 3), { begunMost: 9, random: chance(1) });
    picker.gained(0);
    const order = { has: everything, nowMs: 0 };
    const [lie, ...rest] = picker.pick({ ...order, peer: 1, count: 1 });
    if (lie === undefined) throw new Error('nothing was asked');
    picker.arrived(1, lie);
    picker.distrust(1);
    expect(rest).toEqual([]);
    expect(picker.pick({ ...order, peer: 2, count: 9 })).toHaveLength(3);
  });

  test('gives up a piece that nobody sends when there is no room for others', () => {
    const dropped: number[] = [];
    const picker = new Picker(layoutOf(2, 2), {
      begunMost: 1,
      random: chance(1),
      dropped: (piece) => dropped.push(piece),
    });
    picker.gained(0);
    picker.gained(1);
    const [begun] = picker.pick({ peer: 1, has: (piece) => piece === 0, count: 1, nowMs: 0 });
    expect(picker.pick({ peer: 2, has: (piece) => piece === 1, count: 9, nowMs: 0 })).toEqual([]);
    if (begun !== undefined) picker.released(1, begun);
    expect(picker.pick({ peer: 2, has: (piece) => piece === 1, count: 9, nowMs: 0 })).toHaveLength(2);
    expect(dropped).toEqual([0]);
  });

  const world = fc.record({
    pieces: fc.integer({ min: 1, max: 12 }),
    blocks: fc.integer({ min: 1, max: 5 }),
    begunMost: fc.integer({ min: 1, max: 6 }),
    peers: fc.array(fc.array(fc.nat(11), { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
    seed: fc.integer(),
  });

  test('gets everything from peers that come, go, choke and lie, and asks for nothing twice before the end', () => {
    fc.assert(
      fc.property(world, ({ pieces, blocks, begunMost, peers, seed }) => {
        const random = chance(seed);
        const picker = new Picker(layoutOf(pieces, blocks), { begunMost, random });
        const done = new Set<number>();
        const owed = new Map<number, Block[]>();
        // Somebody has all, or nothing could be sure to end.
        const holdings = [
          ...peers.map((held) => new Set(held.filter((piece) => piece < pieces))),
          new Set(Array.from({ length: pieces }, (_, piece) => piece)),
        ];
        holdings.forEach((held, peer) => {
          owed.set(peer, []);
          for (const piece of held) picker.gained(piece);
        });
        const arrive = (peer: number, block: Block): void => {
          const arrival = picker.arrived(peer, block);
          if (arrival.kind === 'needless') return;
          for (const other of arrival.owing) {
            const left = owed
              .get(other)
              ?.filter((one) => one.piece !== block.piece || one.block !== block.block);
            owed.set(other, left ?? []);
          }
          if (!arrival.isWhole) return;
          if (random() < 0.2) picker.failed(block.piece);
          else {
            picker.done(block.piece);
            done.add(block.piece);
          }
        };
        for (let step = 0; done.size < pieces; step++) {
          expect(step).toBeLessThan(5000);
          const peer = Math.floor(random() * holdings.length);
          const owes = owed.get(peer) ?? [];
          const wasEndgame = picker.isEndgame;
          const dice = random();
          if (dice < 0.5) {
            const has = (piece: number): boolean => holdings[peer]?.has(piece) ?? false;
            const picked = picker.pick({ peer, has, count: 1 + Math.floor(random() * 4), nowMs: step * 100 });
            for (const block of picked) {
              expect(has(block.piece)).toBe(true);
              expect(done.has(block.piece)).toBe(false);
              if (!wasEndgame && !picker.isEndgame)
                for (const others of owed.values()) expect(others).not.toContainEqual(block);
            }
            owed.set(peer, [...owes, ...picked]);
            expect(picker.begun).toBeLessThanOrEqual(begunMost);
          } else if (dice < 0.9) {
            const block = owes.shift();
            if (block !== undefined) arrive(peer, block);
          } else if (dice < 0.95) {
            for (const block of owes) picker.released(peer, block);
            owed.set(peer, []);
          } else {
            picker.distrust(peer);
          }
        }
        expect(picker.pick({ peer: 0, has: everything, count: 9, nowMs: 1e9 })).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
