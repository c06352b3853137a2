// Behaviours: the product's pure script of a release, loaded into the running core.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import type { Item } from '../actors/items.ts';
import type { Behaviours } from '../runtime/behaviours.ts';

/** A message for an actor: the product knows what is in it. */
export interface ProductMessage {
  kind: string;
  [field: string]: unknown;
}

/** The product as the core sees it: it carries messages and states without looking inside. */
export type Product = Behaviours<unknown, ProductMessage, Item>;

/** The release's behaviours.js is not there, or is no product. */
export class BehavioursError extends Error {
  override name = 'BehavioursError';
}

function isProduct(value: unknown): value is Product {
  if (typeof value !== 'object' || value === null) return false;
  const parts: Record<string, unknown> = { ...value };
  const functions = ['derive', 'addressed', 'withdraw', 'route', 'touched', 'listed', 'words'];
  return (
    functions.every((name) => typeof parts[name] === 'function') &&
    typeof parts['user'] === 'object' &&
    typeof parts['queries'] === 'object'
  );
}

/**
 * `vm.compileFunction`, not `import`: a module imported anew is never freed. It is no security boundary; the release's signature is.
 */
export async function loadBehaviours(release: string): Promise<Product> {
  const path = join(release, 'behaviours.js');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new BehavioursError(`${path} can't be read: build the release again (npm run build)`, { cause });
  }
  const exports: { behaviours?: unknown } = {};
  compileFunction(text, ['exports'], { filename: path }).call(undefined, exports);
  if (!isProduct(exports.behaviours)) throw new BehavioursError(`${path} holds no behaviours`);
  return exports.behaviours;
}
