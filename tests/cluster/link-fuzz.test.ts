// Bytes nobody meant to send: the sender's link may end, nothing else happens. FUZZ_FRAMES sets how many; a failure prints its seed.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packFrame, unpackMessages } from '../../cluster/link-frame.ts';
import { answer, call, fromCore, isBare, toCore } from '../../cluster/link-messages.ts';
import { decodeAsk, isRequestKind } from '../../cluster/link-requests.ts';
import { MalformedError } from '../../runtime/codec.ts';
import { until } from '../support/until.ts';
import { type CoreEnd, Ends, ManualClock, type Visitor } from './link-ends.ts';

const ends = new Ends();
beforeEach(() => ends.open());
afterEach(() => ends.close());

const frames = Number(process.env['FUZZ_FRAMES'] ?? 20_000);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_121);

/** The same numbers for the same seed, 0..1. */
function chances(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const id = Buffer.alloc(14, 7);
const row = [id, 'text', 'public', false, '', null, null, [], null, null, 1, 2, 3];
const account = [7, 'ada', 1, 'Ada', '', false, false, true, [], 'public', false, null, 0, 0, 1, null];
const toCoreSamples = [
  [[1, 'statuses', [Buffer.alloc(28, 1)], 'token']],
  [[2, 'publish', [7, 'hello', 'public', false, '', 'en', null, [], null, 'key'], null]],
  [
    [3, 'admit', [], null],
    ['ping', [4, 3]],
    [5, 'nonsense', [], null],
  ],
  [
    ['listen', [['public', 'tag:bees'], ['tag:owls']]],
    ['fenced', [1]],
    ['metrics', [1, '[]']],
  ],
  [[6, 'adopt', [7, [1, 2, 3], [['text', 5, 6]]], 'token']],
];
const fromCoreSamples = [
  [[1, [[row, null]], null, [300, 299, 5]]],
  [
    [2, null, ['not-found', 'no'], null],
    ['pong', [1]],
    ['fence', [2]],
  ],
  [
    [
      'tick',
      [[['update', [row, account, null, null, Buffer.alloc(8), ['public'], '0'.repeat(24)]]], '0'.repeat(24)],
    ],
  ],
  [
    ['changed', [id, [1, 2], ['token']]],
    ['askMetrics', [1]],
  ],
];

/** A sample with some of its bytes, or its structure, spoiled. */
function spoiled(samples: unknown[], chance: () => number): Buffer {
  const pick = <T>(from: T[]): T | undefined => from[Math.floor(chance() * from.length)];
  let frame = Buffer.from(packFrame(pick(samples)));
  for (let count = 1 + Math.floor(chance() * 3); count > 0; count--) {
    const at = Math.floor(chance() * frame.length);
    const way = Math.floor(chance() * 6);
    if (way === 0) frame[at] = Math.floor(chance() * 256);
    else if (way === 1) frame[at] = (frame[at] ?? 0) ^ (1 << Math.floor(chance() * 8));
    else if (way === 2) frame = frame.subarray(0, at);
    else if (way === 3)
      frame = Buffer.concat([frame.subarray(0, at), frame.subarray(Math.floor(chance() * frame.length))]);
    else if (way === 4)
      frame[at] = pick([0xc1, 0xc7, 0xd4, 0xd7, 0xdd, 0xdf, 0xdb, 0xc6, 0x80, 0x8f, 0x9f, 0xcf]) ?? 0;
    else
      frame = Buffer.concat([
        frame.subarray(0, at),
        Buffer.from([0x91, 0xdc, 0xff, 0xff]),
        frame.subarray(at),
      ]);
  }
  return frame;
}

describe('decoding', () => {
  test(
    `takes ${frames} spoiled frames as messages or as malformed, in no other way`,
    () => {
      const chance = chances(seed);
      let malformed = 0;
      for (let count = 0; count < frames; count++) {
        const isToCore = chance() < 0.5;
        const frame = spoiled(isToCore ? toCoreSamples : fromCoreSamples, chance);
        try {
          for (const message of unpackMessages(frame)) {
            if (!isToCore) {
              if (isBare(message)) answer.decode(message);
              else fromCore.decode(message);
            } else if (!isBare(message)) {
              toCore.decode(message);
            } else {
              const { request, ask } = call.decode(message);
              if (isRequestKind(request)) decodeAsk(request, ask);
            }
          }
        } catch (error) {
          if (!(error instanceof MalformedError))
            throw new Error(`seed ${seed}, frame ${count}: ${frame.toString('hex')}`, { cause: error });
          malformed++;
        }
      }
      expect(malformed).toBeGreaterThan(frames / 4);
      expect(malformed).toBeLessThan(frames);
    },
    30_000 + frames,
  );
});

describe('a core', () => {
  test(
    'stays whole under spoiled frames, and another link notices nothing',
    async () => {
      const core = await ends.core();
      const gateway = await ends.gateway({ name: 'bystander' }).isUp();
      const sent = Math.ceil(frames / 40);
      let answered = 0;
      let isOver = false;
      const bystander = (async () => {
        while (!isOver) {
          expect(await gateway.client.call('admit', {})).toEqual({ ok: true, value: {} });
          answered++;
        }
      })();
      await Promise.all(
        Array.from({ length: 8 }, (_, number) => pester(core, seed + number, Math.ceil(sent / 8))),
      );
      isOver = true;
      await bystander;

      expect(gateway.kinds()).toEqual(['up']);
      expect(answered).toBeGreaterThan(0);
      expect(core.meter.of('malformed-frames')).toBeGreaterThan(sent / 10);
      expect(
        core.gone.every(({ reason }) => /^malformed frame|^it closed|^it said goodbye/.test(reason)),
      ).toBe(true);
      await until(() => core.server.peers.size === 1);
    },
    30_000 + frames * 2,
  );

  /** Sends spoiled frames, and comes back whenever it is thrown out. */
  async function pester(core: CoreEnd, from: number, count: number): Promise<void> {
    const chance = chances(from);
    let visitor: Visitor | null = null;
    for (let sent = 0; sent < count; sent++) {
      visitor ??= await ends.visitor(core, { name: 'pest' });
      visitor.socket.send(spoiled(toCoreSamples, chance));
      // A ping is answered when the frame before it was taken for something.
      visitor.send(['ping', [sent, sent]]);
      const pong = JSON.stringify(['pong', [sent]]);
      const here: Visitor = visitor;
      await until(
        () => here.isClosed || here.messages().some((message) => JSON.stringify(message) === pong),
        { everyMs: 0 },
      );
      if (here.isClosed || here.frames.length > 50) {
        await here.leave();
        visitor = null;
      }
    }
    await visitor?.leave();
  }
});

const rounds = Math.ceil(frames / 500);

describe('a gateway', () => {
  test(
    'stays whole under spoiled frames from its core, and is linked again in the end',
    async () => {
      const clock = new ManualClock();
      const byHand = await ends.coreByHand();
      const gateway = await ends.gateway({ clock }).isUp();
      const chance = chances(seed);
      for (let round = 0; round < rounds; round++) {
        const link = byHand.links.at(-1);
        for (let count = 0; count < 20; count++) link?.socket.send(spoiled(fromCoreSamples, chance));
        // If none of them ended it, a frame that is none does.
        link?.socket.send(Buffer.from([0xc1]));
        await until(
          async () => {
            await clock.advance(100);
            return byHand.links.at(-1) !== link && gateway.client.isUp;
          },
          { everyMs: 0 },
        );
      }
      expect(gateway.meter.of('malformed-frames')).toBe(rounds);
      expect(gateway.kinds().at(-1)).toBe('up');
    },
    30_000 + frames * 2,
  );
});
