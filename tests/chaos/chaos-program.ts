// `npm run chaos`: machines under faults for as long as asked, and what their clients' record says of the promises.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { judge } from './judge.ts';
import type { Entry } from './record.ts';
import { ringSize, runChaos } from './run.ts';
import { summaryLine } from './summary.ts';
import { violationText } from './violation.ts';

const number = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`not a number above 0: ${text}`);
  return value;
};

interface Options {
  minutes: number;
  seed: number;
  machines: number;
  ring: number;
  loopback: boolean;
  only: string;
  judge?: string;
}

const options = new Command('chaos')
  .description(
    'Kills, stops and cuts off machines of a cluster, and checks by its clients’ record what it promises.',
  )
  .option('--minutes <N>', 'how long', number, 10)
  .option('--seed <N>', 'of the faults', number, Date.now() % 1_000_000)
  .option('--machines <N>', 'how many', number, 5)
  .option('--ring <N>', 'how many of them own accounts', number, ringSize)
  .option('--loopback', 'without networks of their own, and so without faults of networks and disks', false)
  .option(
    '--only <NAME>',
    'of the faults those with this in their name: "kill core", "bridge", "spoil" ...',
    '',
  )
  .option('--judge <FILE>', 'judge the record.jsonl of an earlier run again, and run nothing')
  .parse()
  .opts<Options>();

async function run({ minutes, seed, machines, ring, loopback, only }: Options): Promise<boolean> {
  const beganMs = performance.now();
  const report = (line: string): void =>
    console.log(`${((performance.now() - beganMs) / 1000).toFixed(1).padStart(7)}  ${line}`);
  console.log(`seed ${seed}, ${machines} machines, ${minutes} minutes`);
  const { summary, account, kept, withoutNetwork } = await runChaos({
    ...{ minutes, seed, machines, ring, loopback, only, report },
  });
  if (withoutNetwork !== null)
    console.log(`On loopback addresses, without faults of networks and disks: ${withoutNetwork}`);
  console.log(`seed ${seed}: ${summaryLine(summary)}`);
  if (account === null) return true;
  console.log(`\n${account}`);
  console.log(`\nLogs and record: ${kept}`);
  return false;
}

function judgeAgain(file: string): boolean {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const entries = lines.map((line): Entry => JSON.parse(line));
  const violations = judge(entries);
  for (const violation of violations) console.log(`${violationText(violation, entries)}\n`);
  console.log(`${entries.length} entries, ${violations.length} violations`);
  return violations.length === 0;
}

const isSound = options.judge === undefined ? await run(options) : judgeAgain(options.judge);
process.exitCode = isSound ? 0 : 1;
