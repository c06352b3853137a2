// `bench actors`: what the runtime's actor system costs, in messages a second and bytes an awake user; bare nact beside it.
import { z } from 'zod';
import { bytes, count, decimal, median } from './figures.ts';
import { type Peer, startBundled } from './peers/peer.ts';
import { withClock } from './progress.ts';
import type { Result } from './result.ts';

export interface ActorsOptions {
  quick: boolean;
  actors: number;
  seconds: number;
  rounds: number;
}

const rates = z.object({ messagesPerSecond: z.number(), asksPerSecond: z.number() });
const memory = z.object({ bytesEach: z.number() });

export async function actors(asked: ActorsOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, actors: 1000, seconds: 1, rounds: 2 } : asked;
  const [ours, bare] = [
    await startBundled('actors-ours.ts', {}),
    await startBundled('peers/bare-nact.ts', {}),
  ];
  const limitMs = options.seconds * 2000 + 60_000;
  const round = (side: Peer, name: string) => {
    const run = { kind: 'rates', actors: options.actors, seconds: options.seconds };
    return withClock(name, options.seconds * 2, side.ask(run, rates, limitMs));
  };
  await round(ours, 'warming up, ours');
  await round(bare, 'warming up, bare nact');
  const measured: { ours: z.infer<typeof rates>[]; bare: z.infer<typeof rates>[] } = { ours: [], bare: [] };
  for (let at = 1; at <= options.rounds; at++) {
    measured.ours.push(await round(ours, `ours, round ${at} of ${options.rounds}`));
    measured.bare.push(await round(bare, `bare nact, round ${at} of ${options.rounds}`));
  }
  await Promise.all([ours.stop(), bare.stop()]);

  const bytesEach = {
    user: await bytesOf('actors-ours.ts', 'user', options.actors),
    empty: await bytesOf('peers/bare-nact.ts', 'empty', options.actors),
    filled: await bytesOf('peers/bare-nact.ts', 'filled', options.actors),
  };
  const messages = (side: z.infer<typeof rates>[]) => median(side.map((one) => one.messagesPerSecond));
  const asks = (side: z.infer<typeof rates>[]) => median(side.map((one) => one.asksPerSecond));
  return {
    name: `actors: ${count(options.actors)} actors on one thread, ${options.rounds} x ${options.seconds} s each`,
    rows: [
      ['messages, ours', `${count(messages(measured.ours))}/s`],
      [
        'messages, bare nact',
        `${count(messages(measured.bare))}/s; ours is ${decimal(messages(measured.ours) / messages(measured.bare))} x`,
      ],
      ['requests with an answer, ours', `${count(asks(measured.ours))}/s`],
      [
        'requests, bare nact',
        `${count(asks(measured.bare))}/s; ours is ${decimal(asks(measured.ours) / asks(measured.bare))} x`,
      ],
      ['an awake user (100 ids, 120 followees)', `${bytes(bytesEach.user)}, its subscriptions included`],
      ['bare nact with the same in plain arrays', `${bytes(bytesEach.filled)}, without subscriptions`],
      ['bare nact, an empty actor', bytes(bytesEach.empty)],
    ],
    figures: {
      messagesPerSecond: measured.ours.map((one) => one.messagesPerSecond),
      bareMessagesPerSecond: measured.bare.map((one) => one.messagesPerSecond),
      asksPerSecond: measured.ours.map((one) => one.asksPerSecond),
      bareAsksPerSecond: measured.bare.map((one) => one.asksPerSecond),
      bytesAUser: bytesEach.user,
      bareBytesAUser: bytesEach.filled,
      bareBytesAnActor: bytesEach.empty,
    },
    wrong: [],
  };
}

/** In a fresh process, so that nothing made before blurs it. */
async function bytesOf(file: string, shape: string, users: number): Promise<number> {
  const side = await startBundled(file, {}, ['--expose-gc']);
  const { bytesEach } = await withClock(
    `memory: ${shape}`,
    10,
    side.ask({ kind: 'memory', shape, users }, memory, 120_000),
  );
  await side.stop();
  return bytesEach;
}
