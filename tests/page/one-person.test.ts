// One person at the page in a real browser, against a real server: by keys alone, on a phone, coming and going, and under attack.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import {
  focused,
  goHome,
  launchBrowser,
  live,
  newPerson,
  overflow,
  type Person,
  password,
  post,
  posts,
  screenshot,
  tabTo,
  visitor,
} from './people.ts';

let server: Server;
let browser: Browser;
const people: Person[] = [];

async function person(handle: string, device = {}): Promise<Person> {
  const made = await newPerson(browser, server.url, handle, device);
  people.push(made);
  return made;
}

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launchBrowser()]);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

describe('somebody without a mouse', () => {
  test('signs up, posts, marks, replies and finds the help by keys alone', async () => {
    const somebody = await visitor(browser, server.url);
    people.push(somebody);
    const { page } = somebody;
    await page.getByRole('button', { name: 'Sign up' }).waitFor();
    await tabTo(page, 'Handle');
    await page.keyboard.type('keys_only');
    await tabTo(page, 'Password');
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();

    await tabTo(page, 'Skip to content');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Your post');
    await page.keyboard.type('No mouse was harmed');
    await tabTo(page, 'Post');
    await page.keyboard.press('Enter');
    await posts(page, 'No mouse was harmed').waitFor();
    await page.keyboard.press('j');
    expect(await focused(page)).toContain('keys_only');

    await page.keyboard.press('f');
    await page.locator('[data-act=heart][aria-pressed=true]').waitFor();
    await page.keyboard.press('r');
    await until(async () => (await focused(page)) === 'Your reply', { what: 'the reply having the focus' });
    await page.keyboard.type('none at all');
    await tabTo(page, 'Reply');
    await page.keyboard.press('Enter');
    await posts(page, 'none at all').waitFor();

    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('/');
    await until(async () => (await focused(page)).startsWith('Search for'), {
      what: 'the search having the focus',
    });
    await page.keyboard.type('harmed');
    await posts(page, 'No mouse was harmed').waitFor();
  });
});

describe('somebody with a phone', () => {
  test('finds every view within the width of the window, in the light and in the dark', async () => {
    const long = `${'W'.repeat(120)} https://example.org/${'path/'.repeat(30)} #${'tag'.repeat(30)}`;
    for (const dark of [false, true]) {
      const { page, handle } = await person(dark ? 'owl_of_the_longest_handle_here' : 'lark', {
        width: 360,
        height: 740,
        dark,
      });
      await post(page, long);
      await posts(page, 'WWWW').first().waitFor();
      expect(['home', await overflow(page)]).toEqual(['home', 0]);
      await screenshot(page, dark ? 'phone-dark' : 'phone-light');
      await posts(page, 'WWWW').first().locator('[data-open]').click();
      await page.getByText('No replies yet').waitFor();
      expect(['thread', await overflow(page)]).toEqual(['thread', 0]);
      const views: readonly (readonly [string, string])[] = [
        ['#/notifications', 'Notifications'],
        ['#/search?q=WWWW', 'Search'],
        ['#/public', 'Everyone'],
        ['#/bookmarks', 'Bookmarks'],
        ['#/settings', 'Settings'],
        [`#/@${handle}`, handle],
        [`#/@${handle}/followers`, handle],
      ];
      for (const [address, title] of views) {
        await page.goto(`/${address}`);
        await page.getByRole('heading', { name: title, level: 1 }).waitFor();
        await page.getByRole('status', { name: /^Loading/ }).waitFor({ state: 'detached' });
        expect([address, await overflow(page)]).toEqual([address, 0]);
      }
      await page.getByRole('button', { name: 'Write' }).click();
      await page.getByRole('dialog').waitFor();
      expect(['compose', await overflow(page)]).toEqual(['compose', 0]);
    }
  });
});

