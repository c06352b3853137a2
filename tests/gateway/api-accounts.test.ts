// Accounts over HTTP: reading them, finding them, following, blocking, one's own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, type Entity, type Person, password, startApi } from './api-server.ts';

let api: ApiServer;
let alice: Person;
let bob: Person;
let carol: Person;

beforeAll(async () => {
  api = await startApi();
  [alice, bob, carol] = [await api.person('Alice'), await api.person('bob'), await api.person('carol')];
});
afterAll(() => api.close());

const ids = (list: Entity): string[] => list.map(({ id }: Entity) => id);
const own = (person: Person): Promise<Entity> =>
  api.json('GET', '/api/v1/accounts/verify_credentials', { token: person.token, shape: 'CredentialAccount' });
const update = (body: unknown, asking = {}): Promise<Entity> =>
  api.json('PATCH', '/api/v1/accounts/update_credentials', {
    token: alice.token,
    body,
    shape: 'CredentialAccount',
    ...asking,
  });

describe('an account', () => {
  it('is found by its id and by its name, with our host or without', async () => {
    const account = await api.json<Entity>('GET', `/api/v1/accounts/${alice.id}`, { shape: 'Account' });
    expect(account).toMatchObject({ id: alice.id, acct: 'Alice', url: `${api.url}/@Alice` });
    const host = new URL(api.url).host;
    for (const acct of [
      'Alice',
      'aLICE',
      '@Alice',
      `alice@${host}`,
      'alice@127.0.0.1',
      `acct:alice@${host}`,
    ]) {
      const found = await api.json<Entity>(
        'GET',
        `/api/v1/accounts/lookup?acct=${encodeURIComponent(acct)}`,
        { shape: 'Account' },
      );
      expect(found.id).toBe(alice.id);
    }
  });

  it.each(['12345', '0', 'x', '-1', '9007199254740993', '99999999999999999999'])(
    'with an id nobody has (%s) is not there',
    async (id) => {
      for (const path of ['', '/statuses', '/followers', '/following', '/featured_tags']) {
        await api.ask('GET', `/api/v1/accounts/${id}${path}`, { status: 404 });
      }
      for (const act of ['follow', 'unfollow', 'mute', 'unmute', 'block', 'unblock']) {
        await api.ask('POST', `/api/v1/accounts/${id}/${act}`, { token: alice.token, status: 404 });
      }
    },
  );

  it.each(['', 'nobody', 'alice@elsewhere.org', 'a b', '../..'])(
    'of the name %j is not there',
    async (acct) => {
      await api.ask('GET', `/api/v1/accounts/lookup?acct=${encodeURIComponent(acct)}`, { status: 404 });
    },
  );

  it('has a picture of its own', async () => {
    const { avatar, header } = await own(alice);
    for (const url of [avatar, header]) {
      const answer = await fetch(url);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
    }
    expect((await fetch(`${api.url}/avatars/x.png`)).status).toBe(404);
  });
});

describe("an account's statuses", () => {
  it('are newest first, without replies or boosts where those are not wanted', async () => {
    const dave = await api.person('dave');
    const first = await api.post(dave, 'first');
    const thread = await api.post(dave, 'thread', { in_reply_to_id: first.id });
    const other = await api.post(alice, 'by alice');
    const reply = await api.post(dave, 'reply', { in_reply_to_id: other.id });
    const boost = await api.json<Entity>('POST', `/api/v1/statuses/${other.id}/reblog`, {
      token: dave.token,
    });
    const statuses = async (query = ''): Promise<string[]> =>
      ids(await api.json('GET', `/api/v1/accounts/${dave.id}/statuses${query}`, { shape: 'Status[]' }));
    expect(await statuses()).toEqual([boost.id, reply.id, thread.id, first.id]);
    expect(await statuses('?exclude_replies=true')).toEqual([boost.id, thread.id, first.id]);
    expect(await statuses('?exclude_reblogs=1')).toEqual([reply.id, thread.id, first.id]);
    expect(await statuses(`?limit=2&max_id=${boost.id}`)).toEqual([reply.id, thread.id]);
    expect(await statuses('?pinned=true')).toEqual([]);
    expect(await statuses('?only_media=true')).toEqual([]);
    await api.ask('GET', `/api/v1/accounts/${dave.id}/statuses?tagged=x`, { status: 422 });
  });

  it('for followers are seen by followers', async () => {
    const erin = await api.person('erin');
    await api.follow(bob, erin);
    const { id } = await api.post(erin, 'for followers', { visibility: 'private' });
    const path = `/api/v1/accounts/${erin.id}/statuses`;
    expect(ids(await api.json('GET', path, { token: bob.token }))).toEqual([id]);
    expect(ids(await api.json('GET', path, { token: carol.token }))).toEqual([]);
    expect(ids(await api.json('GET', path))).toEqual([]);
  });
});

