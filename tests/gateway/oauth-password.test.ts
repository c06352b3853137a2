// A new password ends what was let in with the old one: tokens, codes on their way to be tokens, and open streams.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { factKind } from '../../actors/facts.ts';
import { afterPrefix, keyOf } from '../../runtime/key.ts';
import { openTestCore } from '../support/core.ts';
import { until } from '../support/until.ts';
import { openStream } from './stream-client.ts';
import { type Person, startWholeGateway, type WholeGateway } from './whole-gateway.ts';

const before = 'correct horse';
const after = 'battery staple';

let whole: WholeGateway;

beforeAll(async () => {
  whole = await startWholeGateway();
});

afterAll(async () => {
  await whole.close();
  expect(whole.faults).toEqual([]);
});

async function person(handle: string): Promise<Person> {
  const made = await whole.person(handle);
  await whole.ask('setPassword', { handle, password: before });
  return { ...made, token: await another(handle) };
}

const another = async (handle: string): Promise<string> =>
  (await whole.ask('issueToken', { handle, scopes: 'read write' })).token;

const works = async (token: string): Promise<boolean> =>
  (await whole.request('GET', '/api/v1/accounts/verify_credentials', token)).status === 200;

const change = (token: string, current = before) =>
  whole.request('POST', '/api/v1/accounts/change_password', token, {
    current_password: current,
    new_password: after,
  });

function codeFor({ account }: Person): Promise<{ code: string }> {
  const asked = { clientId: '0'.repeat(16), redirectUri: 'a:', scopes: 'read', challenge: null };
  return whole.ask('createCode', { account, ...asked });
}

const stream = (token: string) =>
  openStream({ url: whole.socketUrl, query: `?stream=user&access_token=${token}` });

describe('a changed password', () => {
  test('ends all tokens of the account but the one it was changed with, and their streams', async () => {
    const [ann, ben] = [await person('ann'), await person('ben')];
    const stolen = await another('ann');
    const [own, theirs] = [await stream(ann.token), await stream(stolen)];
    expect((await change(ann.token)).status).toBe(200);
    expect([await works(stolen), await works(ann.token), await works(ben.token)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(await until(() => theirs.closed())).toEqual({ code: 1008, reason: 'token-revoked' });
    expect(own.closed()).toBeNull();
    await own.end();
  });

  test('ends codes that are still to become tokens', async () => {
    const cem = await person('cem');
    const { code } = await codeFor(cem);
    await change(cem.token);
    await expect(whole.ask('takeCode', { code })).rejects.toThrow('invalid');
  });

  test('that is not changed ends nothing', async () => {
    const dan = await person('dan');
    const other = await another('dan');
    expect((await change(dan.token, 'wrong horse')).status).toBe(422);
    expect([await works(other), await works(dan.token)]).toEqual([true, true]);
  });

  test('set by the operator ends all tokens', async () => {
    const eva = await person('eva');
    const open = await stream(eva.token);
    await whole.ask('setPassword', { handle: 'eva', password: after });
    expect(await works(eva.token)).toBe(false);
    expect(await until(() => open.closed())).toEqual({ code: 1008, reason: 'token-revoked' });
  });

  test('is acknowledged when no gateway takes the tokens any more', async () => {
    const tested = await openTestCore();
    await tested.accounts('fay');
    const { token } = await tested.ask('issueToken', { handle: 'fay', scopes: 'read' });
    const { tokenId } = await tested.ask('authenticate', { token });
    tested.gateway.holdFences();
    const order: string[] = [];
    const setting = tested
      .ask('setPassword', { handle: 'fay', password: after })
      .then(() => order.push('answered'));
    await until(() => tested.gateway.changes.some(({ tokens }) => tokens.includes(tokenId)));
    await tested.quiet();
    order.push('released');
    tested.gateway.releaseFences();
    await setting;
    expect(order).toEqual(['released', 'answered']);
    await tested.close();
  });

  test('ends tokens that are on their way to the disk meanwhile', async () => {
    const tested = await openTestCore();
    const [gus] = await tested.accounts('gus');
    if (gus === undefined) throw new Error('no account');
    let isSet = false;
    // Tokens are made all the time: some are between memory and disk at whatever moment the password changes.
    const making = Array.from({ length: 50 }, async () => {
      while (!isSet) await tested.ask('issueToken', { handle: 'gus', scopes: 'read' });
    });
    await tested.ask('setPassword', { handle: 'gus', password: after });
    isSet = true;
    await Promise.all(making);
    const { reader } = tested.core.store;
    const changed = reader.fact(keyOf(gus, factKind.credential));
    const from = keyOf(gus, factKind.token);
    const tokens = reader.facts({ from, to: afterPrefix(from), most: 100_000 });
    expect(tokens.some(({ value }) => value === null)).toBe(true);
    const older = tokens.filter(({ version }) => changed !== null && version < changed.version);
    expect(older.filter(({ value }) => value !== null)).toEqual([]);
    await tested.close();
  });
});
