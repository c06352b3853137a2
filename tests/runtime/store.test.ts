// The store on a real disk: writing, reading, and what each sees of the other.
import { describe, expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import { accountKey, afterPrefix, keyOf } from '../../runtime/key.ts';
import { makeVersion, versionMs } from '../../runtime/version.ts';
import { newFolder, openToyStore, submit, upTo, write } from './store-harness.ts';
import {
  followersView,
  followerView,
  followFact,
  gone,
  postFact,
  postsView,
  statusKey,
  toyProduct,
} from './toy-product.ts';
import { ada, bo, status } from './toy-statuses.ts';

describe('writing', () => {
  test('a fact, its view and its log entry are there after done, and after reopening', async () => {
    const folder = newFolder();
    const first = await openToyStore(folder);
    const { entries, position } = await write(first.store, [postFact(status(ada, 1), 'hello')]);
    await first.store.close();

    const { store } = await openToyStore(folder);

    expect(store.reader.fact(statusKey(status(ada, 1)))).toEqual({
      version: entries[0]?.version,
      value: ['hello', 'public'],
    });
    expect(store.reader.view(postsView(ada))).toBe(1);
    expect(store.position).toBe(position);
    expect(store.readLog(1, 10)).toMatchObject([
      {
        position: 1,
        origin: 7,
        incarnation: store.incarnation,
        key: statusKey(status(ada, 1)),
        value: ['hello', 'public'],
        live: true,
      },
    ]);
  });

  test('what is on its way is seen by the writer only', async () => {
    const { store } = await openToyStore(newFolder());

    const { done } = submit(store, [postFact(status(ada, 1), 'hello')]);
    const key = statusKey(status(ada, 1));
    expect(store.writerReader.fact(key)?.value).toEqual(['hello', 'public']);
    expect(store.writerReader.view(postsView(ada))).toBe(1);
    expect(store.reader.fact(key)).toBeNull();
    expect(store.reader.view(postsView(ada))).toBeUndefined();
    await done;

    expect(store.reader.fact(key)?.value).toEqual(['hello', 'public']);
    expect(store.reader.view(postsView(ada))).toBe(1);
  });

  test('a count grows by each of a thousand facts in flight', async () => {
    const { store } = await openToyStore(newFolder());

    await Promise.all(upTo(1_000).map((n) => write(store, [postFact(status(ada, n), 'again')])));

    expect(store.reader.view(postsView(ada))).toBe(1_000);
    expect(store.reader.facts({ from: keyOf(ada, 's'), to: keyOf(ada, 't'), most: 2_000 })).toHaveLength(
      1_000,
    );
  });

  test('an entry says what stood there before, in flight or on the disk', async () => {
    const { store } = await openToyStore(newFolder());
    const id = status(ada, 1);

    const one = submit(store, [postFact(id, 'one')]);
    const two = submit(store, [postFact(id, 'two')]);
    await two.done;
    const three = submit(store, [gone(postFact(id, ''))]);

    expect(one.entries[0]?.before).toBeNull();
    expect(two.entries[0]?.before).toMatchObject({
      version: one.entries[0]?.version,
      value: ['one', 'public'],
    });
    expect(three.entries[0]?.before).toMatchObject({ value: ['two', 'public'] });
    await three.done;
    expect(store.reader.fact(statusKey(id))).toEqual({ version: three.entries[0]?.version, value: null });
    expect(store.reader.view(postsView(ada))).toBeUndefined();
  });

  test('facts of one submit are all there or none when their views cannot be derived', async () => {
    const broken = new Error('a bug');
    const { store, committed } = await openToyStore(newFolder(), {
      derive: (entry, read) => {
        if (Array.isArray(entry.value) && entry.value[0] === 'bad') throw broken;
        return toyProduct.derive(entry, read);
      },
    });

    const good = postFact(status(ada, 1), 'good');
    expect(() => submit(store, [good, postFact(status(ada, 2), 'bad')])).toThrow(broken);
    expect(store.writerReader.fact(good.key)).toBeNull();
    expect(store.writerReader.view(postsView(ada))).toBeUndefined();
    await write(store, [postFact(status(bo, 1), 'other')]);

    expect(store.reader.fact(good.key)).toBeNull();
    expect(committed.flatMap(({ entries }) => entries)).toHaveLength(1);
    expect(store.readLog(1, 10)).toHaveLength(1);
  });

  test('versions ascend, across reopening too, and when the clock goes back', async () => {
    const folder = newFolder();
    let nowMs = 5_000;
    const first = await openToyStore(folder, { now: () => nowMs });
    const { entries } = await write(first.store, [
      postFact(status(ada, 1), 'a'),
      postFact(status(ada, 2), 'b'),
    ]);
    await first.store.close();
    nowMs = 1_000;

    const { store } = await openToyStore(folder, { now: () => nowMs });
    const later = await write(store, [postFact(status(ada, 3), 'c')]);

    const versions = [...entries, ...later.entries].map(({ version }) => version);
    expect(versions).toEqual([makeVersion(5_000, 0, 7), makeVersion(5_000, 1, 7), makeVersion(5_000, 2, 7)]);
    expect(store.version).toBe(versions[2]);
    expect(versionMs(store.version)).toBe(5_000);
  });

  test('a version seen from elsewhere is passed by the next one', async () => {
    const { store } = await openToyStore(newFolder(), { now: () => 1_000 });

    store.clock.observe(makeVersion(9_000, 3, 99));
    const { entries } = await write(store, [postFact(status(ada, 1), 'a')]);

    expect(entries[0]?.version).toBe(makeVersion(9_000, 4, 7));
  });

  test('commits are announced in order, once each, before done resolves', async () => {
    const { store, committed } = await openToyStore(newFolder());
    const seen: number[] = [];

    await Promise.all(
      upTo(700).map(async (n) => {
        const { position, done } = submit(store, [postFact(status(ada, n), 'x')]);
        await done;
        seen.push(position);
        expect(committed.at(-1)?.position).toBeGreaterThanOrEqual(position);
      }),
    );

    expect(committed.flatMap(({ entries }) => entries.map(({ key }) => key))).toEqual(
      upTo(700).map((n) => statusKey(status(ada, n))),
    );
    expect(committed.length).toBeLessThan(100);
    expect(seen.toSorted((a, b) => a - b)).toEqual(upTo(700).map((n) => n + 1));
  });

  test('a submit of nothing is done when what was submitted before it is', async () => {
    const { store } = await openToyStore(newFolder());

    submit(store, [postFact(status(ada, 1), 'hello')]);
    await submit(store, []).done;

    expect(store.reader.fact(statusKey(status(ada, 1)))).not.toBeNull();
  });

  test('a key that LMDB could not hold is thrown back, with nothing written', async () => {
    const { store } = await openToyStore(newFolder());

    for (const key of ['', 'x'.repeat(2_000), 'snow \u2603']) {
      expect(() => submit(store, [{ key, value: 1 }])).toThrow(RangeError);
    }
    await submit(store, []).done;

    expect(store.position).toBe(0);
  });
});

describe('reading', () => {
  test('ranges include their start, exclude their end, and run both ways', async () => {
    const { store } = await openToyStore(newFolder());
    await write(
      store,
      upTo(5).map((n) => postFact(status(ada, n), `post ${n}`)),
    );
    const from = statusKey(status(ada, 1));
    const to = statusKey(status(ada, 4));
    const texts = (reverse: boolean, most = 10) =>
      store.reader.facts({ from, to, most, reverse }).map(({ value }) => (value as string[])[0]);

    expect(texts(false)).toEqual(['post 1', 'post 2', 'post 3']);
    expect(texts(true)).toEqual(['post 3', 'post 2', 'post 1']);
    expect(texts(false, 2)).toEqual(['post 1', 'post 2']);
    expect(texts(true, 2)).toEqual(['post 3', 'post 2']);
    expect(texts(true, 0)).toEqual([]);
  });

  test('values of any size are read as they were written, one by one, by range and from the log', async () => {
    const folder = newFolder();
    const first = await openToyStore(folder);
    const sizes = [0, 3_000, 5_000, 20_000, 40_000, 100_000, 1_000_000];
    const texts = sizes.map((size) => 'snow \u2603 '.repeat(size / 7) + size);
    await write(
      first.store,
      texts.map((text, n) => postFact(status(ada, n), text)),
    );
    await first.store.close();
    const { store } = await openToyStore(folder);
    const textOf = ({ value }: { value: unknown }) => (value as string[])[0];

    const keys = texts.map((_, n) => statusKey(status(ada, n)));
    expect(keys.map((key) => textOf(store.reader.fact(key) ?? { value: [] }))).toEqual(texts);
    expect(store.reader.facts({ from: keyOf(ada, 's'), to: keyOf(ada, 't'), most: 20 }).map(textOf)).toEqual(
      texts,
    );
    const entries = store.readLog(1, 20);
    expect(entries.map(textOf)).toEqual(texts);
    expect(entries.map(({ key }) => key)).toEqual(keys);
  });

  test('views are found by range', async () => {
    const { store } = await openToyStore(newFolder());
    const followers = upTo(3).map((n) => (n + 1) as AccountId);
    await write(
      store,
      followers.map((follower) => followFact(follower, ada)),
    );

    const prefix = keyOf(ada, 'F');
    expect(store.reader.views({ from: prefix, to: afterPrefix(prefix), most: 10 })).toEqual(
      followers.map((follower) => ({ key: followerView(ada, follower), value: 1 })),
    );
    expect(store.reader.view(followersView(ada))).toBe(3);
  });

  test('rows are read from memory the second time, and are new after a write', async () => {
    const folder = newFolder();
    const first = await openToyStore(folder);
    await write(first.store, [postFact(status(ada, 1), 'old')]);
    await first.store.close();
    const { store } = await openToyStore(folder);
    const key = statusKey(status(ada, 1));

    store.reader.fact(key);
    store.reader.fact(key);
    store.reader.fact(statusKey(status(ada, 9)));
    store.reader.fact(statusKey(status(ada, 9)));
    expect(store.statistics()).toMatchObject({ rowHits: 2, rowMisses: 2 });
    await write(store, [postFact(status(ada, 1), 'new'), postFact(status(ada, 9), 'here')]);

    expect(store.reader.fact(key)?.value).toEqual(['new', 'public']);
    expect(store.reader.fact(statusKey(status(ada, 9)))?.value).toEqual(['here', 'public']);
  });

  test('rows that nobody asked for are not kept in memory for having been written', async () => {
    const { store } = await openToyStore(newFolder());
    await write(store, [postFact(status(ada, 0), 'x')]);
    const { rows } = store.statistics();

    await write(
      store,
      upTo(200).map((n) => ({ ...postFact(status(ada, n + 1), 'x'), isNew: true as const })),
    );

    expect(store.statistics().rows).toBe(rows);
    expect(store.reader.view(postsView(ada))).toBe(201);
  });

  test('rows in memory stay within their bound', async () => {
    const { store } = await openToyStore(newFolder(), { limits: { mostRows: 20 } });

    await write(
      store,
      upTo(200).map((n) => postFact(status(ada, n), 'x')),
    );
    for (const n of upTo(200)) store.reader.fact(statusKey(status(ada, n)));

    expect(store.statistics().rows).toBeLessThanOrEqual(20);
    expect(store.statistics().rows).toBeGreaterThan(2);
    expect(store.reader.fact(statusKey(status(ada, 0)))?.value).toEqual(['x', 'public']);
  });

  test('what remains of an account leaves out tombstones and the fact that is to stay', async () => {
    const { store } = await openToyStore(newFolder());
    const kept = { key: keyOf(ada, 'a'), value: ['ada'] };
    await write(store, [
      kept,
      ...upTo(600).map((n) => postFact(status(ada, n), 'x')),
      postFact(status(bo, 1), 'y'),
    ]);
    await write(
      store,
      upTo(500).map((n) => gone(postFact(status(ada, n), ''))),
      true,
    );

    const first = store.remaining({ account: ada, after: null, except: kept.key, most: 60 });
    const rest = store.remaining({ account: ada, after: first.at(-1) ?? null, except: kept.key, most: 60 });

    expect([...first, ...rest]).toEqual(upTo(100).map((n) => statusKey(status(ada, 500 + n))));
    expect(first.every((key) => key.startsWith(accountKey(ada)))).toBe(true);
  });
});

describe('bounds', () => {
  test('too much in flight is refused as busy, and taken again when it is on the disk', async () => {
    const { store } = await openToyStore(newFolder(), { limits: { mostEntriesInFlight: 10 } });

    const taken = upTo(10).map((n) => submit(store, [postFact(status(ada, n), 'x')]));
    expect(store.refusal({ deletes: true })?.code).toBe('busy');
    expect(store.submit([postFact(status(ada, 11), 'x')], { deletes: false, live: true })).toMatchObject({
      ok: false,
      rejection: { code: 'busy' },
    });
    await Promise.all(taken.map(({ done }) => done));

    expect(store.refusal({ deletes: false })).toBeNull();
    expect(store.statistics()).toMatchObject({ bytesInFlight: 0, entriesInFlight: 0, position: 10 });
  });

  test('bytes in flight are bounded too', async () => {
    const { store } = await openToyStore(newFolder(), { limits: { mostBytesInFlight: 100_000 } });

    submit(store, [postFact(status(ada, 1), 'x'.repeat(60_000))]);

    expect(store.refusal({ deletes: false })?.code).toBe('busy');
  });

  test('a closing store writes what it took in and takes in nothing more', async () => {
    const folder = newFolder();
    const { store } = await openToyStore(folder);
    const taken = upTo(300).map((n) => submit(store, [postFact(status(ada, n), 'x')]));

    const closed = store.close();
    expect(store.refusal({ deletes: true })?.code).toBe('unavailable');
    await Promise.all(taken.map(({ done }) => done));
    await closed;

    const again = await openToyStore(folder);
    expect(again.store.position).toBe(300);
    expect(again.store.reader.view(postsView(ada))).toBe(300);
  });

  // LMDB would throw in a turn of its own, where nobody can catch it.
  test('what a closed store is still asked to write for itself is refused', async () => {
    const { store } = await openToyStore(newFolder());
    await store.close();

    await expect(store.records.write([['granted', 1]])).rejects.toMatchObject({ code: 'closed' });
    expect(store.refusal({ deletes: true })?.message).toBe('The store is closing');
  });
});

describe('newest statuses', () => {
  test('those that followers may see, newest first, without deleted and direct ones', async () => {
    const { store } = await openToyStore(newFolder());
    await write(
      store,
      upTo(6).map((n) => postFact(status(ada, n), 'x', n === 2 ? 'direct' : 'public')),
    );
    await write(store, [gone(postFact(status(ada, 4), ''))], true);

    expect(store.reader.recent(ada, null, 10)).toEqual([5, 3, 1, 0].map((n) => status(ada, n)));
    expect(store.reader.recent(ada, status(ada, 3), 1)).toEqual([status(ada, 1)]);
    await write(store, [gone(postFact(status(ada, 5), ''))], true);
    await write(store, [postFact(status(ada, 7), 'new')]);

    expect(store.reader.recent(ada, null, 10)).toEqual([7, 3, 1, 0].map((n) => status(ada, n)));
    expect(store.statistics()).toMatchObject({ idHits: 2, idMisses: 1 });
  });

  test('a post that becomes visible, or hidden, is listed so after reopening too', async () => {
    const folder = newFolder();
    const first = await openToyStore(folder);
    await write(
      first.store,
      [1, 2, 3].map((n) => postFact(status(ada, n), 'x', n === 1 ? 'direct' : 'public')),
    );
    await write(first.store, [postFact(status(ada, 1), 'x'), postFact(status(ada, 3), 'x', 'direct')]);
    const expected = [status(ada, 2), status(ada, 1)];
    expect(first.store.reader.recent(ada, null, 10)).toEqual(expected);
    await first.store.close();

    const { store } = await openToyStore(folder);

    expect(store.reader.recent(ada, null, 10)).toEqual(expected);
  });

  test('a product whose status keys have another shape is refused', async () => {
    const statusKey = () => keyOf(ada, 's');

    await expect(openToyStore(newFolder(), { statusKey })).rejects.toThrow('statusKey must give');
  });

  test('pages reach beyond what is kept in memory', async () => {
    const { store } = await openToyStore(newFolder());
    await write(
      store,
      upTo(300).map((n) => postFact(status(ada, n), 'x', n % 3 === 0 ? 'direct' : 'public')),
    );
    const all = upTo(300)
      .filter((n) => n % 3 !== 0)
      .reverse()
      .map((n) => status(ada, n));

    expect(store.reader.recent(ada, null, 1_000)).toEqual(all);
    expect(store.reader.recent(ada, all[149] ?? null, 20)).toEqual(all.slice(150, 170));
    expect(store.newestOf({ authors: [ada], sinceMs: 0, most: 150 })).toEqual(all.slice(0, 150));
  });

  test('are merged over authors, back to a time', async () => {
    const { store } = await openToyStore(newFolder());
    await write(
      store,
      upTo(100).flatMap((n) => [postFact(status(ada, 2 * n), 'x'), postFact(status(bo, 2 * n + 1), 'y')]),
    );

    const newest = store.newestOf({
      authors: [ada, bo, 5 as AccountId],
      sinceMs: 1_700_000_000_000 + 190_000,
      most: 800,
    });

    expect(newest).toEqual(upTo(10).map((n) => (n % 2 === 0 ? status(bo, 199 - n) : status(ada, 199 - n))));
  });
});