describe('followers and followees', () => {
  it('are listed newest first and walk to their end by Link', async () => {
    const star = await api.person('star');
    const fans: string[] = [];
    for (let count = 0; count < 5; count++) {
      const fan = await api.person(`fan${count}`);
      await api.follow(fan, star);
      fans.unshift(fan.id);
    }
    const found: string[] = [];
    let next: string | undefined = `/api/v1/accounts/${star.id}/followers?limit=2`;
    while (next !== undefined) {
      const page = await api.ask('GET', next, { shape: 'Account[]' });
      found.push(...ids(page.body));
      next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1]?.replace(api.url, '');
    }
    expect(found).toEqual(fans);
    const following = await api.json<Entity>('GET', `/api/v1/accounts/${fans[0]}/following`, {
      shape: 'Account[]',
    });
    expect(ids(following)).toEqual([star.id]);
    expect(await own(star)).toMatchObject({ followers_count: 5, following_count: 0 });
  });

  it('are not shown to those who are blocked', async () => {
    const [host, guest] = [await api.person('host'), await api.person('guest')];
    await api.follow(bob, host);
    await api.ask('POST', `/api/v1/accounts/${guest.id}/block`, { token: host.token });
    expect(await api.json('GET', `/api/v1/accounts/${host.id}/followers`, { token: guest.token })).toEqual(
      [],
    );
    expect(await api.json('GET', `/api/v1/accounts/${host.id}/followers`, { token: bob.token })).toHaveLength(
      1,
    );
  });
});

