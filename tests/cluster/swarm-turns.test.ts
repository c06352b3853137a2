// Who is sent to, how much is asked and how fast: choking, requests, caps.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Choker, type ChokerPeer } from '../../cluster/swarm-choker.ts';
import { Rate } from '../../cluster/swarm-rate.ts';
import { patienceMs, Requests } from '../../cluster/swarm-requests.ts';
import { Speed } from '../../cluster/swarm-speed.ts';
import { blockBytes } from '../../cluster/torrent-bounds.ts';

const peer = (id: number, bytesPerS = 0): ChokerPeer => ({
  id,
  isInterested: true,
  isSilent: false,
  bytesPerS,
});

describe('choking', () => {
  const crowd = fc.array(
    fc.record({ isInterested: fc.boolean(), isSilent: fc.boolean(), bytesPerS: fc.nat(1000) }),
    { maxLength: 30 },
  );

  test('never serves more than there are places, nor anybody who wants nothing, and leaves no place empty', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            peers: crowd,
            isWhole: fc.boolean(),
            places: fc.integer({ min: 2, max: 9 }),
            passedMs: fc.nat(4000),
          }),
          {
            maxLength: 20,
          },
        ),
        (rounds) => {
          const choker = new Choker();
          let nowMs = 0;
          for (const { peers, isWhole, places, passedMs } of rounds) {
            nowMs += passedMs;
            const named = peers.map((one, id) => ({ ...one, id }));
            const chosen = choker.choose({ nowMs, isWhole, places, peers: named });
            const interested = named.filter(({ isInterested }) => isInterested).map(({ id }) => id);
            expect(chosen.size).toBe(Math.min(places, interested.length));
            for (const id of chosen) expect(interested).toContain(id);
          }
        },
      ),
    );
  });

  test('when whole serves everybody equally often, however many want something', () => {
    const choker = new Choker();
    const peers = Array.from({ length: 18 }, (_, id) => peer(id));
    const served = new Map<number, number>();
    for (let nowMs = 0; nowMs < 18 * 60_000; nowMs += 1000)
      for (const id of choker.choose({ nowMs, isWhole: true, places: 4, peers }))
        served.set(id, (served.get(id) ?? 0) + 1);
    const turns = peers.map(({ id }) => served.get(id) ?? 0);
    expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(10);
    expect(Math.min(...turns)).toBeGreaterThan(200);
  });

  test('while fetching always serves those who send most, and gives all others a chance', () => {
    const choker = new Choker();
    const peers = [
      peer(100, 900),
      peer(101, 800),
      peer(102, 700),
      ...Array.from({ length: 10 }, (_, id) => peer(id)),
    ];
    const chances = new Set<number>();
    for (let nowMs = 0; nowMs < 120_000; nowMs += 400) {
      const chosen = choker.choose({ nowMs, isWhole: false, places: 4, peers });
      if (nowMs >= 3000) for (const id of [100, 101, 102]) expect(chosen).toContain(id);
      for (const id of chosen) chances.add(id);
    }
    expect(chances.size).toBe(peers.length);
  });

  test('takes the place of one that owes and does not send', () => {
    const choker = new Choker();
    const silent = { ...peer(1, 900), isSilent: true };
    const peers = [silent, peer(2, 10), peer(3, 0), peer(4, 0)];
    const served = new Map<number, number>();
    for (let nowMs = 0; nowMs < 100_000; nowMs += 400)
      for (const id of choker.choose({ nowMs, isWhole: false, places: 2, peers }))
        served.set(id, (served.get(id) ?? 0) + 1);
    expect(served.get(2) ?? 0).toBeGreaterThan(2 * (served.get(1) ?? 0));
  });

  test('gives a place that is free at once', () => {
    const choker = new Choker();
    choker.choose({ nowMs: 0, isWhole: false, places: 2, peers: [peer(1), peer(2), peer(3)] });
    const chosen = choker.choose({ nowMs: 1, isWhole: false, places: 2, peers: [peer(2), peer(3)] });
    expect([...chosen].sort()).toEqual([2, 3]);
  });
});

