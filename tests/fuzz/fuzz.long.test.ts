// A hundred thousand senseless inputs (`npm run fuzz`). FUZZ_INPUTS sets another number, FUZZ_SEED runs one again.
import { test } from 'vitest';
import { fuzzRun, printReport } from './fuzz-run.ts';
import { expectHarmless } from './fuzz-verdict.ts';

const inputs = Number(process.env['FUZZ_INPUTS'] ?? 100_000);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);

test(`${inputs} senseless requests, upgrades and frames harm nobody`, async () => {
  console.log(`seed ${seed}: FUZZ_SEED=${seed} runs it again`);
  const report = await fuzzRun({ seed, inputs });
  console.log(printReport(report));
  expectHarmless(report, inputs);
});
