// Manifests of releases: the only bytes of each, read with suspicion; what changes between two; which modules lie together.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changesBetween } from '../../cluster/release-changes.ts';
import { layOut } from '../../cluster/release-layout.ts';
import { encodeManifest, type ReleaseManifest, releaseLabel } from '../../cluster/release-manifest.ts';
import {
  flawOfPath,
  isOlder,
  manifestMostBytes,
  readManifest,
} from '../../cluster/release-manifest-reading.ts';
import { smallFiles, smallManifest } from '../support/small-release.ts';

const agent = '0.1.0';
const read = (text: string) => readManifest(Buffer.from(text), agent);

describe('a manifest', () => {
  test('is read as what was written', () => {
    const manifest = smallManifest(smallFiles, { native: { lmdb: '3.5.6', 'uWebSockets.js': '20.51.4' } });
    expect(read(encodeManifest(manifest))).toEqual({ ok: true, manifest });
    expect(releaseLabel(manifest, 'f'.repeat(64))).toBe('1.2.3-ffffffffffff');
  });

  test('for a newer agent is refused with that reason, even when it says more than is known here', () => {
    const later = { ...smallManifest(), minimumAgent: '0.2.0', somethingNew: true };
    expect(read(`${JSON.stringify(later)}\n`)).toMatchObject({
      ok: false,
      code: 'newer-agent',
      reason: expect.stringMatching(/needs an agent of 0\.2\.0 at least, and this is 0\.1\.0/),
    });
    const text = encodeManifest(smallManifest(smallFiles, { minimumAgent: '0.2.0' }));
    expect(readManifest(Buffer.from(text), '0.2.0').ok).toBe(true);
    expect(readManifest(Buffer.from(text), null).ok).toBe(true);
  });

  const file = { path: 'page/x', size: 1, sha256: 'a'.repeat(64) };
  const withFiles = (...more: unknown[]) => ({ files: [...smallManifest().files, ...more] });

  test.each<[string, object]>([
    ['a path that leads out', withFiles({ ...file, path: '../x' })],
    ['a path from the root', withFiles({ ...file, path: '/etc/x' })],
    ['a path with a step back', withFiles({ ...file, path: 'page/../../x' })],
    ['a path with a backslash', withFiles({ ...file, path: 'page\\x' })],
    ['a hidden path', withFiles({ ...file, path: '.git/config' })],
    ['the manifest itself', withFiles({ ...file, path: 'manifest.json' })],
    ['packages of its own', withFiles({ ...file, path: 'node_modules/lmdb/index.js' })],
    ['the name of a device', withFiles({ ...file, path: 'page/con.js' })],
    ['a doubled name', withFiles(file, file)],
    ['a name doubled but for case', withFiles({ ...file, path: 'Core.mjs' })],
    ['a file below a file', withFiles({ ...file, path: 'core.mjs/x' })],
    ['a file in no part', withFiles({ ...file, path: 'x.mjs' })],
    ['a size below zero', withFiles({ ...file, size: -1 })],
    ['a size that is no whole number', withFiles({ ...file, size: 0.5 })],
    ['more bytes than a release may have', withFiles({ ...file, size: 2 ** 30 })],
    ['a file of more than a gibibyte', withFiles({ ...file, size: 2 ** 40 })],
    ['a hash that is none', withFiles({ ...file, sha256: 'A'.repeat(64) })],
    [
      '10,000 files',
      withFiles(...Array.from({ length: 10_000 }, (_, at) => ({ ...file, path: `page/${at}` }))),
    ],
    ['no core', { files: smallManifest().files.filter(({ path }) => path !== 'core.mjs') }],
    [
      'a part of a file it lacks',
      { parts: { ...smallManifest().parts, page: ['page/index.html', 'page/x'] } },
    ],
    ['a core that does not load itself', { parts: { ...smallManifest().parts, core: ['gateway.mjs'] } }],
    ['a range that begins after its end', { protocol: { min: 2, max: 1 } }],
    ['a version with a slash', { version: '1/2' }],
    ['a native package with a path', { native: { '../lmdb': '3.5.6' } }],
    ['a native version that is a range', { native: { lmdb: '^3.5.6' } }],
    ['a parent that is no id', { parent: '1.0.0' }],
    ['a field too many', { postinstall: 'curl' }],
    ['no name', { name: '' }],
  ])('with %s is refused', (_what, changed) => {
    const manifest: object = { ...smallManifest(), ...changed };
    const parts = smallManifest().parts;
    // Otherwise in order: nothing but what is named is wrong.
    const listed = {
      ...manifest,
      parts: 'parts' in changed ? changed.parts : { ...parts, page: pagesOf(manifest) },
    };
    expect(read(encodeManifest(listed as ReleaseManifest))).toMatchObject({
      ok: false,
      code: 'malformed-manifest',
    });
  });

  function pagesOf(manifest: object): string[] {
    const { files } = manifest as ReleaseManifest;
    return files
      .map(({ path }) => path)
      .filter((path) => !/^(behaviours|core|gateway|code|x\.mjs)/.test(path));
  }

  test.each<[string, (text: string) => string]>([
    ['other spacing', (text) => JSON.stringify(JSON.parse(text))],
    ['a doubled key', (text) => text.replace('"name"', '"name": "other",\n "name"')],
    ['a key of the prototype', (text) => text.replace('"name"', '"__proto__": {},\n "name"')],
    ['files in another order', (text) => reversedFiles(text)],
    ['something after it', (text) => `${text}{}`],
    ['its end missing', (text) => text.slice(0, -3)],
    ['nothing in it', () => ''],
    ['a bomb of brackets', () => '['.repeat(1_000_000)],
    ['more bytes than are read', (text) => text + ' '.repeat(manifestMostBytes)],
  ])('with %s is refused', (_what, change) => {
    expect(read(change(encodeManifest(smallManifest())))).toMatchObject({
      ok: false,
      code: 'malformed-manifest',
    });
  });

  function reversedFiles(text: string): string {
    const lines = text.split('\n');
    const files = lines.filter((line) => line.includes('"sha256"'));
    const turned = [...files]
      .reverse()
      .map((line, at) => line.replace(/,$/, '') + (at < files.length - 1 ? ',' : ''));
    let at = 0;
    return lines.map((line) => (line.includes('"sha256"') ? (turned[at++] ?? '') : line)).join('\n');
  }

  test('that is rubbish is refused and nothing worse', () => {
    fc.assert(fc.property(fc.json(), (text) => read(text).ok === false));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => readManifest(bytes, agent).ok === false));
  });

  test('paths that any system takes for a plain name are fine', () => {
    for (const path of ['core.mjs', 'page/icon-192.png', 'code/a_b+c@2.mjs', 'a/b/c/d/e/f/g/h'])
      expect(flawOfPath(path)).toBeNull();
    for (const path of [
      '',
      'a//b',
      'a/',
      'a/./b',
      'a b',
      'ä',
      'a/b/c/d/e/f/g/h/i',
      'x'.repeat(201),
      'a.',
      'NUL',
      'lpt1.txt',
    ])
      expect(flawOfPath(path)).not.toBeNull();
  });

  test('versions are compared as numbers', () => {
    expect(['0.1.0', '0.1.9', '0.0.99', '0.1.10-beta'].map((one) => isOlder(one, '0.1.10'))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(isOlder('1.0.0', '0.9.9')).toBe(false);
  });
});

