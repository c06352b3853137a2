// What no other tool checks of the tree: first lines, pure product code, pinned packages, files that belong to no one machine.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { longFiles } from '../long-files.ts';

const root = join(import.meta.dirname, '../..');
const houses = ['actors', 'bench', 'cluster', 'gateway', 'runtime', 'tests'];

interface Source {
  path: string;
  text: string;
}

interface Rule {
  name: string;
  breaks(source: Source): boolean;
  planted: Source;
  kept: Source;
}

const rules: Rule[] = [
  {
    name: 'a source file begins with a comment that says what it is',
    breaks: ({ text }) => !/^(\/\/ |\/\*\* )\S.{20,}/.test(text),
    planted: { path: 'runtime/clock.ts', text: "import { now } from './time.ts';\n" },
    kept: { path: 'runtime/clock.ts', text: '// The clock of a node: times that never go back.\n' },
  },
  {
    name: 'the product makes no time and no chance of its own',
    breaks: ({ path, text }) =>
      path.startsWith('actors/') && /\bDate\.now\b|\bnew Date\(\)|\bDate\(\)|\bMath\.random\b/.test(text),
    planted: { path: 'actors/user.ts', text: 'const id = Math.random() * state.size;\n' },
    kept: { path: 'actors/user.ts', text: 'const day = new Date(message.nowMs).toISOString();\n' },
  },
  {
    name: 'no file names a place or an address of the machine it was written on',
    breaks: ({ text }) => /(^|[\s'"`(=:])\/(work|root|home)\/\w/m.test(text),
    planted: { path: 'bench/load.ts', text: `const graph = '${['', 'root', 'graph.csv'].join('/')}';\n` },
    kept: {
      path: 'gateway/page/app.tsx',
      text: "get('/home');\nfetch('/api/v1/timelines/home?limit=20');\n",
    },
  },
];

describe.each(rules)('$name', ({ breaks, planted, kept }) => {
  test('in every file', () => {
    expect(
      sources()
        .filter(breaks)
        .map(({ path }) => path),
    ).toEqual([]);
  });

  test('and the check can fail', () => {
    expect([breaks(planted), breaks(kept)]).toEqual([true, false]);
  });
});

const packageSchema = z.object({
  license: z.string(),
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
  overrides: z.record(z.string(), z.string()),
});
const packageFile = packageSchema.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));

test('every package is pinned to one version', () => {
  const { dependencies, devDependencies, overrides } = packageFile;
  const loose = Object.entries({ ...dependencies, ...devDependencies, ...overrides }).filter(
    ([, version]) => !/^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+$/.test(version),
  );
  expect(loose).toEqual([]);
});

/** Installed for what is being built next; the one who uses it first empties this list. */
const awaited: string[] = [];

test('every package of the program is used by it', () => {
  const program = sources().filter(({ path }) => !/^(tests|bench)\//.test(path));
  const text = [
    ...program.map((source) => source.text),
    readFileSync(join(root, 'package.json'), 'utf8'),
  ].join();
  const uses = (name: string) => [`from '${name}'`, `from '${name}/`, `--import ${name} `];
  const unused = Object.keys(packageFile.dependencies).filter(
    (name) => !uses(name).some((use) => text.includes(use)),
  );
  expect(unused).toEqual(awaited);
});

test('the lock file names no registry and no machine', () => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const packages = z
    .object({ packages: z.record(z.string(), z.looseObject({})) })
    .parse(JSON.parse(lock)).packages;
  expect(Object.entries(packages).filter(([, entry]) => 'resolved' in entry)).toEqual([]);
  expect(lock).not.toMatch(/registry|localhost|127\.0\.0\.1|"file:/);
});

test('the licence is the one package.json names', () => {
  expect(packageFile.license).toBe('Apache-2.0');
  expect(readFileSync(join(root, 'LICENSE'), 'utf8')).toMatch(/Apache License\s+Version 2\.0, January 2004/);
});

test('git keeps what is built, installed and stored out', () => {
  if (!existsSync(join(root, '.git'))) return;
  const ignored = [
    'build/x',
    'data/x',
    'node_modules/x',
    'release/core.mjs',
    'release.building-Ab1/core.mjs',
  ];
  const said = execFileSync('git', ['check-ignore', ...ignored], { cwd: root, encoding: 'utf8' });
  expect(said.trim().split('\n')).toEqual(ignored);
});

test('the files of tests that start first are there', () => {
  expect(longFiles.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

function sources(): Source[] {
  const inHouses = houses.flatMap((house) =>
    readdirSync(join(root, house), { recursive: true, encoding: 'utf8' }).map((name) => `${house}/${name}`),
  );
  return [...inHouses, 'vitest.config.ts']
    .filter((path) => /\.tsx?$/.test(path) && statSync(join(root, path)).isFile())
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}
