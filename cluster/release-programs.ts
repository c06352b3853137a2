// The programs of a release as files that share what they share: our code in small ones, each package in one. Which module lies where
// is release-layout.ts's.
import { mkdir, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { type BuildOptions, type BuildResult, build, type Plugin } from 'esbuild';
import { ReleaseBuildError } from './release-build-error.ts';
import {
  nativePackages,
  optionalPackages,
  requireFile,
  requireForBundledPackages,
  sourceOptions,
} from './release-bundle.ts';
import { layOut, type ReleaseChunk } from './release-layout.ts';

export interface ProgramsBuild {
  root: string;
  /** The release folder that is being made. */
  out: string;
  /** Names to entry modules, relative to `root`. */
  programs: ReadonlyMap<string, string>;
}

export interface ProgramsBuilt {
  /** By program, sorted: every file it loads. */
  files: Map<string, string[]>;
  /** Packages with native code that must be installed where it runs. */
  native: string[];
}

const packagesFolder = 'packages';

interface SourceModule {
  exports: string[];
  /** By what stands in the source after `from`. */
  imports: Map<string, SourceImport>;
}

type SourceImport = ({ module: string } | { package: string }) & { names: string[] | 'all' };

type Source = ReadonlyMap<string, SourceModule>;

/** Rejects with a `ReleaseBuildError` that names the file which is wrong. */
export async function bundlePrograms({ root, out, programs }: ProgramsBuild): Promise<ProgramsBuilt> {
  for (const entry of programs.values()) await requireFile(root, entry);
  const source = await readSource(root, [...programs.values()]);
  const graph = new Map([...source].map(([path, module]) => [path, importedModules(module)]));
  const chunks = layOut(graph, programs);
  const files = await bundleChunks(root, source, chunks);
  const packages = await bundlePackages(root, source);
  const loads = new Map([...files, ...packages].map(([file, { imports }]) => [file, imports]));
  for (const [file, { text }] of [...files, ...packages]) {
    await mkdir(dirname(join(out, file)), { recursive: true });
    await writeFile(join(out, file), text);
  }
  return {
    files: new Map([...programs.keys()].map((name) => [name, loadedBy(`${name}.mjs`, loads)])),
    native: nativePackages.filter((name) => [...loads.values()].some((imports) => imports.includes(name))),
  };
}

interface BundledFile {
  text: string;
  /** Files of the release, and packages that are left out. */
  imports: string[];
}

/** Every module of ours that the programs reach, what it exports and what it imports. */
async function readSource(root: string, entries: string[]): Promise<Source> {
  const { metafile } = await bundled(entries.join(' and '), {
    ...programOptions(root),
    entryPoints: entries,
    outdir: root,
    packages: 'external',
  });
  const paths = Object.keys(metafile.inputs);
  const exported = await bundled(entries.join(' and '), {
    ...programOptions(root),
    bundle: false,
    entryPoints: paths,
    outdir: root,
    outbase: root,
  });
  const alone = new Map(
    Object.entries(exported.metafile.outputs).map(([path, { entryPoint, exports }]) => [
      entryPoint,
      { exports, names: namesByFrom(textOf(exported, root, path), entryPoint ?? '') },
    ]),
  );
  return new Map(
    Object.entries(metafile.inputs).map(([path, { imports }]) => {
      const { exports = [], names } = alone.get(path) ?? {};
      const used = imports.filter((one) => one.external !== true || !isBuiltin(one.path));
      return [
        path,
        {
          exports: [...exports].sort(),
          imports: new Map(
            used.map((one): [string, SourceImport] => {
              const from = one.original ?? one.path;
              const meant = one.external === true ? { package: one.path } : { module: one.path };
              return [from, { ...meant, names: names?.get(from) ?? [] }];
            }),
          ),
        },
      ];
    }),
  );
}

/** As the bundler prints them, each in a statement of its own. */
const importForm = /^(?:import|export)\s+([^;"]+?)\s+from\s+"([^"]+)";$/gm;

/** The names on the other side, by what stands after `from`. */
function namesByFrom(text: string, module: string): Map<string, string[] | 'all'> {
  const found = new Map<string, string[] | 'all'>();
  for (const [, clause = '', from = ''] of text.matchAll(importForm)) {
    const before = found.get(from) ?? [];
    const names = namesIn(clause);
    if (names === null)
      throw new ReleaseBuildError(`${module} cannot be bundled: "import ${clause} from '${from}'"`);
    found.set(from, before === 'all' || names === 'all' ? 'all' : [...before, ...names]);
  }
  return found;
}

/** `pino, { a, b as c }`, `* as all` or `*`. */
function namesIn(clause: string): string[] | 'all' | null {
  if (clause.startsWith('*')) return 'all';
  const form = /^(?:([\w$]+)(?:,\s*)?)?(?:\{([^}]*)\})?$/.exec(clause);
  if (form === null) return null;
  const named = (form[2] ?? '').split(',').flatMap((one) => one.trim().split(/\s+as\s+/)[0] || []);
  return form[1] === undefined ? named : ['default', ...named];
}

function importedModules({ imports }: SourceModule): string[] {
  return [...imports.values()].flatMap((one) => ('module' in one ? [one.module] : []));
}

async function bundleChunks(
  root: string,
  source: Source,
  chunks: readonly ReleaseChunk[],
): Promise<Map<string, BundledFile>> {
  const fileOf = new Map(chunks.flatMap(({ file, modules }) => modules.map((module) => [module, file])));
  if (new Set(chunks.map(({ file }) => file)).size !== chunks.length)
    throw new ReleaseBuildError('two files of the release would have one name: rename a module');
  const made = await Promise.all(
    chunks.map(async ({ file, modules }): Promise<[string, BundledFile]> => {
      const result = await bundled(modules.join(', '), {
        ...programOptions(root),
        stdin: { contents: modules.map((module) => entryText(module, source)).join(''), resolveDir: root },
        outfile: join(root, file),
        plugins: [linkedTo({ root, file, modules, source, fileOf })],
      });
      return [file, fileIn(result, root, file)];
    }),
  );
  return new Map(made);
}

/** What other files need of a module, under names that are its own. */
function entryText(module: string, source: Source): string {
  const names = source.get(module)?.exports ?? [];
  const from = JSON.stringify(`./${module}`);
  if (names.length === 0) return `import ${from};\n`;
  return `export { ${names.map((name) => `${name} as ${aliasOf(name, module)}`).join(', ')} } from ${from};\n`;
}

function aliasOf(name: string, module: string): string {
  return `${name}$${module.replace(/\.tsx?$/, '').replaceAll(/[^A-Za-z0-9]/g, '_')}`;
}

/** Modules of other files are imported from there, packages from theirs. */
function linkedTo({
  root,
  file,
  modules,
  source,
  fileOf,
}: {
  root: string;
  file: string;
  modules: readonly string[];
  source: Source;
  fileOf: ReadonlyMap<string, string>;
}): Plugin {
  const elsewhere = 'elsewhere';
  const relativeTo = (path: string): string => {
    const relative = posix.relative(posix.dirname(file), path);
    return relative.startsWith('.') ? relative : `./${relative}`;
  };
  return {
    name: 'files of a release',
    setup(step) {
      step.onResolve({ filter: /.*/ }, ({ path, importer, namespace }) => {
        if (namespace === elsewhere) return { path, external: true };
        const from = posix.relative(root, importer);
        const meant =
          namespace === 'file' ? source.get(from)?.imports.get(path) : { module: posix.normalize(path) };
        if (meant === undefined) return { path, external: true };
        if ('package' in meant) {
          const isLeftOut = isNative(meant.package);
          return { path: isLeftOut ? path : relativeTo(packageFile(meant.package)), external: true };
        }
        if (fileOf.get(meant.module) === file) return { path: join(root, meant.module) };
        return { path: meant.module, namespace: elsewhere };
      });
      step.onLoad({ filter: /.*/, namespace: elsewhere }, ({ path }) => {
        // No more than is used here: another export there changes nothing here.
        const names = usedOf(path, modules, source);
        const from = JSON.stringify(relativeTo(fileOf.get(path) ?? ''));
        const contents = `export { ${names.map((name) => `${aliasOf(name, path)} as ${name}`).join(', ')} } from ${from};\n`;
        return { contents };
      });
    },
  };
}

function usedOf(module: string, by: readonly string[], source: Source): string[] {
  const imports = by.flatMap((one) => [...(source.get(one)?.imports.values() ?? [])]);
  const used = imports.flatMap((one) => ('module' in one && one.module === module ? [one.names] : []));
  if (used.includes('all')) return source.get(module)?.exports ?? [];
  return [...new Set(used.flat())].sort();
}

const isNative = (name: string): boolean => [...nativePackages, ...optionalPackages].includes(name);

function packageFile(name: string): string {
  return `${packagesFolder}/${name.replaceAll('@', '').replaceAll('/', '-')}.mjs`;
}

/** Each package of which something is imported, with what is imported of it; what two of them share is a file beside them. */
async function bundlePackages(root: string, source: Source): Promise<Map<string, BundledFile>> {
  const used = usedOfPackages(source);
  if (used.size === 0) return new Map();
  const result = await bundled([...used.values()].map(({ name }) => name).join(', '), {
    ...programOptions(root),
    entryPoints: [...used.keys()].map((file) => ({
      in: `${wanted}:${file}`,
      out: posix.basename(file, '.mjs'),
    })),
    outdir: join(root, packagesFolder),
    chunkNames: 'shared-[hash]',
    outExtension: { '.js': '.mjs' },
    splitting: true,
    external: [...nativePackages, ...optionalPackages],
    banner: { js: requireForBundledPackages },
    plugins: [packageEntries(root, used)],
  });
  return new Map(
    Object.keys(result.metafile.outputs).map((path): [string, BundledFile] => [
      path,
      fileIn(result, root, path),
    ]),
  );
}

const wanted = 'wanted';

interface PackageUse {
  name: string;
  exports: Set<string>;
}

/** By file of the release. */
function usedOfPackages(source: Source): Map<string, PackageUse> {
  const used = new Map<string, PackageUse>();
  for (const [module, { imports }] of source) {
    for (const one of imports.values()) {
      if (!('package' in one) || isNative(one.package)) continue;
      if (one.names === 'all')
        throw new ReleaseBuildError(
          `${module} imports all of ${one.package}: import what is used by its name`,
        );
      const file = packageFile(one.package);
      const use = used.get(file) ?? { name: one.package, exports: new Set() };
      for (const name of one.names) use.exports.add(name);
      used.set(file, use);
    }
  }
  return new Map([...used].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function packageEntries(root: string, used: ReadonlyMap<string, PackageUse>): Plugin {
  return {
    name: 'packages of a release',
    setup(step) {
      step.onResolve({ filter: new RegExp(`^${wanted}:`) }, ({ path }) => ({
        path: path.slice(wanted.length + 1),
        namespace: wanted,
      }));
      step.onLoad({ filter: /.*/, namespace: wanted }, ({ path }) => {
        const use = used.get(path);
        const names = [...(use?.exports ?? [])].sort();
        return {
          contents: `export { ${names.join(', ')} } from ${JSON.stringify(use?.name)};\n`,
          resolveDir: root,
        };
      });
    },
  };
}

function programOptions(root: string): BuildOptions {
  return { ...sourceOptions(root), platform: 'node', target: 'node20', format: 'esm', write: false };
}

type Bundled = BuildResult<{ metafile: true }>;

async function bundled(what: string, options: BuildOptions): Promise<Bundled> {
  try {
    return await build({ ...options, metafile: true });
  } catch (cause) {
    throw new ReleaseBuildError(`${what} cannot be bundled: ${String(cause)}`, { cause });
  }
}

function textOf({ outputFiles = [] }: Bundled, root: string, file: string): string {
  return outputFiles.find(({ path }) => path === join(root, file))?.text ?? '';
}

function fileIn(result: Bundled, root: string, file: string): BundledFile {
  const { metafile } = result;
  const text = textOf(result, root, file);
  const imports = (metafile.outputs[file]?.imports ?? []).map(({ path, external }) =>
    external === true && path.startsWith('.') ? posix.join(posix.dirname(file), path) : path,
  );
  return { text, imports: imports.filter((path) => !isBuiltin(path)) };
}

function loadedBy(entry: string, loads: ReadonlyMap<string, readonly string[]>): string[] {
  const all = new Set<string>();
  const open = [entry];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (all.has(file) || !loads.has(file)) continue;
    all.add(file);
    open.push(...(loads.get(file) ?? []));
  }
  return [...all].sort();
}
