// Tokens: asked for once, forgotten when revoked, unknown without a core.
import { expect, it } from 'vitest';
import type { Answer, Ask, RequestKind } from '../../actors/messages.ts';
import type { Answered } from '../../cluster/core-client.ts';
import { createAuthenticator } from '../../gateway/authenticator.ts';
import { partitionOf } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';

function desk(most?: number) {
  const asked: string[] = [];
  const revoked = new Set<string>();
  const desk = {
    isUp: true,
    covered: () => () => desk.isUp,
    asked,
    revoked,
    /** Runs when the core has looked, and its answer is on the way. */
    onTheWay: (): void => {},
    async call<K extends RequestKind>(_kind: K, ask: Ask<K>): Promise<Answered<K>> {
      const { token } = ask as Ask<'authenticate'>;
      asked.push(token);
      const isGone = revoked.has(token);
      desk.onTheWay();
      if (isGone)
        return { ok: false, rejection: { code: 'unauthorized', message: 'The access token is invalid' } };
      const value = {
        tokenId: `id-${token}`,
        account: accountIdOf('alice'),
        clientId: 'c',
        scopes: 'read write',
      };
      return { ok: true, value: value as unknown as Answer<K> };
    },
  };
  return {
    desk,
    authenticator: createAuthenticator({ client: desk, ...(most === undefined ? {} : { most }) }),
  };
}

const changed = (...tokens: string[]) => ({ statuses: [], accounts: [], tokens });

it('a token is looked up once', async () => {
  const { desk: core, authenticator } = desk();
  const first = await authenticator.authenticate('t');
  expect(first).toMatchObject({ ok: true, value: { tokenId: 'id-t', clientId: 'c', token: 't' } });
  expect(first.ok && [...first.value.scopes]).toEqual(['read', 'write']);
  await authenticator.authenticate('t');
  expect(core.asked).toEqual(['t']);
});

it('a revoked token is forgotten at once', async () => {
  const { desk: core, authenticator } = desk();
  await authenticator.authenticate('t');
  core.revoked.add('t');
  authenticator.changed(changed('id-t'));
  expect(authenticator.remembered('t')).toBeNull();
  expect(await authenticator.authenticate('t')).toMatchObject({
    ok: false,
    rejection: { code: 'unauthorized' },
  });
});

it('a token that nobody has used between two times of tidying is asked for anew, and no other', async () => {
  const { desk: core, authenticator } = desk();
  for (const token of ['used', 'unused']) await authenticator.authenticate(token);
  for (let round = 0; round < 3; round++) {
    authenticator.forgetUnused();
    expect(authenticator.remembered('used')).toMatchObject({ token: 'used' });
  }
  expect(authenticator.remembered('unused')).toBeNull();
  core.asked.length = 0;
  for (const token of ['used', 'unused']) await authenticator.authenticate(token);
  expect(core.asked).toEqual(['unused']);
});

it.each(['before', 'after'])(
  'a revoked token is forgotten, be it tidied %s it was used last',
  async (when) => {
    const { desk: core, authenticator } = desk();
    await authenticator.authenticate('t');
    authenticator.forgetUnused();
    if (when === 'before') authenticator.remembered('t');
    core.revoked.add('t');
    authenticator.changed(changed('id-t'));
    expect(authenticator.remembered('t')).toBeNull();
  },
);

it('a token that is revoked while the answer is on its way does not count', async () => {
  const { desk: core, authenticator } = desk();
  core.onTheWay = () => {
    core.onTheWay = () => {};
    core.revoked.add('t');
    authenticator.changed(changed('id-t'));
  };
  expect(await authenticator.authenticate('t')).toMatchObject({
    ok: false,
    rejection: { code: 'unauthorized' },
  });
});

it('nothing is remembered of who is lost, nor used while the lease is out', async () => {
  const { desk: core, authenticator } = desk();
  await authenticator.authenticate('t');
  core.isUp = false;
  expect(authenticator.remembered('t')).toBeNull();
  core.isUp = true;
  expect(authenticator.remembered('t')).not.toBeNull();
  authenticator.lost(new Set([partitionOf(accountIdOf('alice')) - 1]));
  expect(authenticator.remembered('t')).not.toBeNull();
  authenticator.lost(new Set([partitionOf(accountIdOf('alice'))]));
  expect(authenticator.remembered('t')).toBeNull();
});

it.each(['', 'a b', 'ü', 'x'.repeat(201), 'a\n'])('the core is not troubled with %j', async (token) => {
  const { desk: core, authenticator } = desk();
  expect(await authenticator.authenticate(token)).toMatchObject({
    ok: false,
    rejection: { code: 'unauthorized' },
  });
  expect(core.asked).toEqual([]);
});

it('no more tokens are remembered than it may', async () => {
  const { authenticator } = desk(2);
  for (const token of ['a', 'b', 'c']) await authenticator.authenticate(token);
  expect(authenticator.remembered('a')).toBeNull();
  expect(authenticator.remembered('c')).not.toBeNull();
});
