// A million hostile frames on links between machines (`npm run fuzz`). FUZZ_FRAMES sets another number, FUZZ_SEED runs one again.
import { test } from 'vitest';
import { fuzzFrames } from './wire-frame-run.ts';
import { fuzzSockets } from './wire-socket-run.ts';
import { expectLinksUnharmed, expectServerUnharmed, printWireReport } from './wire-verdict.ts';

const frames = Number(process.env['FUZZ_FRAMES'] ?? 1_000_000);
const bySockets = Math.round(frames / 100);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);

test(`${frames} hostile frames end the links they came on, and nothing else`, async () => {
  console.log(`seed ${seed}: FUZZ_SEED=${seed} runs it again`);
  const links = await fuzzFrames({ seed, frames: frames - bySockets });
  const sockets = await fuzzSockets({ seed, frames: bySockets });
  console.log(printWireReport(links, sockets));
  expectLinksUnharmed(links);
  expectServerUnharmed(sockets);
});
