// The mark of a store's schema: what can't be read is not opened, and not touched; what is written is marked before.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StoreOpenError } from '../../runtime/store.ts';
import { readStore } from '../../runtime/store-reading.ts';
import {
  firstSchema,
  markedSchema,
  nextMark,
  SchemaError,
  type StateSchema,
} from '../../runtime/store-schema.ts';
import { newFolder, openToyStore, write } from './store-harness.ts';
import { postFact, toyProduct } from './toy-product.ts';
import { ada, status } from './toy-statuses.ts';

const second: StateSchema = { reads: { min: 1, max: 2 }, writes: 2 };
const careful: StateSchema = { reads: { min: 1, max: 2 }, writes: 1 };

function markOf(folder: string): number {
  const reading = readStore({
    folder,
    product: toyProduct,
    schema: { reads: { min: 1, max: 99 }, writes: 1 },
  });
  const { schema } = reading;
  void reading.close();
  return schema;
}

function digestOf(folder: string): string {
  return createHash('sha256')
    .update(readFileSync(join(folder, 'data.mdb')))
    .digest('hex');
}

async function storeOf(folder: string, schema?: StateSchema): Promise<void> {
  const { store } = await openToyStore(folder, schema === undefined ? {} : { schema });
  await write(store, [postFact(status(ada, 1), 'hello')]);
  await store.close();
}

test('a store that nobody has marked has the first schema', async () => {
  const folder = newFolder();
  await storeOf(folder);
  expect(markOf(folder)).toBe(1);
  await storeOf(folder, second);
  expect(markOf(folder)).toBe(2);
});

test('a store that was written with a newer schema is not opened, and not a byte of it is changed', async () => {
  const folder = newFolder();
  await storeOf(folder, second);
  const before = digestOf(folder);

  const refused = await openToyStore(folder, { schema: firstSchema }).catch((error: unknown) => error);

  expect(refused).toBeInstanceOf(StoreOpenError);
  expect((refused as StoreOpenError).cause).toBeInstanceOf(SchemaError);
  expect((refused as StoreOpenError).message).toContain('schema 2, and this release reads only 1');
  expect(digestOf(folder)).toBe(before);
  // The lock is let go of: who can read it opens it.
  await storeOf(folder, second);
});

test('a mark is set before anything else is written, and never goes down', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(folder, { schema: second });
  expect(markOf(folder)).toBe(2);
  await store.close();
  await storeOf(folder, careful);
  expect(markOf(folder)).toBe(2);
});

test.each([
  [undefined, 1],
  [1, 1],
  [7, 7],
  ['seven', Number.POSITIVE_INFINITY],
  [0, Number.POSITIVE_INFINITY],
  [1.5, Number.POSITIVE_INFINITY],
])('the mark %s is schema %s', (mark, schema) => {
  expect(markedSchema(mark)).toBe(schema);
});

test.each([
  [undefined, firstSchema, null],
  [undefined, second, 2],
  [2, second, null],
  [2, careful, null],
  [3, second, null],
])('with the mark %s a program of %j marks %s', (mark, schema, next) => {
  expect(nextMark(mark, schema)).toBe(next);
});
