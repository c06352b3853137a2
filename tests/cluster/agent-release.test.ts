// The folders that servers run from: named by content, left alone while in use, made whole, removed when nobody needs them.
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { builtRelease } from '../../cluster/agent-release.ts';
import { packageRoot } from '../support/server.ts';

const source: Record<string, string> = {
  'package.json': '{ "name": "sparrow", "version": "1.2.3", "type": "module" }',
  'actors/behaviours.ts': 'export const behaviours = {};\n',
  'cluster/core-program.ts': 'console.log("core");\n',
  'gateway/gateway-program.ts': 'console.log("gateway");\n',
  'gateway/page/app.tsx': "import { render } from 'preact';\nrender(<p>chirp</p>, document.body);\n",
  'gateway/page/app.css': 'p { margin: 0 }\n',
  'gateway/page/index.html': '<!doctype html><script src="app.js"></script>\n',
};

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'murmuration-checkout-'));
  for (const [path, text] of Object.entries(source)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await symlink(join(packageRoot, 'node_modules'), join(root, 'node_modules'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
});

const build = () => builtRelease(root, () => {});
const releases = () => readdir(join(root, 'build', 'releases'));

test('the same source gives the same folder, other source another, and the first stays as it was', async () => {
  const first = await build();
  expect(basename(first)).toMatch(/^1\.2\.3-[0-9a-f]{12}$/);
  expect(await build()).toBe(first);
  await writeFile(join(root, 'cluster/core-program.ts'), 'console.log("new core");\n');
  const second = await build();
  expect(second).not.toBe(first);
  expect(await readFile(join(first, 'core.mjs'), 'utf8')).toContain('"core"');
  expect(await readFile(join(second, 'core.mjs'), 'utf8')).toContain('"new core"');
  expect((await releases()).sort()).toEqual([basename(first), basename(second)].sort());
});

test('builds at the same moment give one whole release and leave nothing else', async () => {
  const [first, ...others] = await Promise.all([build(), build(), build()]);
  expect(others).toEqual([first, first]);
  expect(await releases()).toEqual([basename(first ?? '')]);
});

test('a damaged release is made anew', async () => {
  const release = await build();
  await writeFile(join(release, 'core.mjs'), 'half');
  expect(await build()).toBe(release);
  expect(await readFile(join(release, 'core.mjs'), 'utf8')).toContain('"core"');
  await rm(join(release, 'page'), { recursive: true });
  await build();
  expect(await readdir(join(release, 'page'))).toContain('app.js');
});

test('releases unused for a week are removed, but the newest ones', async () => {
  const ages = [1, 8, 9, 10, 11, 12, 13];
  for (const days of ages) {
    const old = join(root, 'build', 'releases', `1.0.0-${days}`);
    await mkdir(old, { recursive: true });
    const used = new Date(Date.now() - days * 86_400_000);
    await utimes(old, used, used);
  }
  const release = await build();
  expect((await releases()).sort()).toEqual(
    ['1.0.0-1', '1.0.0-10', '1.0.0-8', '1.0.0-9', basename(release)].sort(),
  );
});

test('source that is not fit is refused with the file that is wrong', async () => {
  await writeFile(join(root, 'actors/behaviours.ts'), 'import "./missing.ts";\n');
  await expect(build()).rejects.toThrow(/^The release cannot be built: actors\/behaviours\.ts /);
  expect(await releases()).toEqual([]);
});