describe('what a deploy must replace', () => {
  const now = smallManifest();
  const changed = (path: string) =>
    changesBetween(now, smallManifest({ ...smallFiles, [path]: `${smallFiles[path] ?? ''}// more\n` }));
  const none = { behaviours: false, core: false, gateway: false, page: false };

  test('is what loads a file that changed, and nothing else', () => {
    expect(changed('behaviours.js')).toEqual({ ...none, behaviours: true });
    expect(changed('core.mjs')).toEqual({ ...none, core: true });
    expect(changed('gateway.mjs')).toEqual({ ...none, gateway: true });
    expect(changed('page/index.html')).toEqual({ ...none, page: true });
    expect(changed('page/new.svg')).toEqual({ ...none, page: true });
    expect(changed('code/shared.mjs')).toEqual({ ...none, core: true, gateway: true });
  });

  test('is nothing when only the name of the release is another', () => {
    expect(
      changesBetween(now, smallManifest(smallFiles, { version: '1.2.4', parent: 'a'.repeat(64) })),
    ).toEqual(none);
  });

  test('is both programs when a native package is another', () => {
    const next = smallManifest(smallFiles, { native: { lmdb: '3.5.7' } });
    expect(changesBetween(now, next)).toEqual({ ...none, core: true, gateway: true });
  });
});

