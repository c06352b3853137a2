// Releases of `bench live-deploy`: built from copies of the source with some lines changed, and scripts that differ in nothing but a number.
import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  readReleaseFolder,
  statementOf,
  writeStatementBeside,
  writeTorrentBeside,
} from '../cluster/release-folder.ts';
import { type ReleaseKey, readReleaseKey } from '../cluster/release-key.ts';
import { encodeManifest, manifestFile } from '../cluster/release-manifest.ts';
import { signStatement } from '../cluster/release-statement.ts';
import { type Change, keepingOut, openVariants, type Variants } from '../tests/support/variants.ts';

/** A new rule for what enters a timeline (nothing of one author), and a new field in the state: how much was kept out by it. */
export function without(author: number): Change[] {
  return keepingOut(`item.author === ${author}`);
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
  readonly #variants: Variants;
  readonly #keyPath: string;

  constructor(folder: string, keyPath: string) {
    this.#folder = folder;
    this.#variants = openVariants(folder);
    this.#keyPath = keyPath;
  }

  /** Its folder, signed. */
  async build(name: string, changes: readonly Change[]): Promise<string> {
    const out = await this.#variants.release(name, changes);
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
    await writeTorrentBeside(read.value);
    const statement = statementOf(read.value);
    await writeStatementBeside(folder, signStatement(statement, key.privateKey));
  }
}
