// Five machines of the real programs under faults, with clients at all of them: what was promised is so, by the clients' own record.
import { expect, test } from 'vitest';
import { runChaos } from './run.ts';
import { summaryLine } from './summary.ts';

const minutes = Number(process.env['MURMURATION_CHAOS_MINUTES'] ?? 2);
/** The same faults in each run of the suite, among them everything killed at once; `npm run chaos` deals others. */
const seed = Number(process.env['MURMURATION_SEED'] ?? 223_907);

test('two minutes of faults break no promise', { timeout: 600_000 + minutes * 90_000 }, async () => {
  console.log(`seed ${seed}: "npm run chaos -- --seed ${seed} --minutes ${minutes}" deals the same faults`);
  const { summary, account, kept, withoutNetwork } = await runChaos({
    minutes,
    seed,
    machines: 5,
    loopback: false,
    report: () => {},
  });
  if (withoutNetwork !== null)
    console.log(
      `Machines are loopback addresses here, without faults of networks and disks: ${withoutNetwork}`,
    );
  console.log(`seed ${seed}: ${summaryLine(summary)}`);
  if (account !== null) throw new Error(`${account}\n\nLogs and record: ${kept}`);
  // A run in which nothing was harmed, or nothing got done, proves nothing.
  expect(summary.faults).toBeGreaterThan(0);
  expect(summary.posts).toBeGreaterThan(50);
  expect(summary.resumes).toBeGreaterThan(0);
});
