// Variants of the product's behaviours: built as a release builds them, from a copy of the source in which some lines are others.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildRelease } from '../../cluster/release-build.ts';
import { bundleBehaviours } from '../../cluster/release-bundle.ts';

const root = join(import.meta.dirname, '..', '..');

export interface Change {
  /** Relative to the root. */
  file: string;
  /** Stands there exactly once. */
  line: string;
  instead: string;
}

export interface Variants {
  /** A folder with the behaviours.js of the source as it is with these changes. */
  built(name: string, changes?: readonly Change[]): Promise<string>;
  /** The same with the script that was built changed. */
  rewritten(name: string, from: string, rewrite: (script: string) => string): string;
  /** A whole release of the source with these changes. Two of these differ in what was changed, and in nothing else. */
  release(name: string, changes?: readonly Change[]): Promise<string>;
  close(): void;
}

/** Below `parent`, until `close`. */
export function openVariants(parent = tmpdir()): Variants {
  const folder = mkdtempSync(join(parent, 'murmuration-variants-'));
  // For builds below it, and for releases that run from there.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    async built(name, changes = []) {
      const source = join(folder, `${name}-source`);
      copySource(source, ['actors', 'runtime']);
      change(source, changes);
      const release = join(folder, name);
      const outfile = join(release, 'behaviours.js');
      await bundleBehaviours({ root: source, entry: 'actors/behaviours.ts', outfile });
      return release;
    },
    async release(name, changes = []) {
      const source = join(folder, `${name}-source`);
      copySource(source, ['actors', 'cluster', 'gateway', 'package.json', 'runtime']);
      change(source, changes);
      const release = join(folder, name);
      await buildRelease({ root: source, out: release });
      return release;
    },
    rewritten(name, from, rewrite) {
      const release = join(folder, name);
      mkdirSync(release);
      writeFileSync(
        join(release, 'behaviours.js'),
        rewrite(readFileSync(join(from, 'behaviours.js'), 'utf8')),
      );
      return release;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function copySource(source: string, parts: readonly string[]): void {
  for (const part of parts) cpSync(join(root, part), join(source, part), { recursive: true });
}

function change(source: string, changes: readonly Change[]): void {
  for (const { file, line, instead } of changes) {
    const path = join(source, file);
    const text = readFileSync(path, 'utf8');
    const times = text.split(line).length - 1;
    if (times !== 1) throw new Error(`the line to change stands ${times} times in ${file}: ${line}`);
    writeFileSync(
      path,
      text.replace(line, () => instead),
    );
  }
}

/**
 * A new rule for what enters a timeline: no status of which `isKeptOut` holds, an expression of `item` and `state`. And a new field in the
 * state, with its format: how much was kept out by it.
 */
export function keepingOut(isKeptOut: string): Change[] {
  return [
    {
      file: 'actors/wanted.ts',
      line: "  switch (item.kind) {\n    case 'status':\n      return (",
      instead: `  switch (item.kind) {\n    case 'status':\n      if (${isKeptOut}) {\n        state.keptOut++;\n        return false;\n      }\n      return (`,
    },
    {
      file: 'actors/user-state.ts',
      line: '  salt: number | null;\n',
      instead: '  salt: number | null;\n  keptOut: number;\n',
    },
    {
      file: 'actors/user-state.ts',
      line: '    salt: null,\n',
      instead: '    salt: null,\n    keptOut: 0,\n',
    },
    {
      file: 'actors/user-packing.ts',
      line: 'export const stateFormat = 1;',
      instead: 'export const stateFormat = 2;',
    },
    {
      file: 'actors/user-packing.ts',
      line: '  return {\n    ...plain,\n    followees: followees.packed(),',
      instead:
        '  if (format === 1) delete (plain as Partial<typeof plain>).keptOut;\n  return {\n    ...plain,\n    followees: followees.packed(),',
    },
    {
      file: 'actors/user-packing.ts',
      line: '  return {\n    ...plain,\n    followees: IdSet.of(followees),',
      instead:
        '  if (format === 1) plain.keptOut = 0;\n  return {\n    ...plain,\n    followees: IdSet.of(followees),',
    },
    {
      file: 'actors/user-packing.ts',
      line: '  if (format !== stateFormat) throw',
      instead: '  if (format !== 1 && format !== 2) throw',
    },
  ];
}

/** Nothing of authors with an odd id; and the answer to `home` gives how much was kept out in the place of `completeThroughMs`. */
export const evenAuthorsOnly: readonly Change[] = [
  ...keepingOut('item.author !== state.account && item.author % 2 === 1'),
  {
    file: 'actors/user-home.ts',
    line: '    completeThroughMs: null,\n',
    instead: '    completeThroughMs: state.keptOut,\n',
  },
];
