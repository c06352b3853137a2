// The last line of .ci/run: counts what vitest reported, and adds the checks that failed. Usage: verdict.ts REPORT EXIT_CODE [FAILED_CHECK ...]
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { z } from 'zod';

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
});

/** Of what a failed test said, so much stands here: whoever has only the end of the output must see what failed, and why. */
const mostLines = 25;
const longestLine = 400;

const [reportFile = '', exitCode = '', ...failedChecks] = process.argv.slice(2);
const report = readReport(reportFile);
if (report !== null) explain(report);
const { passed, failures } = count(report);
if (failures === 0 && exitCode !== '0') failedChecks.push(`npm test ended with exit code ${exitCode}`);
if (failures === 0 && passed === 0) failedChecks.push('no test ran');

for (const check of failedChecks) console.log(`failed: ${check}`);
const failed = failures + failedChecks.length;
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed`);

type Report = z.infer<typeof reportSchema>;

function readReport(path: string): Report | null {
  try {
    return reportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    console.log(`no test report at ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

function explain({ testResults }: Report): void {
  for (const { name, assertionResults } of testResults)
    for (const { fullName, failureMessages } of assertionResults.filter(
      ({ status }) => status === 'failed',
    )) {
      console.log(`\nfailed: ${relative('.', name)}: ${fullName}`);
      const lines = failureMessages.join('\n').split('\n');
      for (const line of lines.slice(0, mostLines)) console.log(`  ${line.slice(0, longestLine)}`);
      if (lines.length > mostLines) console.log(`  and ${lines.length - mostLines} more lines, above`);
    }
}

/** A file that could not be loaded has no tests to count, and a skipped test proves nothing: both are failures. */
function count(read: Report | null): { passed: number; failures: number } {
  if (read === null) return { passed: 0, failures: 0 };
  const unloaded = read.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  for (const file of unloaded) console.log(`failed to load: ${file.name}`);
  const skipped = read.numPendingTests + read.numTodoTests;
  if (skipped > 0) console.log(`skipped: ${skipped}`);
  return { passed: read.numPassedTests, failures: read.numFailedTests + unloaded.length + skipped };
}