describe('a cap', () => {
  test('lets through its rate and one burst at most, and its rate at least when all of it is wanted', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 400_000, max: 50_000_000 }),
        fc.array(fc.nat(200), { minLength: 1, maxLength: 50 }),
        (bytesPerS, steps) => {
          const rate = new Rate(bytesPerS, 0);
          let nowMs = 0;
          let through = 0;
          for (const passedMs of [0, ...steps]) {
            nowMs += passedMs;
            while (rate.take(blockBytes, nowMs)) through += blockBytes;
            const due = (bytesPerS * nowMs) / 1000;
            expect(through).toBeLessThanOrEqual(due + bytesPerS / 4 + 1);
            expect(through).toBeGreaterThanOrEqual(due - blockBytes);
          }
        },
      ),
    );
  });

  test('says when a block may pass, and then it may', () => {
    const rate = new Rate(100_000, 0);
    while (rate.take(blockBytes, 0));
    const waitMs = rate.waitMs(0);
    expect(rate.take(blockBytes, waitMs - 2)).toBe(false);
    expect(rate.take(blockBytes, waitMs)).toBe(true);
  });

  test('that is none lets everything through, and can be set and lifted', () => {
    const rate = new Rate(null, 0);
    for (let block = 0; block < 1000; block++) expect(rate.take(blockBytes, 0)).toBe(true);
    rate.set(0, 0);
    while (rate.take(blockBytes, 0));
    expect(rate.take(blockBytes, 1e9)).toBe(false);
    expect(rate.waitMs(1e9)).toBe(Number.POSITIVE_INFINITY);
    rate.set(null, 1e9);
    expect(rate.blocks(7, 1e9)).toBe(7);
  });
});

describe('requests', () => {
  const block = (number: number) => ({ piece: number, block: 0 });

  test('grow with what the peer sends, and stay within what it queues', () => {
    const requests = new Requests(0);
    expect(requests.room(0)).toBe(8);
    for (let at = 0; at < 2000; at++) requests.answered(block(at), at);
    expect(requests.room(2000)).toBe(250);
    requests.peerMost = 20;
    expect(requests.room(2000)).toBe(20);
  });

  test('that are not answered in time make the peer wait for its next', () => {
    const requests = new Requests(0);
    requests.asked(block(1), 1000);
    requests.asked(block(2), 1000 + patienceMs);
    expect(requests.isStuck(1000 + patienceMs)).toBe(false);
    expect(requests.isStuck(1001 + patienceMs)).toBe(true);
    expect(requests.cancelAll()).toEqual([block(1), block(2)]);
    requests.isSilent = true;
    expect(requests.room(20_000)).toBe(1);
    expect(requests.answered(block(1), 20_000)).toBe('cancelled');
    expect(requests.room(20_000)).toBe(8);
  });

  test('know what was asked, what was cancelled and what nobody asked for', () => {
    const requests = new Requests(0);
    requests.asked(block(1), 0);
    requests.asked(block(2), 0);
    expect(requests.cancel(block(2))).toBe(true);
    expect(requests.cancel(block(2))).toBe(false);
    expect(requests.answered(block(1), 0)).toBe('asked');
    expect(requests.answered(block(1), 0)).toBe('unasked');
    expect(requests.answered(block(2), 0)).toBe('cancelled');
    expect(requests.answered(block(2), 0)).toBe('unasked');
  });
});

test('a speed is that of the last seconds', () => {
  const speed = new Speed(2000, 0);
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 100) speed.add(1000, nowMs);
  expect(speed.perS(10_000)).toBeGreaterThan(9000);
  expect(speed.perS(10_000)).toBeLessThan(11_500);
  expect(speed.perS(20_000)).toBeLessThan(200);
});
