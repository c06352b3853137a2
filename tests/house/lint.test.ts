// The lint rules of biome.json can each fail. That the tree itself keeps them is `npm run lint`'s part.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

const root = join(import.meta.dirname, '../..');

const reportSchema = z.object({
  diagnostics: z.array(
    z.object({ category: z.string(), severity: z.string(), location: z.object({ path: z.string() }) }),
  ),
});

function lint(folder: string): Promise<z.infer<typeof reportSchema>['diagnostics']> {
  const command = [
    join(root, 'node_modules/@biomejs/biome/bin/biome'),
    ...['check', '--error-on-warnings', '--max-diagnostics=none', '--reporter=json'],
  ];
  return new Promise((fulfil, reject) => {
    execFile(process.execPath, command, { cwd: folder }, (error, stdout, stderr) => {
      if (error === null) reject(new Error('lint passed a folder full of violations'));
      else if (stdout === '') reject(new Error(stderr, { cause: error }));
      else fulfil(reportSchema.parse(JSON.parse(stdout)).diagnostics);
    });
  });
}

const planted: Record<string, { rule: string; text: string }> = {
  'runtime/any.ts': {
    rule: 'lint/suspicious/noExplicitAny',
    text: 'export const wide = (value: any): number => value;\n',
  },
  'runtime/bang.ts': {
    rule: 'lint/style/noNonNullAssertion',
    text: 'export const first = (list: number[]): number => list[0]!;\n',
  },
  'runtime/default.ts': {
    rule: 'lint/style/noDefaultExport',
    text: 'export default 1;\n',
  },
  'runtime/camelCase.ts': {
    rule: 'lint/style/useFilenamingConvention',
    text: 'export const one = 1;\n',
  },
  'runtime/barrel.ts': {
    rule: 'lint/performance/noBarrelFile',
    text: "export { first } from './bang.ts';\n",
  },
  'runtime/cycle-one.ts': {
    rule: 'lint/suspicious/noImportCycles',
    text: "import { two } from './cycle-two.ts';\n\nexport const one = (): number => two();\n",
  },
  'runtime/cycle-of-types-one.ts': {
    rule: 'lint/suspicious/noImportCycles',
    text: "import type { Two } from './cycle-of-types-two.ts';\n\nexport type One = Two | 1;\n",
  },
  'runtime/floating.ts': {
    rule: 'lint/nursery/noFloatingPromises',
    text: 'async function save(): Promise<void> {}\n\nexport function stop(): void {\n  save();\n}\n',
  },
  'runtime/enum.ts': {
    rule: 'lint/style/noEnum',
    text: 'export enum Colour {\n  red = 1,\n}\n',
  },
  'runtime/unused.ts': {
    rule: 'lint/correctness/noUnusedVariables',
    text: 'const never = 1;\n\nexport const one = 1;\n',
  },
  'runtime/long.ts': {
    rule: 'lint/style/noExcessiveLinesPerFile',
    text: Array.from({ length: 401 }, (_, line) => `export const line${line} = ${line};\n`).join(''),
  },
  'runtime/untidy.ts': {
    rule: 'format',
    text: 'export const   one = "1"\n',
  },
  'tests/skipped.test.ts': {
    rule: 'lint/suspicious/noSkippedTests',
    text: "import { test } from 'vitest';\n\ntest.skip('holds', () => {});\n",
  },
  'tests/focused.test.ts': {
    rule: 'lint/suspicious/noFocusedTests',
    text: "import { test } from 'vitest';\n\ntest.only('holds', () => {});\n",
  },
};

const innocent: Record<string, string> = {
  'runtime/cycle-two.ts':
    "import { one } from './cycle-one.ts';\n\nexport const two = (): number => one();\n",
  'runtime/cycle-of-types-two.ts':
    "import type { One } from './cycle-of-types-one.ts';\n\nexport type Two = { one: One } | 2;\n",
  'runtime/status-id.ts':
    "export const read = (row: Record<string, string>): string | undefined => row['id'];\n",
  'vitest.config.ts': 'export default {};\n',
};
/** The other half of each cycle is a violation too. */
const clean = ['runtime/status-id.ts', 'vitest.config.ts'];

describe('a planted violation', () => {
  const found = new Map<string, string[]>();
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'murmuration-lint-'));
    await copyFile(join(root, 'biome.json'), join(folder, 'biome.json'));
    const texts = Object.entries(planted).map(([path, { text }]) => [path, text] as const);
    for (const [path, text] of [...texts, ...Object.entries(innocent)]) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    for (const { category, location } of await lint(folder)) {
      found.set(location.path, [...(found.get(location.path) ?? []), category]);
    }
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(Object.entries(planted))('in %s is found', (path, { rule }) => {
    expect(found.get(path)).toContain(rule);
  });

  test('is found where it stands, and nowhere else', () => {
    expect(clean.filter((path) => found.has(path))).toEqual([]);
  });
});
