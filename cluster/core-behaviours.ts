// Behaviours: the product's pure script of a release, loaded into the running core.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import type { Item } from '../actors/items.ts';
import type { Behaviours } from '../runtime/behaviours.ts';
import { isBehaviours } from '../runtime/behaviours-form.ts';

/** A message for an actor: the product knows what is in it. */
export interface ProductMessage {
  kind: string;
  [field: string]: unknown;
}

/** The product as the core sees it: it carries messages and states without looking inside. */
export interface Product extends Behaviours<unknown, ProductMessage, Item> {
  /** What it was compiled from; absent: it came from no release, and no other takes its place. */
  readonly source?: BehavioursSource;
}

/** A release's behaviours.js, read and not yet run. */
export interface BehavioursSource {
  path: string;
  text: string;
  /** Of the text, as the release's manifest has it. */
  sha256: string;
}

/** The release's behaviours.js is not there, or is no product. */
export class BehavioursError extends Error {
  override name = 'BehavioursError';
}

const mostBytes = 8 * 2 ** 20;

export async function loadBehaviours(release: string): Promise<Product> {
  return compileBehaviours(await readBehaviours(release));
}

export async function readBehaviours(release: string): Promise<BehavioursSource> {
  const path = join(release, 'behaviours.js');
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new BehavioursError(`${path} can't be read: build the release again (npm run build)`, { cause });
  }
  if (bytes.length > mostBytes)
    throw new BehavioursError(`${path} has ${bytes.length} bytes; at most ${mostBytes} are taken`);
  const text = bytes.toString('utf8');
  // The engine would refuse it only when it comes to be done.
  if (/\b(import|require)\(/.test(text))
    throw new BehavioursError(`${path} is not pure: it imports something while it runs`);
  return { path, text, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/**
 * Runs the script. `vm.compileFunction`, not `import`: a module imported anew is never freed. It is no security boundary; the release's
 * signature is.
 */
export function compileBehaviours(source: BehavioursSource): Product {
  const { path, text } = source;
  const exports: { behaviours?: unknown } = {};
  compileFunction(text, ['exports'], { filename: path }).call(undefined, exports);
  if (!isBehaviours(exports.behaviours)) throw new BehavioursError(`${path} holds no behaviours`);
  return { ...(exports.behaviours as unknown as Product), source };
}