describe('a relationship', () => {
  const act = (person: Person, deed: string, target: Person, body?: unknown): Promise<Entity> =>
    api.json('POST', `/api/v1/accounts/${target.id}/${deed}`, {
      token: person.token,
      shape: 'Relationship',
      ...(body === undefined ? {} : { body }),
    });
  const between = async (person: Person, ...targets: Person[]): Promise<Entity> =>
    api.json('GET', `/api/v1/accounts/relationships?${targets.map(({ id }) => `id[]=${id}`).join('&')}`, {
      token: person.token,
      shape: 'Relationship[]',
    });

  it('follows, and follows no more; doing it twice does it once', async () => {
    const [frank, grace] = [await api.person('frank'), await api.person('grace')];
    expect(await act(frank, 'follow', grace)).toMatchObject({
      id: grace.id,
      following: true,
      showing_reblogs: true,
      followed_by: false,
    });
    expect(await act(frank, 'follow', grace, { reblogs: false })).toMatchObject({
      following: true,
      showing_reblogs: false,
    });
    expect(await between(grace, frank)).toMatchObject([
      { id: frank.id, following: false, followed_by: true },
    ]);
    expect(await own(grace)).toMatchObject({ followers_count: 1 });
    expect(await act(frank, 'unfollow', grace)).toMatchObject({ following: false, showing_reblogs: false });
    expect(await act(frank, 'unfollow', grace)).toMatchObject({ following: false });
    expect(await own(grace)).toMatchObject({ followers_count: 0 });
  });

  it('mutes, with notifications or without, for good or for a time', async () => {
    const hugo = await api.person('hugo');
    expect(await act(hugo, 'mute', bob)).toMatchObject({ muting: true, muting_notifications: true });
    expect(await act(hugo, 'mute', bob, { notifications: false, duration: 3600 })).toMatchObject({
      muting: true,
      muting_notifications: false,
    });
    expect(ids(await api.json('GET', '/api/v1/mutes', { token: hugo.token, shape: 'Account[]' }))).toEqual([
      bob.id,
    ]);
    expect(await act(hugo, 'unmute', bob)).toMatchObject({ muting: false, muting_notifications: false });
    expect(await api.json('GET', '/api/v1/mutes', { token: hugo.token })).toEqual([]);
    await api.ask('POST', `/api/v1/accounts/${bob.id}/mute`, {
      token: hugo.token,
      body: { duration: 'x' },
      status: 422,
    });
  });

  it('blocks, which ends both follows', async () => {
    const [ida, jack] = [await api.person('ida'), await api.person('jack')];
    await act(ida, 'follow', jack);
    await act(jack, 'follow', ida);
    expect(await act(ida, 'block', jack)).toMatchObject({
      blocking: true,
      following: false,
      followed_by: false,
    });
    expect(await between(jack, ida)).toMatchObject([{ blocked_by: true, following: false }]);
    expect(ids(await api.json('GET', '/api/v1/blocks', { token: ida.token, shape: 'Account[]' }))).toEqual([
      jack.id,
    ]);
    await api.ask('POST', `/api/v1/accounts/${ida.id}/follow`, { token: jack.token, status: 403 });
    expect(await act(ida, 'unblock', jack)).toMatchObject({ blocking: false });
  });

  it('with oneself is not made', async () => {
    for (const deed of ['follow', 'mute', 'block']) {
      const { status } = await fetch(`${api.url}/api/v1/accounts/${alice.id}/${deed}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${alice.token}` },
      });
      expect([403, 422]).toContain(status);
    }
  });

  it('is told for as many as are asked for, in that order, without those who are not there', async () => {
    await act(bob, 'follow', alice);
    const path = `/api/v1/accounts/relationships?id[]=${carol.id}&id[]=999&id[]=x&id[]=${alice.id}`;
    const told = await api.json<Entity>('GET', path, { token: bob.token, shape: 'Relationship[]' });
    expect(told).toMatchObject([
      { id: carol.id, following: false },
      { id: alice.id, following: true },
    ]);
    expect(
      await api.json('GET', `/api/v1/accounts/relationships?id=${alice.id}`, { token: bob.token }),
    ).toHaveLength(1);
    expect(await api.json('GET', '/api/v1/accounts/relationships', { token: bob.token })).toEqual([]);
  });
});

describe('search for accounts', () => {
  it('finds by the beginning of a name, the very name first', async () => {
    const found = async (q: string, asking = {}): Promise<string[]> =>
      (
        await api.json<Entity>('GET', `/api/v1/accounts/search?${q}`, {
          token: bob.token,
          shape: 'Account[]',
          ...asking,
        })
      ).map(({ acct }: Entity) => acct);
    await api.person('carola');
    expect(await found('q=carol')).toEqual(['carol', 'carola']);
    expect(await found('q=@carola&limit=1')).toEqual(['carola']);
    expect(await found('q=carol&limit=1&offset=1')).toEqual(['carola']);
    expect(await found('q=alic&following=true')).toEqual(['Alice']);
    expect(await found('q=carol&following=true')).toEqual([]);
    expect(await found('q=')).toEqual([]);
  });

  it('is for those who are logged in', async () => {
    await api.ask('GET', '/api/v1/accounts/search?q=a', { status: 401 });
  });
});

