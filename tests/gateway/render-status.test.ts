// Entities from rows: valid by Mastodon's schema for any row, and the same whether put together from pieces or at once.
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import type {
  AccountRow,
  Answer,
  Ask,
  NotificationRow,
  RequestKind,
  StatusRow,
} from '../../actors/messages.ts';
import type { Answered } from '../../cluster/core-client.ts';
import { createCacheMetrics } from '../../gateway/cache-metrics.ts';
import { entityWriter } from '../../gateway/entity-writer.ts';
import { createFragments } from '../../gateway/fragments.ts';
import { renderAccount, renderCredentialAccount } from '../../gateway/render-account.ts';
import { renderStatus } from '../../gateway/render-status.ts';
import { appendStatus, createStatusView } from '../../gateway/status-view.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { makeStatusId, type StatusId } from '../../runtime/status-id.ts';
import { checkShape, checkViewer } from '../support/schema.ts';

const origin = 'https://here.org';
const ms = fc.integer({ min: 0, max: 4e12 });
const count = fc.nat(1_000_000);
const words = fc.array(
  fc.constantFrom('hello', '@bob', '#Tag', 'https://ex.org/ü?a=b', '"<&>\'', '\n\n', '👨‍👩‍👧', '\u2028'),
  { maxLength: 12 },
);
const text = words.map((parts) => parts.join(' '));
const handle = fc.constantFrom('alice', 'Bob', 'x_1');
const visibility = fc.constantFrom('public', 'unlisted', 'private', 'direct');
const language = fc.constantFrom(null, 'en', 'pt-BR');

const account: fc.Arbitrary<AccountRow> = fc
  .record({
    handle,
    createdMs: ms,
    displayName: text,
    note: text,
    bot: fc.boolean(),
    locked: fc.boolean(),
    discoverable: fc.boolean(),
    fields: fc.array(fc.record({ name: text, value: text }), { maxLength: 4 }),
    visibility,
    sensitive: fc.boolean(),
    language,
    followers: count,
    following: count,
    statuses: count,
    lastStatusMs: fc.option(ms),
  })
  .map((row) => ({ ...row, id: accountIdOf(row.handle) }));

function statusBy(author: AccountRow, boostOf: StatusId | null): fc.Arbitrary<StatusRow> {
  return fc.record({
    id: fc.tuple(ms, fc.nat(4095)).map(([at, salt]) => makeStatusId(at, author.id, salt)),
    text: boostOf === null ? text : fc.constant(''),
    visibility,
    sensitive: fc.boolean(),
    spoiler: text,
    language,
    replyTo: fc.option(ms.map((at) => makeStatusId(at, accountIdOf('zed'), 1))),
    mentions: fc.constantFrom([], [{ account: accountIdOf('bob'), handle: 'Bob' }]),
    app: fc.constantFrom(
      null,
      { name: 'An "app"', website: null },
      { name: 'Other', website: 'https://app.org' },
    ),
    boostOf: fc.constant(boostOf),
    favourites: count,
    boosts: count,
    replies: count,
  });
}

const post = account.chain((author) => statusBy(author, null).map((row) => ({ author, row })));
const boost = fc
  .tuple(
    post,
    account.filter(({ handle: name }) => name === 'x_1'),
  )
  .filter(([{ author }]) => author.handle !== 'x_1')
  .chain(([boosted, author]) => statusBy(author, boosted.row.id).map((row) => ({ author, row, boosted })));
const flags = fc.nat(15);

it('any account is a valid Account, and a valid CredentialAccount', () => {
  fc.assert(
    fc.property(account, (row) => {
      checkShape('Account', JSON.parse(JSON.stringify(renderAccount(row, origin))));
      checkShape('CredentialAccount', JSON.parse(JSON.stringify(renderCredentialAccount(row, origin))));
    }),
  );
});

it('any status and any boost is a valid Status, with what depends on the viewer or without', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        post.map((one) => ({ ...one, boosted: null })),
        boost,
      ),
      fc.option(flags),
      (status, seen) => {
        const entity: unknown = JSON.parse(renderStatus(status, origin, seen));
        checkShape('Status', entity);
        checkViewer(entity, seen !== null);
      },
    ),
  );
});

it('a viewer sees their own marks, bit by bit', () => {
  fc.assert(
    fc.property(post, flags, (status, seen) => {
      expect(JSON.parse(renderStatus({ ...status, boosted: null }, origin, seen))).toMatchObject({
        favourited: (seen & 1) !== 0,
        reblogged: (seen & 2) !== 0,
        bookmarked: (seen & 4) !== 0,
        muted: (seen & 8) !== 0,
      });
    }),
  );
});

it('a boost carries what it boosts, and its content, too', () => {
  fc.assert(
    fc.property(boost, (status) => {
      const entity = JSON.parse(renderStatus(status, origin, 0));
      expect(entity.reblog).toEqual(
        JSON.parse(renderStatus({ ...status.boosted, boosted: null }, origin, 0)),
      );
      expect(entity.content).toBe(entity.reblog.content);
      expect(entity.id).not.toBe(entity.reblog.id);
      expect(entity.account.acct).toBe('x_1');
    }),
  );
});

it('put together from cached pieces, a status is what it is at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        post.map((one) => ({ ...one, boosted: null })),
        boost,
      ),
      flags,
      fc.boolean(),
      async (status, seen, logged) => {
        const pairs = [status, ...(status.boosted === null ? [] : [status.boosted])];
        const call = async <K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answered<K>> => {
          const { ids } = ask as { ids: unknown[] };
          const rows = ids.map((id) => {
            const pair = pairs.find(({ row, author }) => (kind === 'statuses' ? row.id : author.id) === id);
            return kind === 'statuses' ? pair?.row : pair?.author;
          });
          const value = kind === 'judge' ? { flags: Uint8Array.from(ids, () => seen) } : { rows };
          return { ok: true, value: value as Answer<K> };
        };
        const fragments = createFragments({
          client: { call, covered: () => () => true },
          deleted: { has: () => false },
          metrics: createCacheMetrics(new Registry()),
          mostBytes: 1e6,
        });
        const request = {
          origin,
          ask: async <K extends RequestKind>(kind: K, ask: Ask<K>) => {
            const answered = await call(kind, ask);
            if (!answered.ok) throw new Error('refused');
            return answered.value;
          },
        };
        const view = createStatusView(fragments);
        const viewing = { viewer: logged ? accountIdOf('zed') : null, request };
        for (const time of ['first', 'again']) {
          const found = await view.seeOne(status.row.id, viewing);
          if (found === null) throw new Error(`not seen ${time}`);
          const pieces: Uint8Array[] = [];
          appendStatus(pieces, found, logged);
          expect(Buffer.concat(pieces).toString()).toBe(renderStatus(status, origin, logged ? seen : null));
        }
      },
    ),
  );
});

it('a notification in a stream is a valid Notification, with its status or without', () => {
  const notification: fc.Arbitrary<NotificationRow> = fc.record({
    id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    kind: fc.constantFrom('follow', 'mention', 'favourite', 'reblog'),
    from: fc.constant(accountIdOf('alice')),
    status: fc.constant(null),
    createdMs: ms,
  });
  fc.assert(
    fc.property(notification, account, fc.option(post), (row, from, about) => {
      const rows = {
        notification: row,
        account: from,
        status: about?.row ?? null,
        author: about?.author ?? null,
      };
      const entity: unknown = JSON.parse(entityWriter.notification(rows, origin));
      checkShape('Notification', entity);
      expect(entity).toHaveProperty('type', row.kind);
    }),
  );
});
