// `npm run simulate`: many seeds on all processors, or one of them with its transcript, or the protocol at scale.
import { fork } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { searchPlant } from './plant-search.ts';
import { plants } from './plants.ts';
import { runScale } from './scale.ts';
import { scaleText } from './scale-table.ts';
import { simulate } from './simulate.ts';

interface Report {
  seed: number;
  violations: string[];
  transcript: string[];
}

const wholeNumber = (text: string): number => {
  if (!/^[0-9]{1,9}$/.test(text)) throw new Error(`not a whole number: ${text}`);
  return Number(text);
};

const command = new Command('simulate')
  .description('Simulates clusters under seeds and checks that what was acknowledged stays.')
  .option('--seeds <N>', 'how many seeds', wholeNumber, 2000)
  .option('--from <N>', 'the first seed', wholeNumber, 0)
  .option('--seed <N>', 'one seed only, with its transcript', wholeNumber)
  .option('--no-repairs', 'owners do not compare what they have: what that would mend is seen')
  .option(
    '--nodes <N>',
    'no seeds, but clusters of up to so many nodes: what the protocol costs',
    wholeNumber,
  )
  .option(
    '--plants [NAME]',
    'looks for the first seed that finds each planted bug, or those with such a name',
  )
  .option('--processes <N>', 'processes', wholeNumber, Math.max(1, cpus().length))
  .parse();
const options = command.opts<{
  seeds: number;
  from: number;
  seed?: number;
  nodes?: number;
  plants?: string | true;
  processes: number;
  repairs: boolean;
}>();

function show({ seed, violations, transcript }: Report): void {
  console.log(`${transcript.join('\n')}\n`);
  console.log(violations.length === 0 ? `seed ${seed}: nothing violated` : `seed ${seed}: VIOLATED`);
  for (const violation of violations) console.log(`  ${violation}`);
}

async function many(): Promise<number> {
  const bar = new SingleBar({
    format: '{bar} {value} of {total} seeds, {failed} failed, {eta_formatted} to go',
  });
  bar.start(options.seeds, 0, { failed: 0 });
  const failed: Report[] = [];
  let next = options.from;
  const end = options.from + options.seeds;
  let done = 0;
  await Promise.all(
    Array.from({ length: options.processes }, async () => {
      const worker = fork(join(import.meta.dirname, 'simulate-worker.ts'), {
        execArgv: ['--import', 'tsx'],
      });
      while (next < end) {
        const seed = next++;
        const report = await new Promise<Report>((resolve, reject) => {
          worker.once('message', (report) => resolve(report as Report));
          worker.once('error', reject);
          worker.send({ seed, repairs: options.repairs });
        });
        worker.removeAllListeners();
        done++;
        if (report.violations.length > 0) failed.push(report);
        bar.update(done, { failed: failed.length });
      }
      worker.disconnect();
    }),
  );
  bar.stop();
  for (const report of failed.sort((one, other) => one.seed - other.seed).slice(0, 3)) show(report);
  const seeds = failed.map(({ seed }) => seed).join(' ');
  console.log(
    failed.length === 0
      ? `${done} seeds from ${options.from}: nothing violated`
      : `${failed.length} of ${done} seeds failed: ${seeds}\nagain: npm run simulate -- --seed ${failed[0]?.seed}`,
  );
  return failed.length === 0 ? 0 : 1;
}

const sizes = [10, 50, 150, 300, 1000];
/** More of them take too long, and too much memory: each is linked to each. */
const wholeMost = 50;

function atScale(nodes: number): void {
  const report = runScale({
    sizes: [...sizes.filter((size) => size < nodes), nodes],
    wholeMost,
    seed: options.from,
    progress: (text) => console.error(text),
  });
  console.log(scaleText(report));
}

async function searchPlants(name: string): Promise<void> {
  const seeds = { from: options.from, to: options.from + options.seeds };
  for (const plant of plants.filter((one) => one.name.includes(name))) {
    const { seed, checker, atSeconds } = await searchPlant(plant, seeds);
    const found = seed === null ? 'not found' : `seed ${seed}: ${checker}, at ${atSeconds} s`;
    console.log(`${plant.name}: ${found}${seed === plant.seed ? '' : ` (${plant.seed} is written)`}`);
  }
}

if (options.plants !== undefined) await searchPlants(options.plants === true ? '' : options.plants);
else if (options.nodes !== undefined) atScale(options.nodes);
else if (options.seed === undefined) process.exitCode = await many();
else {
  const report = simulate({ seed: options.seed, repairs: options.repairs });
  show({ ...report, seed: options.seed });
  process.exitCode = report.violations.length === 0 ? 0 : 1;
}
