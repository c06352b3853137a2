// Releases of `bench live-deploy`: built from copies of the source with some lines changed, and scripts that differ in nothing but a number.
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildRelease } from '../cluster/release-build.ts';
import { readReleaseFolder, writeStatementBeside, writeTorrentBeside } from '../cluster/release-folder.ts';
import { type ReleaseKey, readReleaseKey } from '../cluster/release-key.ts';
import { encodeManifest, manifestFile } from '../cluster/release-manifest.ts';
import { signStatement } from '../cluster/release-statement.ts';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const parts = ['actors', 'cluster', 'gateway', 'package.json', 'runtime'];

export interface Change {
  file: string;
  /** Stands there exactly once. */
  line: string;
  instead: string;
}

/** A new rule for what enters a timeline (nothing of one author), and a new field in the state: how much was kept out by it. */
export function without(author: number): Change[] {
  return [
    {
      file: 'actors/wanted.ts',
      line: "  switch (item.kind) {\n    case 'status':\n      return (",
      instead: `  switch (item.kind) {\n    case 'status':\n      if (item.author === ${author}) {\n        state.keptOut++;\n        return false;\n      }\n      return (`,
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

export const otherCore: Change[] = [
  { file: 'cluster/core.ts', line: 'const handOverMs = 2000;', instead: 'const handOverMs = 2001;' },
];
/** Those of this benchmark: the rehearsal of a new core makes others. */
export const crashesOnPosts: Change[] = [
  {
    file: 'cluster/core.ts',
    line: "    if (kind === 'attach') return this.#attach",
    instead:
      "    if (kind === 'publish' && /qz\\d+x\\d+x/.test(JSON.stringify(ask))) process.exit(9);\n    if (kind === 'attach') return this.#attach",
  },
];
export const otherGateway: Change[] = [
  {
    file: 'gateway/session-attaching.ts',
    line: 'const mostAtOnce = 256;',
    instead: 'const mostAtOnce = 255;',
  },
];

export class Releases {
  readonly #folder: string;
  readonly #keyPath: string;

  constructor(folder: string, keyPath: string) {
    this.#folder = folder;
    this.#keyPath = keyPath;
  }

  /** Its folder, signed. */
  async build(name: string, changes: readonly Change[]): Promise<string> {
    const source = path.join(this.#folder, `${name}-source`);
    await mkdir(source, { recursive: true });
    for (const part of parts) await cp(path.join(root, part), path.join(source, part), { recursive: true });
    await symlink(path.join(root, 'node_modules'), path.join(this.#folder, 'node_modules')).catch(() => {});
    for (const { file, line, instead } of changes) {
      const text = await readFile(path.join(source, file), 'utf8');
      const times = text.split(line).length - 1;
      if (times !== 1) throw new Error(`the line to change stands ${times} times in ${file}: ${line}`);
      await writeFile(
        path.join(source, file),
        text.replace(line, () => instead),
      );
    }
    const out = path.join(this.#folder, name);
    await buildRelease({ root: source, out });
    await this.#sign(out);
    return out;
  }

  /** As that one, with other bytes in its behaviours. */
  async numbered(from: string, number: number): Promise<string> {
    const out = path.join(this.#folder, `numbered-${number}`);
    await cp(from, out, { recursive: true });
    const read = await readReleaseFolder(out);
    if (!read.ok) throw new Error(read.reason);
    const { manifest } = read.value;
    const script = Buffer.concat([
      await readFile(path.join(out, 'behaviours.js')),
      Buffer.from(`\n// ${number}\n`),
    ]);
    await writeFile(path.join(out, 'behaviours.js'), script);
    const sha256 = createHash('sha256').update(script).digest('hex');
    const files = manifest.files.map((file) =>
      file.path === 'behaviours.js' ? { ...file, size: script.length, sha256 } : file,
    );
    await writeFile(path.join(out, manifestFile), encodeManifest({ ...manifest, files }));
    await this.#sign(out);
    return out;
  }

  async #sign(folder: string): Promise<void> {
    const key: ReleaseKey = await readReleaseKey(this.#keyPath);
    const read = await readReleaseFolder(folder);
    if (!read.ok) throw new Error(read.reason);
    const { manifest, id, info } = read.value;
    await writeTorrentBeside(read.value);
    const statement = {
      version: manifest.version,
      manifestHash: Uint8Array.from(Buffer.from(id, 'hex')),
      infoHash: info.hash,
      infoBytes: info.bytes.length,
    };
    await writeStatementBeside(folder, signStatement(statement, key.privateKey));
  }
}
