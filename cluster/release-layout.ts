// Which of our modules lie together in one file of a release: few files, and a change in one module changes few of them. Pure; the
// bundling is release-programs.ts's.
import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';

/** Modules by path, with the paths of those they import. */
export type ModuleGraph = ReadonlyMap<string, readonly string[]>;

export interface ReleaseChunk {
  /** In the release, with `/`. */
  file: string;
  /** Each after those it imports. */
  modules: string[];
  /** Names of the programs that need it. */
  programs: string[];
}

/** On average a file ends after so many modules. */
const modulesInMean = 8;
const modulesMost = 16;

/**
 * A file never holds modules that different programs need: what changes for one program only leaves the other as it is. Modules are
 * ordered so that imports between files run one way; where a file ends is said by the path of the module that begins the next one,
 * so that a module more or less moves the ends of its own file only.
 */
export function layOut(graph: ModuleGraph, programs: ReadonlyMap<string, string>): ReleaseChunk[] {
  const names = [...programs.keys()].sort();
  const needed = new Map(names.map((name) => [name, reached(graph, programs.get(name) ?? '')]));
  const entries = new Map([...programs].map(([name, entry]) => [entry, name]));
  const byPrograms = new Map<string, { programs: string[]; modules: string[] }>();
  for (const module of inOrder(graph, [...programs.values()])) {
    const here = names.filter((name) => needed.get(name)?.has(module) === true);
    const key = here.join(' ');
    const group = byPrograms.get(key) ?? { programs: here, modules: [] };
    group.modules.push(module);
    byPrograms.set(key, group);
  }
  return [...byPrograms.values()].flatMap((group) =>
    runs(group.modules, entries).map((modules) => ({
      file: fileOf(modules[0] ?? '', entries),
      modules,
      programs: group.programs,
    })),
  );
}

function runs(modules: readonly string[], entries: ReadonlyMap<string, string>): string[][] {
  const all: string[][] = [];
  let run: string[] = [];
  for (const module of modules) {
    // A program begins in a file of its own: its name is the program's.
    const begins = entries.has(module) || beginsFile(module) || run.length >= modulesMost;
    if (begins && run.length > 0) {
      all.push(run);
      run = [];
    }
    run.push(module);
  }
  return run.length === 0 ? all : [...all, run];
}

function beginsFile(module: string): boolean {
  return createHash('sha256').update(module).digest().readUInt32BE() % modulesInMean === 0;
}

function fileOf(module: string, entries: ReadonlyMap<string, string>): string {
  const program = entries.get(module);
  if (program !== undefined) return `${program}.mjs`;
  const house = module.split('/', 1)[0] ?? '';
  return `code/${house}-${basename(module, extname(module))}.mjs`;
}

function reached(graph: ModuleGraph, from: string): Set<string> {
  const all = new Set<string>();
  const open = [from];
  for (let module = open.pop(); module !== undefined; module = open.pop()) {
    if (all.has(module)) continue;
    all.add(module);
    open.push(...(graph.get(module) ?? []));
  }
  return all;
}

/** Each after what it imports; where that leaves a choice, by path. */
function inOrder(graph: ModuleGraph, from: readonly string[]): string[] {
  const order = new Set<string>();
  const begun = new Set<string>();
  const visit = (module: string): void => {
    if (begun.has(module)) return;
    begun.add(module);
    for (const imported of [...(graph.get(module) ?? [])].sort()) visit(imported);
    order.add(module);
  };
  for (const entry of [...from].sort()) visit(entry);
  return [...order];
}