describe("one's own account", () => {
  it('is changed field by field, as JSON', async () => {
    const fields = [
      { name: 'Site', value: 'https://example.org' },
      { name: '', value: '' },
    ];
    const changed = await update({
      display_name: 'Alice 🐇',
      note: 'Down #rabbit\n\nhole <x>',
      bot: 'true',
      fields_attributes: fields,
    });
    expect(changed).toMatchObject({
      display_name: 'Alice 🐇',
      bot: true,
      source: {
        note: 'Down #rabbit\n\nhole <x>',
        privacy: 'public',
        fields: [{ name: 'Site', value: 'https://example.org' }],
      },
    });
    expect(changed.note).toMatch(/^<p>Down <a .*rabbit<\/span><\/a><\/p><p>hole &lt;x&gt;<\/p>$/);
    expect(changed.fields[0].value).toMatch(/^<a href="https:\/\/example.org"/);
    expect(await update({ note: '' })).toMatchObject({ note: '', display_name: 'Alice 🐇' });
  });

  it('is changed by forms, too', async () => {
    const body =
      'source[privacy]=unlisted&source%5Bsensitive%5D=1&source[language]=de&fields_attributes[0][name]=a&fields_attributes[0][value]=b&discoverable=false&locked=false';
    expect(await update(body, { type: 'application/x-www-form-urlencoded' })).toMatchObject({
      source: { privacy: 'unlisted', sensitive: true, language: 'de', fields: [{ name: 'a', value: 'b' }] },
      discoverable: false,
    });
  });

  it.each([
    [{ display_name: 'x'.repeat(31) }, 'Display name is too long (maximum is 30 characters)'],
    [{ note: 'x'.repeat(501) }, 'Note is too long (maximum is 500 characters)'],
    [{ locked: true }, 'Locked accounts are not supported here'],
    [{ avatar: 'data:image/png;base64,xx' }, 'Pictures are not supported here'],
    [
      { fields_attributes: Array.from({ length: 5 }, () => ({ name: 'a', value: 'b' })) },
      'A profile may have 4 fields at most',
    ],
    [
      { fields_attributes: [{ name: 'a', value: 'x'.repeat(256) }] },
      'A profile field is too long (maximum is 255 characters)',
    ],
    [{ fields_attributes: 'x' }, 'fields_attributes must be a list'],
    [{ source: { privacy: 'nobody' } }, 'Privacy must be public, unlisted, private or direct'],
    [{ source: { language: '!' } }, 'Language is not a language code'],
    [{ bot: 'perhaps' }, 'bot must be true or false'],
  ])('refuses %j in words', async (body, words) => {
    const reply = await api.ask('PATCH', '/api/v1/accounts/update_credentials', {
      token: alice.token,
      body,
      status: 422,
    });
    expect(reply.body).toEqual({ error: `Validation failed: ${words}` });
  });

  it('refuses an uploaded picture', async () => {
    const form = new FormData();
    form.set('avatar', new Blob(['PNG'], { type: 'image/png' }), 'me.png');
    const answer = await fetch(`${api.url}/api/v1/accounts/update_credentials`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${alice.token}` },
      body: form,
    });
    expect([answer.status, await answer.json()]).toEqual([
      422,
      { error: 'Validation failed: Pictures are not supported here' },
    ]);
  });

  it('gets another password for the current one', async () => {
    const kate = await api.signedUp('kate');
    const change = (body: unknown, status = 200) =>
      api.ask('POST', '/api/v1/accounts/change_password', { token: kate.token, body, status });
    expect((await change({ current_password: 'wrong', new_password: 'battery staple' }, 422)).body).toEqual({
      error: expect.stringMatching(/^Validation failed: .*password is wrong$/),
    });
    await change({ current_password: password, new_password: 'short' }, 422);
    await change({ current_password: password }, 422);
    await change({ current_password: password, new_password: 'battery staple' });
    await expect(
      api.core.ask('logIn', { handle: 'kate', password: 'battery staple', ip: '10.1.1.1' }),
    ).resolves.toEqual({ account: kate.account });
    await expect(
      api.core.refused('logIn', { handle: 'kate', password, ip: '10.1.1.1' }),
    ).resolves.toMatchObject({ code: 'unauthorized' });
  });

  it('ends with its password, and takes its posts and tokens with it', async () => {
    const liam = await api.signedUp('liam');
    const { id } = await api.post(liam, 'last words');
    const end = (body: unknown, status: number) =>
      api.ask('POST', '/api/v1/accounts/delete', { token: liam.token, body, status });
    await end({ password: 'wrong' }, 422);
    await end({}, 422);
    await end({ password }, 200);
    await api.ask('GET', `/api/v1/accounts/${liam.id}`, { status: 404 });
    await api.ask('GET', `/api/v1/statuses/${id}`, { status: 404 });
    await api.ask('GET', '/api/v1/accounts/verify_credentials', { token: liam.token, status: 401 });
  });
});
