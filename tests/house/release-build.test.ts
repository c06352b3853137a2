// What a release is: whole, runnable by plain node, the same bytes for the same source, and refused when the source is not fit.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { compileFunction } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildRelease } from '../../cluster/release-build.ts';
import { pageScriptMostBytes } from '../../cluster/release-bundle.ts';
import { changesBetween } from '../../cluster/release-changes.ts';
import { installedVersion } from '../../cluster/release-native.ts';
import { movedAgainst, releasePieceBytes } from '../../cluster/release-torrent.ts';
import { makeInfo } from '../../cluster/torrent-making.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** A product in small: each program uses what the real one uses, so that bundling those packages is tested. */
const source: Record<string, string> = {
  'package.json': '{ "name": "sparrow", "version": "1.2.3", "type": "module" }',
  'runtime/key.ts': "export const key = (rest: string): string => 'k' + rest;\n",
  'actors/behaviours.ts':
    "import { key } from '../runtime/key.ts';\nexport const behaviours = { greet: (name: string) => key(name) };\n",
  'cluster/core-program.ts': `
    import { open } from 'lmdb';
    import { pack, unpack } from 'msgpackr';
    import { start } from 'nact';
    import { pino } from 'pino';
    import { Counter } from 'prom-client';
    import { WebSocketServer } from 'ws';
    import { z } from 'zod';
    pino({ level: 'info' }, process.stderr).info('up');
    const kinds = [open, start, Counter, WebSocketServer, z.string].map((one) => typeof one);
    console.log(JSON.stringify([unpack(pack('core')), ...kinds]));
  `,
  'gateway/gateway-program.ts': `
    import { Busboy } from '@fastify/busboy';
    import { LRUCache } from 'lru-cache';
    import { App } from 'uWebSockets.js';
    console.log(JSON.stringify(['gateway', ...[App, Busboy, LRUCache].map((one) => typeof one)]));
  `,
  'gateway/page/app.tsx':
    'import { render } from \'preact\';\nrender(<p class="greeting">chirp</p>, document.body);\n',
  'gateway/page/index.html': '<!doctype html><script src="app.js"></script>\n',
  'gateway/page/app.css': 'p { margin: 0 }\n',
};

