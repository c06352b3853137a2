// Bundles of a release: source in, one file of script out, refused when it is not fit. Laying out the release is release-build.ts's part.
import { constants } from 'node:fs';
import { access, cp, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { compileFunction } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, type BuildResult, build } from 'esbuild';
import { ReleaseBuildError } from './release-build-error.ts';

/** Of the page's script, compressed. */
export const pageScriptMostBytes = 60 * 1024;

export const pageScript = 'page/app.js';

type Bundled = BuildResult<{ metafile: true }>;

interface Bundle {
  root: string;
  entry: string;
  outfile: string;
}

/** They carry native code, so they come from node_modules of the machine that runs the release. */
export const nativePackages = ['lmdb', 'uWebSockets.js'];

/** Native too, but who uses them does without where they are not. */
export const optionalPackages = ['msgpackr-extract'];

/** Packages written as CommonJS call `require` for what Node brings; an ES module has none of its own. */
export const requireForBundledPackages =
  "import { createRequire as createRequireOfRelease } from 'node:module';\n" +
  'const require = createRequireOfRelease(import.meta.url);';

/** One script for `vm.compileFunction(text, ['exports'])`: it imports nothing and fills `exports`. */
export async function bundleBehaviours({ root, entry, outfile }: Bundle): Promise<void> {
  const { metafile } = await bundle(root, entry, {
    outfile,
    platform: 'neutral',
    target: 'es2023',
    format: 'iife',
    globalName: 'behaviours',
    footer: { js: 'Object.assign(exports, behaviours);' },
  });
  const foreign = Object.keys(metafile.inputs).filter((path) => !/^(actors|runtime)\//.test(path));
  const left = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  if (foreign.length + left.length > 0) {
    throw new ReleaseBuildError(
      `${entry} must be pure, but reaches ${[...foreign, ...left].join(', ')}: only actors/ and pure files of runtime/ may be imported there`,
    );
  }
  checkBehaviours(entry, await readFile(outfile, 'utf8'));
}

function checkBehaviours(entry: string, script: string): void {
  // The bundler cannot see what a computed name would load.
  if (/\b(import|require)\(/.test(script)) {
    throw new ReleaseBuildError(`${entry} must be pure, but loads something while it runs`);
  }
  const exported: Record<string, unknown> = {};
  try {
    compileFunction(script, ['exports'])(exported);
  } catch (cause) {
    throw new ReleaseBuildError(`${entry} does not load: ${String(cause)}`, { cause });
  }
  if (Object.keys(exported).length === 0) throw new ReleaseBuildError(`${entry} exports nothing`);
}

interface PageBundle {
  root: string;
  folder: string;
  out: string;
}

/** The page's script and its looks, one file each, and beside them every file of its folder that is not source. */
export async function bundlePage({ root, folder, out }: PageBundle): Promise<void> {
  await bundle(root, `${folder}/app.tsx`, {
    outfile: join(out, basename(pageScript)),
    platform: 'browser',
    target: 'es2020',
    format: 'iife',
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
  });
  await bundle(root, `${folder}/app.css`, { outfile: join(out, 'app.css'), minify: true });
  await requireFile(root, `${folder}/index.html`);
  const isSource = (path: string) => ['.ts', '.tsx', '.css'].includes(extname(path));
  await cp(join(root, folder), out, { recursive: true, filter: (from) => !isSource(from) });
}

async function bundle(
  root: string,
  entry: string,
  options: BuildOptions & { outfile: string },
): Promise<Bundled> {
  await requireFile(root, entry);
  try {
    return await build({ ...sourceOptions(root), entryPoints: [entry], ...options, metafile: true });
  } catch (cause) {
    throw new ReleaseBuildError(`${entry} cannot be bundled: ${String(cause)}`, { cause });
  }
}

/** What is the same for all bundles of a release. */
export function sourceOptions(root: string): BuildOptions {
  return {
    absWorkingDir: root,
    bundle: true,
    charset: 'utf8',
    logLevel: 'silent',
    // The text names the files it is made of: as they are called here, not where a link leads.
    preserveSymlinks: true,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, useDefineForClassFields: true } },
  };
}

/** The compressed size of the page's script, in bytes. */
export async function checkPageSize(staging: string): Promise<number> {
  const compressedBytes = gzipSync(await readFile(join(staging, pageScript)), { level: 9 }).length;
  if (compressedBytes > pageScriptMostBytes) {
    throw new ReleaseBuildError(
      `${pageScript} is ${kilobytes(compressedBytes)} compressed; at most ${kilobytes(pageScriptMostBytes)} is allowed`,
    );
  }
  return compressedBytes;
}

export async function requireFile(root: string, path: string): Promise<void> {
  try {
    await access(join(root, path), constants.R_OK);
  } catch (cause) {
    throw new ReleaseBuildError(`${path} is missing under ${root}`, { cause });
  }
}

export function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
