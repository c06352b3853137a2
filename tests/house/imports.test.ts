// The rules of .dependency-cruiser.cjs hold for this tree, and each of them can fail.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

const root = join(import.meta.dirname, '../..');
const houses = ['actors', 'bench', 'cluster', 'gateway', 'runtime', 'tests'];

const cruiseSchema = z.object({
  modules: z.array(z.object({ source: z.string() })),
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), to: z.string(), rule: z.object({ name: z.string() }) })),
  }),
});

/** The command line, as `npm run imports` runs it: its way of reading the configuration is part of what is tested. */
function cruise(folder: string): Promise<z.infer<typeof cruiseSchema>> {
  const command = [
    join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
    ...['--config', join(root, '.dependency-cruiser.cjs'), '--output-type', 'json', '.'],
  ];
  return new Promise((fulfil, reject) => {
    // The exit code is the number of violations, so it says nothing that the output does not.
    execFile(process.execPath, command, { cwd: folder, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(stderr, { cause: error }));
      else fulfil(cruiseSchema.parse(JSON.parse(stdout)));
    });
  });
}

async function sourceFiles(): Promise<string[]> {
  const lists = await Promise.all(
    houses.map(async (house) => {
      const names = await readdir(join(root, house), { recursive: true });
      return names.filter((name) => /\.tsx?$/.test(name)).map((name) => `${house}/${name}`);
    }),
  );
  return lists.flat();
}

test('this tree keeps the import directions, and every source file was looked at', async () => {
  const result = await cruise(root);
  const seen = new Set(result.modules.map((module) => module.source));

  expect(result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
  const files = await sourceFiles();
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => !seen.has(file))).toEqual([]);
});

/** Each file breaks one rule. */
const planted: Record<string, { rule: string; text: string }> = {
  'actors/asks-the-clock.ts': {
    rule: 'actors-import-pure-files-only',
    text: "import { clock } from '../runtime/clock.ts';\nexport const one = clock;\n",
  },
  'actors/uses-a-package.ts': {
    rule: 'actors-import-pure-files-only',
    text: "import { pack } from 'msgpackr';\nexport const one = pack;\n",
  },
  'runtime/codec.ts': {
    rule: 'pure-runtime-stays-pure',
    text: "import { createHash } from 'node:crypto';\nexport const one = createHash;\n",
  },
  'runtime/knows-the-product.ts': {
    rule: 'runtime-knows-no-product',
    text: "import type { One } from '../actors/facts.ts';\nexport const one: One = 1;\n",
  },
  'cluster/runs-behaviour.ts': {
    rule: 'cluster-imports-runtime',
    text: "import { behaviours } from '../actors/behaviours.ts';\nexport const one = behaviours;\n",
  },
  'cluster/knows-the-gateway.ts': {
    rule: 'cluster-imports-runtime',
    text: "import { one } from '../gateway/knows-the-core.ts';\nexport const two = one;\n",
  },
  'gateway/runs-behaviour.ts': {
    rule: 'gateway-imports-shared-actors',
    text: "import { behaviours } from '../actors/behaviours.ts';\nexport const one = behaviours;\n",
  },
  'gateway/knows-the-core.ts': {
    rule: 'gateway-imports-links',
    text: "import { core } from '../cluster/core.ts';\nexport const one = core;\n",
  },
  'gateway/page/shares-code.ts': {
    rule: 'page-is-a-client',
    text: "import { one } from '../../runtime/clock.ts';\nexport const two = one;\n",
  },
  'gateway/renders-the-page.ts': {
    rule: 'nobody-imports-the-page',
    text: "import { two } from './page/shares-code.ts';\nexport const one = two;\n",
  },
  'cluster/uses-a-test.ts': {
    rule: 'nobody-imports-tests-or-bench',
    text: "import { one } from '../tests/uses-bench.ts';\nexport const two = one;\n",
  },
  'tests/uses-bench.ts': {
    rule: 'tests-import-no-bench',
    text: "import { one } from '../bench/load.ts';\nexport const two = one;\n",
  },
  'runtime/reads-a-file.ts': {
    rule: 'io-only-in-named-files',
    text: "import { readFileSync } from 'node:fs';\nexport const one = readFileSync;\n",
  },
  'runtime/opens-a-database.ts': {
    rule: 'io-only-in-named-files',
    text: "import { open } from 'lmdb';\nexport const one = open;\n",
  },
  'gateway/serves.ts': {
    rule: 'io-only-in-named-files',
    text: "import { App } from 'uWebSockets.js';\nexport const one = App;\n",
  },
  'cluster/uses-a-test-package.ts': {
    rule: 'no-development-packages-in-the-program',
    text: "import { expect } from 'vitest';\nexport const one = expect;\n",
  },
  'cluster/misses-a-file.ts': {
    rule: 'everything-resolves',
    text: "import { one } from './not-there.ts';\nexport const two = one;\n",
  },
  'cluster/uses-what-others-brought.ts': {
    rule: 'packages-are-declared',
    text: "import { build } from 'esbuild';\nexport const one = build;\n",
  },
};

/** Files that break nothing: what the planted ones import, and the allowed neighbours of each rule. */
const innocent: Record<string, string> = {
  'actors/behaviours.ts': "import type { One } from './facts.ts';\nexport const behaviours: One = 1;\n",
  'actors/facts.ts': "import type { Key } from '../runtime/key.ts';\nexport type One = Key | 1;\n",
  'bench/load.ts': 'export const one = 1;\n',
  'cluster/core.ts': "import { readFileSync } from 'node:fs';\nexport const core = readFileSync;\n",
  'cluster/knows-facts.ts': "import type { One } from '../actors/facts.ts';\nexport const one: One = 1;\n",
  'cluster/link.ts': "import { WebSocket } from 'ws';\nexport const link = WebSocket;\n",
  'gateway/core-session.ts': "import { link } from '../cluster/link.ts';\nexport const session = link;\n",
  'gateway/http-server.ts': "import { App } from 'uWebSockets.js';\nexport const server = App;\n",
  'gateway/types-only.ts':
    "import type { WebSocket } from 'uWebSockets.js';\nexport type Socket = WebSocket<null>;\n",
  'runtime/clock.ts': 'export const clock = 1;\nexport const one = 1;\n',
  'runtime/key.ts': 'export type Key = string;\n',
};

describe('a planted violation', () => {
  let folder = '';
  const violations = new Map<string, string[]>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'murmuration-imports-'));
    const texts = Object.entries(planted).map(([path, { text }]) => [path, text] as const);
    for (const [path, text] of [...texts, ...Object.entries(innocent)]) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const manifest = {
      dependencies: { lmdb: '*', ws: '*', msgpackr: '*', 'uWebSockets.js': '*' },
      devDependencies: { vitest: '*' },
    };
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const result = await cruise(folder);
    for (const { from, rule } of result.summary.violations) {
      violations.set(from, [...(violations.get(from) ?? []), rule.name]);
    }
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(Object.entries(planted))('in %s is found', (path, { rule }) => {
    expect(violations.get(path)).toContain(rule);
  });

  test('is found where it stands, and nowhere else', () => {
    expect(Object.keys(innocent).filter((path) => violations.has(path))).toEqual([]);
  });

  test('exists for each rule', () => {
    const config: unknown = createRequire(import.meta.url)('../../.dependency-cruiser.cjs');
    const names = z.object({ forbidden: z.array(z.object({ name: z.string() })) }).parse(config).forbidden;
    const covered = new Set(Object.values(planted).map(({ rule }) => rule));
    expect(names.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });
});