describe('a release', () => {
  let home = '';
  let place = '';
  let out = '';
  let early = '';
  /** Built of `source` once, for tests of what comes after a build. */
  let built = '';

  beforeAll(async () => {
    early = await mkdtemp(join(tmpdir(), 'murmuration-release-'));
    built = join(early, 'release');
    await buildRelease({ root: await plant(join(early, 'root'), source), out: built });
  });

  afterAll(() => rm(early, { recursive: true, force: true }));

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'murmuration-release-'));
    place = await plant(join(home, 'root'), source);
    out = join(home, 'out', 'release');
  });

  afterEach(() => rm(home, { recursive: true, force: true }));

  async function plant(folder: string, texts: Record<string, string>): Promise<string> {
    for (const [path, text] of Object.entries(texts)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules')).catch(() => {});
    return folder;
  }

  test('holds the programs, the behaviours, the page and a manifest that describes them', async () => {
    const manifest = await buildRelease({ root: place, out });

    expect(manifest).toMatchObject({ name: 'sparrow', version: '1.2.3', parent: null });
    const paths = manifest.files.map(({ path }) => path);
    expect(paths.filter((path) => !path.startsWith('packages/'))).toEqual([
      'behaviours.js',
      'core.mjs',
      'gateway.mjs',
      'page/app.css',
      'page/app.js',
      'page/index.html',
    ]);
    const { behaviours, core, gateway, page } = manifest.parts;
    expect([behaviours, page]).toEqual([
      ['behaviours.js'],
      ['page/app.css', 'page/app.js', 'page/index.html'],
    ]);
    expect(core).toEqual(expect.arrayContaining(['core.mjs', 'packages/zod.mjs']));
    expect(core).not.toContain('packages/lru-cache.mjs');
    expect(gateway).toEqual(expect.arrayContaining(['gateway.mjs', 'packages/lru-cache.mjs']));
    expect(gateway).not.toContain('packages/zod.mjs');
    expect(manifest.native).toEqual({
      lmdb: await installedVersion(root, 'lmdb'),
      'uWebSockets.js': await installedVersion(root, 'uWebSockets.js'),
    });
    for (const { path, size, sha256 } of manifest.files) {
      const bytes = await readFile(join(out, path));
      expect([path, bytes.length]).toEqual([path, size]);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    }
    const text = await readFile(join(out, 'manifest.json'), 'utf8');
    expect(JSON.parse(text)).toEqual(manifest);
    expect(Object.keys(JSON.parse(text))).toEqual(Object.keys(manifest).sort());
  });

  test('has programs that plain node runs, bundled packages and native ones included', async () => {
    const installed = join(place, 'release');
    await cp(built, installed, { recursive: true });

    const core = await run(process.execPath, [join(installed, 'core.mjs')]);
    expect(JSON.parse(core.stdout)).toEqual(['core', ...Array(5).fill('function')]);
    expect(core.stderr).toContain('"msg":"up"');
    const gateway = await run(process.execPath, [join(installed, 'gateway.mjs')]);
    expect(JSON.parse(gateway.stdout)).toEqual(['gateway', ...Array(3).fill('function')]);
    // Only native packages are looked up where the release runs; all else travels with it.
    const programs = Object.entries(await contents(installed)).filter(([path]) => path.endsWith('.mjs'));
    const lookedUp = programs.flatMap(([, text]) => [...text.matchAll(/^import .* from "([^"]+)";$/gm)]);
    const packages = lookedUp
      .map((match) => match[1] ?? '')
      .filter((name) => !isBuiltin(name) && !name.startsWith('.'));
    expect([...new Set(packages)].sort()).toEqual(['lmdb', 'uWebSockets.js']);
  });

  test('has behaviours that fill the exports they are given and import nothing', async () => {
    const script = await readFile(join(built, 'behaviours.js'), 'utf8');
    const exported: { behaviours?: { greet(name: string): string } } = {};
    compileFunction(script, ['exports'])(exported);
    expect(exported.behaviours?.greet('wren')).toBe('kwren');
    expect(script).not.toMatch(/\b(import|require)\b/);
  });

  test('is the same bytes when the same source is built in two places', async () => {
    const deep = await plant(join(home, 'a', 'b', 'c', 'other'), source);
    await chmod(join(deep, 'gateway/page/index.html'), 0o755);
    await buildRelease({ root: deep, out });

    expect(await contents(built)).toEqual(await contents(out));
    const infos = await Promise.all([built, out].map((folder) => makeInfo({ folder, name: 'sparrow' })));
    expect(hex(infos[0]?.hash)).toBe(hex(infos[1]?.hash));
  });

  test('replaces the one before whole, and leaves nothing beside it', async () => {
    await cp(built, out, { recursive: true });
    await writeFile(join(out, 'stray.js'), 'from an older source');
    await plant(place, { 'gateway/page/app.css': 'p { margin: 1px }\n' });
    await buildRelease({ root: place, out });

    expect(await readFile(join(out, 'page/app.css'), 'utf8')).toContain('1px');
    expect(Object.keys(await contents(out))).not.toContain('stray.js');
    expect(await readdir(dirname(out))).toEqual(['release']);
  });

  test('comes out whole when several builds put it in the same place at once', async () => {
    const manifests = await Promise.all([1, 2, 3].map(() => buildRelease({ root: place, out })));

    expect(manifests[1]).toEqual(manifests[0]);
    expect(JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8'))).toEqual(manifests[0]);
    expect(await readdir(dirname(out))).toEqual(['release']);
  });

  test('is refused where nothing can be written', async () => {
    await writeFile(join(home, 'file'), 'not a folder');

    await expect(buildRelease({ root: place, out: join(home, 'file', 'release') })).rejects.toThrow(
      /must be writable to build there/,
    );
  });

  test('tells what it made, the compressed size of the page among it', async () => {
    const lines: string[] = [];
    await buildRelease({ root: place, out, onProgress: (line) => lines.push(line) });

    expect(lines.find((line) => line.startsWith('page/app.js'))).toMatch(
      /^page\/app\.js: .* KiB compressed$/,
    );
    expect(lines.filter((line) => !line.startsWith('packages/')).length).toBe(6);
  });

  test.each([
    ['a missing program', { 'cluster/core-program.ts': null }, /cluster\/core-program\.ts is missing/],
    ['a missing page', { 'gateway/page/index.html': null }, /gateway\/page\/index\.html is missing/],
    [
      'a program that does not parse',
      { 'gateway/gateway-program.ts': 'const = 1;' },
      /gateway-program\.ts cannot be bundled/,
    ],
    [
      'a program that takes all of a package',
      { 'gateway/gateway-program.ts': "import * as all from 'zod';\nconsole.log(all);\n" },
      /gateway-program\.ts imports all of zod/,
    ],
    [
      'a file that not every system could hold',
      { 'gateway/page/a b.svg': '<svg/>' },
      /the manifest is wrong: .*no plain path/,
    ],
    [
      'behaviours that import a built-in module',
      {
        'actors/behaviours.ts': "import { hostname } from 'node:os';\nexport const behaviours = hostname;\n",
      },
      /actors\/behaviours\.ts cannot be bundled.*node:os/s,
    ],
    [
      'behaviours that import a package',
      { 'actors/behaviours.ts': "import { z } from 'zod';\nexport const behaviours = z;\n" },
      /must be pure, but reaches .*zod/,
    ],
    [
      'behaviours that load something later',
      { 'actors/behaviours.ts': 'export const behaviours = (name: string) => import(name);\n' },
      /must be pure, but loads something while it runs/,
    ],
    [
      'behaviours that throw when loaded',
      { 'actors/behaviours.ts': "export const behaviours = null;\nthrow new Error('sick');\n" },
      /does not load: Error: sick/,
    ],
    ['behaviours that export nothing', { 'actors/behaviours.ts': 'export {};\n' }, /exports nothing/],
    [
      'a page that is too large',
      { 'gateway/page/app.tsx': `console.log('${noise(2 * pageScriptMostBytes)}');\n` },
      /page\/app\.js is .* compressed; at most 60\.0 KiB/,
    ],
    ['a package without a version', { 'package.json': '{}' }, /package\.json needs a name and a version/],
  ])(
    'is refused for %s, and the one before stays',
    async (_what, changed: Record<string, string | null>, reason) => {
      await cp(built, out, { recursive: true });
      const before = await contents(out);
      for (const [path, text] of Object.entries(changed)) {
        if (text === null) await rm(join(place, path));
        else await writeFile(join(place, path), text);
      }

      await expect(buildRelease({ root: place, out })).rejects.toThrow(reason);
      expect(await contents(out)).toEqual(before);
      expect(await readdir(dirname(out))).toEqual(['release']);
    },
  );
});

describe('the release of this checkout', () => {
  test('is built before the tests, and building it again gives the same bytes', async () => {
    const home = await mkdtemp(join(tmpdir(), 'murmuration-release-'));
    try {
      const again = join(home, 'release');
      await buildRelease({ root, out: again });
      expect(await contents(again)).toEqual(await contents(join(root, 'release')));
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

  test('moves little for a line that changed, and says which part it is in', async () => {
    const home = await mkdtemp(join(tmpdir(), 'murmuration-release-'));
    try {
      const place = join(home, 'root');
      for (const name of ['actors', 'cluster', 'gateway', 'runtime', 'package.json'])
        await cp(join(root, name), join(place, name), { recursive: true });
      await symlink(join(root, 'node_modules'), join(place, 'node_modules'));
      const built = async (name: string) => {
        const manifest = await buildRelease({ root: place, out: join(home, name) });
        const info = await makeInfo({
          folder: join(home, name),
          name: 'one',
          pieceLength: releasePieceBytes,
        });
        return { manifest, info };
      };
      const before = await built('before');
      const file = join(place, 'cluster/core.ts');
      const text = await readFile(file, 'utf8');
      const changed = text.replace(/^( +)return /m, '$1globalThis.lineMore;\n$1return ');
      expect(changed).not.toBe(text);
      await writeFile(file, changed);
      const after = await built('after');
      expect(changesBetween(before.manifest, after.manifest)).toEqual({
        behaviours: false,
        core: true,
        gateway: false,
        page: false,
      });
      const { movedBytes, totalBytes } = movedAgainst(before.info, after.info);
      expect(movedBytes / totalBytes).toBeLessThan(0.05);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files
      .sort()
      .map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'latin1')] as const),
  );
  return Object.fromEntries(texts);
}

/** Hex digits of a hash chain: compresses to half at best, and is the same each time. */
function noise(bytes: number): string {
  let link = '';
  let text = '';
  while (text.length < bytes * 2) {
    link = createHash('sha256').update(link).digest('hex');
    text += link;
  }
  return text;
}
