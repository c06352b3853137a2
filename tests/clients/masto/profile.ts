// masto reads and changes a profile, and learns what the server is.
import { createRestAPIClient, type mastodon } from 'masto';
import { beforeAll, expect, test } from 'vitest';
import type { Person, Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

export function profileFlow(scene: () => Scene): void {
  let url: string;
  let person: Person;
  let rest: mastodon.rest.Client;

  beforeAll(async () => {
    url = scene().url;
    person = await scene().person('Paula');
    rest = createRestAPIClient({ url, accessToken: person.token });
  });

  test('a profile is changed by a form with nested names, and is then what was typed', async () => {
    const changed = await rest.v1.accounts.updateCredentials({
      displayName: 'Paula <3',
      note: 'I say "#hello" at https://example.org/me\nand go.',
      bot: true,
      discoverable: false,
      source: { privacy: 'unlisted', sensitive: true, language: 'de' },
      fieldsAttributes: [
        { name: 'Site', value: 'https://example.org' },
        { name: 'Mood', value: '<good>' },
      ],
    });
    expect(changed).toMatchObject({
      id: person.id,
      displayName: 'Paula <3',
      bot: true,
      discoverable: false,
      locked: false,
      source: {
        privacy: 'unlisted',
        sensitive: true,
        language: 'de',
        note: 'I say "#hello" at https://example.org/me\nand go.',
        fields: [
          { name: 'Site', value: 'https://example.org' },
          { name: 'Mood', value: '<good>' },
        ],
      },
    });
    expect(changed.note).toContain(
      `<a href="${url}/tags/hello" class="mention hashtag" rel="tag">#<span>hello</span></a>`,
    );
    expect(changed.note).toContain('<a href="https://example.org/me"');
    expect(changed.fields.map(({ name }) => name)).toEqual(['Site', 'Mood']);
    expect(changed.fields[0]?.value).toContain('href="https://example.org"');
    expect(changed.fields[1]?.value).toBe('&lt;good&gt;');

    expect(await rest.v1.accounts.verifyCredentials()).toEqual(changed);
    const { source: _, role: __, ...shown } = changed;
    // Everybody sees the same, without what is the owner's alone.
    expect(await createRestAPIClient({ url }).v1.accounts.$select(person.id).fetch()).toEqual(shown);
    expect(await rest.v1.preferences.fetch()).toEqual({
      'posting:default:visibility': 'unlisted',
      'posting:default:sensitive': true,
      'posting:default:language': 'de',
      'reading:expand:media': 'default',
      'reading:expand:spoilers': false,
    });
  });

  test('preferences are what a post takes over', async () => {
    const post = await rest.v1.statuses.create({ status: 'ohne Angaben' });
    expect(post).toMatchObject({ visibility: 'unlisted', sensitive: true, language: 'de' });
  });

  test('what is not given is not changed, and what is too long is refused', async () => {
    const changed = await rest.v1.accounts.updateCredentials({ bot: false });
    expect(changed).toMatchObject({ bot: false, displayName: 'Paula <3', discoverable: false });
    expect(changed.fields).toHaveLength(2);
    expect(
      await refusalOf(rest.v1.accounts.updateCredentials({ displayName: 'x'.repeat(31) })),
    ).toMatchObject({
      statusCode: 422,
      message: 'Validation failed: Display name is too long (maximum is 30 characters)',
    });
    expect(await refusalOf(rest.v1.accounts.updateCredentials({ avatar: new Blob(['png']) }))).toMatchObject({
      statusCode: 422,
      message: 'Validation failed: Pictures are not supported here',
    });
  });

  test('the instance says what it can do, in both versions', async () => {
    const second = await createRestAPIClient({ url }).v2.instance.fetch();
    const host = new URL(url).host;
    expect(second).toMatchObject({
      domain: host,
      title: 'Murmuration',
      version: expect.stringMatching(/^4\.2\.0 \(compatible; Murmuration \d+\.\d+\.\d+\)$/),
      configuration: {
        urls: { streaming: scene().socketUrl },
        statuses: { maxCharacters: 500, maxMediaAttachments: 0, charactersReservedPerUrl: 23 },
        mediaAttachments: { supportedMimeTypes: [] },
        polls: { maxOptions: 0 },
        translation: { enabled: false },
      },
      registrations: { enabled: true, approvalRequired: false },
      rules: [],
    });
    const first = await createRestAPIClient({ url }).v1.instance.fetch();
    expect(first).toMatchObject({
      uri: host,
      version: second.version,
      urls: { streamingApi: scene().socketUrl },
      registrations: true,
      configuration: { statuses: { maxCharacters: 500 } },
    });
    expect(first.stats.userCount).toBeGreaterThanOrEqual(1);
    expect(first.stats.statusCount).toBeGreaterThanOrEqual(1);
  });

  test('what is not there yet is empty, not missing', async () => {
    const none: unknown[] = [];
    expect(await rest.v1.customEmojis.list()).toEqual(none);
    expect(await rest.v1.lists.list()).toEqual(none);
    expect(await rest.v2.filters.list()).toEqual(none);
    expect(await rest.v1.announcements.list()).toEqual(none);
    expect(await rest.v1.followRequests.list()).toEqual(none);
    expect(await rest.v1.trends.tags.list()).toEqual(none);
    expect(await rest.v1.trends.statuses.list()).toEqual(none);
    expect(await rest.v1.markers.fetch({ timeline: ['home'] })).toEqual({});
  });
}