describe('files of a release', () => {
  const modules = Array.from({ length: 200 }, (_, at) => `cluster/m${String(at).padStart(3, '0')}.ts`);
  /** Each module imports up to three with a higher number. */
  const graphOf = (chance: number[]): Map<string, string[]> =>
    new Map(
      modules.map((module, at) => [
        module,
        [1, 7, 13].flatMap((step, which) =>
          (chance[at] ?? 0) & (1 << which) ? (modules[at + step] ?? []) : [],
        ),
      ]),
    );
  const programs = new Map([
    ['core', modules[0] ?? ''],
    ['gateway', modules[1] ?? ''],
  ]);
  const chances = fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 200, maxLength: 200 });

  test('hold every module once, import one way, and never mix what programs need', () => {
    fc.assert(
      fc.property(chances, (chance) => {
        const graph = graphOf(chance);
        const chunks = layOut(graph, programs);
        const fileOf = new Map(
          chunks.flatMap(({ file, modules: held }) => held.map((one) => [one, file] as const)),
        );
        expect(fileOf.size).toBe(chunks.reduce((sum, chunk) => sum + chunk.modules.length, 0));
        expect(new Set(chunks.map(({ file }) => file)).size).toBe(chunks.length);
        const imports = new Map(
          chunks.map(({ file, modules: held }) => [
            file,
            new Set(
              held
                .flatMap((one) => (graph.get(one) ?? []).map((to) => fileOf.get(to) ?? ''))
                .filter((to) => to !== file),
            ),
          ]),
        );
        const done = new Set<string>();
        for (let before = -1; before < done.size; ) {
          before = done.size;
          for (const [file, of] of imports) if ([...of].every((one) => done.has(one))) done.add(file);
        }
        // Every file could be loaded after those it imports: there is no circle.
        expect(done.size).toBe(chunks.length);
        for (const { file, programs: of } of chunks)
          for (const to of imports.get(file) ?? [])
            expect(chunks.find((chunk) => chunk.file === to)?.programs).toEqual(expect.arrayContaining(of));
      }),
      { numRuns: 30 },
    );
  });

  test('begin each program with its own name', () => {
    const files = layOut(graphOf(modules.map(() => 7)), programs).map(({ file }) => file);
    expect(files.filter((file) => !file.startsWith('code/')).sort()).toEqual(['core.mjs', 'gateway.mjs']);
  });

  test('a module more moves few others', () => {
    const graph = graphOf(modules.map(() => 7));
    const before = layOut(graph, programs);
    graph.set('cluster/m100.ts', [...(graph.get('cluster/m100.ts') ?? []), 'cluster/new.ts']);
    graph.set('cluster/new.ts', []);
    const after = layOut(graph, programs);
    const texts = new Set(before.map((chunk) => JSON.stringify(chunk)));
    expect(after.filter((chunk) => !texts.has(JSON.stringify(chunk))).length).toBeLessThanOrEqual(3);
  });
});
