// kill -9 at random moments under load, fifty times: what was acknowledged is there, once, and watchers have missed nothing.
import { expect, test } from 'vitest';
import { killRounds } from './kill-rounds.ts';

/** A small generator of its own (mulberry32), so that a run can be had again by its seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const rounds = Number(process.env['MURMURATION_KILL_ROUNDS'] ?? 50);
const seed = Number(process.env['MURMURATION_SEED'] ?? Date.now() % 1_000_000);

test('fifty kills of core, gateways and agent lose nothing that was acknowledged', {
  timeout: 300_000 + rounds * 10_000,
}, async () => {
  console.log(`seed ${seed}: MURMURATION_SEED=${seed} runs it again`);
  const report = await killRounds({
    rounds,
    victims: ['core', 'core', 'gateway', 'gateway', 'agent'],
    chance: seeded(seed),
  });
  console.log(
    `${report.rounds} kills, ${report.posts} posts acknowledged, ${report.drops} drops of two watchers' sockets`,
  );
  expect(report.posts).toBeGreaterThan(rounds);
});
