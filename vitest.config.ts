// How the tests run. `--mode long` adds the files named *.long.test.ts (npm run chaos, npm run fuzz), which the suite leaves out.
import { configDefaults, defineConfig } from 'vitest/config';
import { LongestFirst } from './tests/longest-first.ts';

const longTests = 'tests/**/*.long.test.ts';

export default defineConfig(({ mode }) => {
  const long = mode === 'long';
  return {
    test: {
      environment: 'node',
      include: ['tests/**/*.test.ts'],
      exclude: long ? configDefaults.exclude : [...configDefaults.exclude, longTests],
      globalSetup: ['tests/global-setup.ts'],
      pool: 'forks',
      // A process takes file after file: each starts with modules loaded, which is a third of the suite's processor time.
      isolate: false,
      maxWorkers: 4,
      sequence: { sequencer: LongestFirst },
      // Bounds on hanging, not on speed: a busy machine may take its time.
      testTimeout: long ? 3_600_000 : 120_000,
      hookTimeout: 180_000,
      reporters: [
        'default',
        ['json', { outputFile: long ? 'build/test-report-long.json' : 'build/test-report.json' }],
      ],
    },
  };
});