describe('an account', () => {
  test('is logged out and in again by the server’s own form, and back at the page', async () => {
    const { page } = await person('starling');
    await page.goto('/#/settings');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('link', { name: 'Look around' }).click();
    await page.getByRole('heading', { name: 'Everyone' }).waitFor();
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL(/\/oauth\/authorize/);
    await page.locator('input:not([type=hidden]):not([type=password])').first().fill('starling');
    await page.locator('input[type=password]').fill(password);
    await page.keyboard.press('Enter');

    await page.waitForURL((address) => address.pathname === '/' && address.search === '');
    await page.getByRole('heading', { name: 'Everyone' }).waitFor();
    await live(page);
    await goHome(page);
  });

  test('gets another name and another password, and is deleted in the end', async () => {
    const { page } = await person('fledgling');
    await page.goto('/#/settings');
    await page.getByLabel('Display name').fill('A Fledgling <b>');
    await page.getByLabel('About you').fill('New to the flock.');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Your profile is saved.').waitFor();

    await page.getByLabel('Current password').fill('not this one');
    await page.getByLabel('New password').fill('eight others at once');
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Current password').fill(password);
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByText('Your password is changed.').waitFor();
    await page.goto('/#/@fledgling');
    await page.getByRole('heading', { name: 'A Fledgling <b>' }).waitFor();
    await page.getByText('New to the flock.').waitFor();

    await page.goto('/#/settings');
    await page.getByLabel('Your password').fill('eight others at once');
    await page.getByRole('button', { name: 'Delete my account…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete my account' }).click();
    await page.getByRole('button', { name: 'Sign up' }).waitFor();
    await page.goto('/#/@fledgling');
    await page.getByText('nobody called @fledgling').waitFor();
  });

  test('whose handle is taken is refused in the server’s words', async () => {
    await person('robin');
    const { page } = await visitor(browser, server.url);
    await page.getByLabel('Handle').fill('Robin');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign up' }).click();

    expect(await page.getByRole('alert').textContent()).toMatch(/taken/);
  });

  test('ends on this device when its token is revoked elsewhere', async () => {
    const { page } = await person('kestrel');
    const token = await page.evaluate(() => localStorage.getItem('murmuration.token'));
    const application = await page.evaluate(() => localStorage.getItem('murmuration.application'));
    await fetch(`${server.url}/oauth/revoke`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token, ...JSON.parse(application ?? '{}') }),
    });

    await page.getByRole('button', { name: 'Sign up' }).waitFor();
  });
});

describe('the page', () => {
  test('keeps what was written across a reload, and counts it as the server does', async () => {
    const { page } = await person('swift');
    await page.getByLabel('Your post').fill(`Half a thought https://example.org/${'x'.repeat(200)}`);
    await page.reload();

    await until(async () => (await page.getByLabel('Your post').inputValue()).startsWith('Half a thought'), {
      what: 'the draft',
    });
    await page.getByText(String(500 - 'Half a thought '.length - 23), { exact: false }).waitFor();
    await page.getByLabel('Your post').fill('x'.repeat(501));
    await page.getByText('-1 characters left').waitFor();
    await page.keyboard.press('Control+Enter');
    await page.getByLabel('Your post').fill('x'.repeat(500));
    await page.keyboard.press('Control+Enter');
    await posts(page, 'xxxx').waitFor();
    expect(await posts(page, 'xxxx').count()).toBe(1);
  });

  test('shows nothing of hostile markup but its words', async () => {
    // Not among the others: the browser reports the styles in it, which it did not apply.
    const { page } = await newPerson(browser, server.url, 'magpie');
    await post(page, 'Shiny things');
    await posts(page, 'Shiny things').waitFor();
    const evil =
      '<p onclick="window.evil=1">safe<script>window.evil=1</script><img src=x onerror="window.evil=1">' +
      '<a href="javascript:window.evil=1" class="mention">press</a><svg><style>*{display:none}</style></svg>' +
      '<a href="https://example.org/" style="position:fixed">good</a><iframe srcdoc="<script>top.evil=1</script>"></iframe></p>';
    await page.route('**/api/v1/timelines/home*', async (route) => {
      const response = await route.fetch();
      const statuses: { content: string }[] = await response.json();
      await route.fulfill({ response, json: statuses.map((each) => ({ ...each, content: evil })) });
    });
    await page.reload();

    const card = posts(page, 'safe');
    await card.waitFor();
    expect(await card.locator('.rich').innerHTML()).toBe(
      '<p class="" dir="auto">safepress<a class="" href="https://example.org/" target="_blank" rel="nofollow noopener noreferrer">good</a></p>',
    );
    await card.getByText('press').click();
    expect(await page.evaluate(() => 'evil' in window)).toBe(false);
  });

  test('is left by nobody who is not logged in: they look around, and are asked in', async () => {
    const { page, faults } = await visitor(browser, server.url, { dark: true });
    await screenshot(page, 'door-dark');
    await page.getByRole('link', { name: 'Look around' }).click();
    await page.getByRole('heading', { name: 'Everyone' }).waitFor();
    await posts(page, 'xxxx').first().waitFor();
    await page.goto('/#/nowhere');
    await page.getByText('There is no such page.').waitFor();
    await page.goto('/@swift');
    await page.getByRole('heading', { name: 'swift' }).waitFor();
    expect(faults).toEqual([]);
  });

  test('had no fault, and loaded nothing its policy forbids, in all that was done here', () => {
    expect(people.length).toBeGreaterThan(4);
    expect(people.map(({ handle, faults }) => [handle, faults])).toEqual(
      people.map(({ handle }) => [handle, []]),
    );
  });
});
