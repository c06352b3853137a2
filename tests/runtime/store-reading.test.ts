// A store that is read beside the program that writes it.
import { expect, test } from 'vitest';
import { accountKey, afterPrefix } from '../../runtime/key.ts';
import { readStore } from '../../runtime/store-reading.ts';
import { firstSchema } from '../../runtime/store-schema.ts';
import { newFolder, openToyStore, write } from './store-harness.ts';
import { startStoreProgram } from './store-program.ts';
import { postFact, toyProduct } from './toy-product.ts';
import { ada, status } from './toy-statuses.ts';

const options = { product: toyProduct, schema: firstSchema };

test('what another process has written is read while it has the store, and what it writes later after a refresh', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(folder);
  await write(store, [postFact(status(ada, 1), 'one')]);
  const reading = readStore({ folder, ...options });
  expect(reading.reader.recent(ada, null, 10)).toEqual([status(ada, 1)]);
  expect(reading.accountFrom(accountKey(ada))).toBe(ada);
  expect(reading.accountFrom(afterPrefix(accountKey(ada)))).toBe(null);
  expect(reading.hasViews).toBe(true);
  await write(store, [postFact(status(ada, 2), 'two')]);
  reading.refresh();
  expect(reading.reader.fact(postFact(status(ada, 2), 'two').key)?.value).toEqual(
    postFact(status(ada, 2), 'two').value,
  );
  await reading.close();
});

test('reading takes no lock: the program that holds the folder goes on, and another may wait for it', async () => {
  const folder = newFolder();
  const holder = await startStoreProgram(folder, { mode: 'hold' });
  await holder.line('open');
  const reading = readStore({ folder, ...options });
  await expect(openToyStore(folder)).rejects.toThrow(`process ${holder.pid}`);
  await reading.close();
  await holder.kill();
});

test('views of another format are told: opening the store would derive them anew', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(folder);
  await write(store, [postFact(status(ada, 1), 'one')]);
  await store.close();
  const product = { ...toyProduct, viewsFormat: toyProduct.viewsFormat + 1 };
  const reading = readStore({ folder, product, schema: firstSchema });
  expect(reading.hasViews).toBe(false);
  await reading.close();
});

test('where there is no store nothing is made', () => {
  expect(() => readStore({ folder: newFolder(), ...options })).toThrow();
});
