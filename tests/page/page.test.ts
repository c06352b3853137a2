// The page in a real browser, against a real server that is killed under it: what people do, and what they see of each other.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import {
  focused,
  follow,
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

describe('two people at the page', () => {
  let ada: Person;
  let wren: Person;

  beforeAll(async () => {
    [ada, wren] = await Promise.all([person('ada'), person('wren')]);
    await follow(ada.page, 'wren');
    await goHome(ada.page);
    await ada.page.evaluate(() => {
      document.body.dataset['loaded'] = 'once';
    });
  }, 60_000);

  test('see what the other posts the moment it is posted, without a reload', async () => {
    await post(wren.page, 'Ten thousand of us over the pier at dusk');

    await posts(ada.page, 'over the pier at dusk').waitFor();
    expect(await ada.page.evaluate(() => document.body.dataset['loaded'])).toBe('once');
    await screenshot(ada.page, 'home-live');
  });

  test('see it also when the core is killed in between, and see it once', async () => {
    const killed = server.corePid();
    process.kill(killed, 'SIGKILL');
    await post(wren.page, 'And one thought between them');

    await posts(ada.page, 'one thought between them').waitFor();
    await posts(wren.page, 'one thought between them').waitFor();
    await ada.page.reload();
    await posts(ada.page, 'one thought between them').waitFor();
    expect(await posts(ada.page, 'one thought between them').count()).toBe(1);
    expect(server.corePid()).not.toBe(killed);
  });

  test('see that the page reconnects when its gateway is killed, and then what they missed, once', async () => {
    const status = ada.page.locator('[data-connection]');
    await live(ada.page);
    await post(wren.page, 'Is anybody awake?');
    await posts(ada.page, 'anybody awake').waitFor();
    await ada.page.evaluate(() => {
      const words: string[] = [];
      const line = document.querySelector('[data-connection]');
      if (line)
        new MutationObserver(() => words.push(line.textContent ?? '')).observe(line, {
          subtree: true,
          childList: true,
          characterData: true,
        });
      Object.assign(window, { statusWords: words });
    });
    for (const pid of server.gatewayPids()) process.kill(pid, 'SIGKILL');
    await post(wren.page, 'Each of us watches seven others');

    await posts(ada.page, 'watches seven others').waitFor();
    await live(ada.page);
    expect(await status.textContent()).toBe('Live');
    const words = await ada.page.evaluate(() => ('statusWords' in window ? String(window.statusWords) : ''));
    expect(words).toContain('Reconnecting…');
    expect(ada.sockets.at(-1)).toMatch(/[?&]since=/);
    expect(await posts(ada.page, 'watches seven others').count()).toBe(1);
  });

  test('reply, favourite and boost, and are told of it with a count', async () => {
    const card = posts(ada.page, 'watches seven others').first();
    await card.getByRole('button', { name: 'Favourite' }).click();
    await card.getByRole('button', { name: 'Boost' }).click();
    await card.getByRole('button', { name: /^Reply/ }).click();
    const dialog = ada.page.getByRole('dialog');
    await dialog.getByLabel('Your reply').pressSequentially('why seven?');
    await dialog.getByRole('button', { name: 'Reply' }).click();
    await dialog.waitFor({ state: 'detached' });

    const bell = wren.page.getByRole('link', { name: /^Notifications/ });
    await until(async () => /4 new/.test((await bell.textContent()) ?? ''), { what: 'four notifications' });
    await bell.click();
    for (const words of ['follows you', 'likes your post', 'boosted your post', 'mentioned you']) {
      await wren.page.getByText(words).first().waitFor();
    }
    await posts(wren.page, 'why seven?').getByRole('link').last().waitFor();
    await until(async () => !/new/.test((await bell.textContent()) ?? ''), { what: 'nothing unseen' });
    await screenshot(wren.page, 'notifications');
  });

  test('find the reply below the post in its thread, and it comes in live', async () => {
    await goHome(wren.page);
    await posts(wren.page, 'watches seven others').first().locator('[data-open]').click();
    await posts(wren.page, 'why seven?').waitFor();

    await wren.page
      .getByRole('button', { name: /^Reply/ })
      .first()
      .click();
    await wren.page.getByRole('dialog').getByLabel('Your reply').pressSequentially('Nobody counted them.');
    await wren.page.keyboard.press('Control+Enter');
    await posts(wren.page, 'Nobody counted them.').waitFor();
    await screenshot(wren.page, 'thread');
  });

  test('no longer see a post the moment it is deleted', async () => {
    await goHome(wren.page);
    await post(wren.page, 'Forget that I said this');
    await goHome(ada.page);
    await posts(ada.page, 'Forget that').waitFor();

    await posts(wren.page, 'Forget that').getByRole('button', { name: 'More' }).click();
    await wren.page.getByRole('button', { name: 'Delete' }).click();
    await wren.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();

    await posts(ada.page, 'Forget that').waitFor({ state: 'detached' });
    await posts(wren.page, 'Forget that').waitFor({ state: 'detached' });
  });

  test('are not moved while they read further down: what is new waits to be asked for', async () => {
    for (let number = 1; number <= 14; number++) {
      await post(wren.page, `Line ${number} of a long evening\n\nand what came of it`);
      await posts(ada.page, `Line ${number} of`).waitFor();
    }
    await posts(ada.page, 'Line 3 of').scrollIntoViewIfNeeded();
    await until(() => ada.page.evaluate(() => window.scrollY > 300), { what: 'being further down' });
    const place = await posts(ada.page, 'Line 3 of').boundingBox();
    await post(wren.page, 'News from the pier');

    const pill = ada.page.getByRole('button', { name: '1 new post' });
    await pill.waitFor();
    expect(await posts(ada.page, 'Line 3 of').boundingBox()).toEqual(place);
    expect(await posts(ada.page, 'News from the pier').count()).toBe(0);
    await pill.click();
    await posts(ada.page, 'News from the pier').waitFor();
    expect(await ada.page.evaluate(() => window.scrollY)).toBe(0);
  });

  test('read further back when they come to the end of a page', async () => {
    const token = await wren.page.evaluate(() => localStorage.getItem('murmuration.token'));
    for (let number = 1; number <= 45; number++) {
      const reply = await fetch(`${server.url}/api/v1/statuses`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ status: `Old news, number ${number}.` }),
      });
      expect(reply.status).toBe(200);
    }
    await ada.page.goto('/#/@wren');
    await posts(ada.page, 'number 45.').waitFor();

    await until(
      async () => {
        await ada.page.keyboard.press('End');
        return (await posts(ada.page, 'Old news').count()) === 45;
      },
      { what: 'all 45 posts' },
    );
    const shown = await posts(ada.page, 'Old news').allTextContents();
    const numbers = shown.map((text) => Number(/number (\d+)\./.exec(text)?.[1]));
    expect(numbers).toEqual(Array.from({ length: 45 }, (_, index) => 45 - index));
    await screenshot(ada.page, 'profile');

    await posts(ada.page, 'number 7.').scrollIntoViewIfNeeded();
    const place = await posts(ada.page, 'number 7.').boundingBox();
    await posts(ada.page, 'number 7.').locator('[data-open]').click();
    await ada.page.getByRole('heading', { name: 'Thread' }).waitFor();
    await ada.page.getByRole('button', { name: 'Back' }).click();
    await posts(ada.page, 'number 7.').waitFor();
    expect(await posts(ada.page, 'number 7.').boundingBox()).toEqual(place);
  });

  test('see on the timeline of everyone, and of a tag, that somebody has posted', async () => {
    await ada.page.getByRole('link', { name: 'Everyone' }).click();
    await posts(ada.page, 'Old news, number 45.').waitFor();
    await goHome(wren.page);
    await post(wren.page, 'Who else is at the #pier?');
    await ada.page.getByRole('button', { name: '1 new post' }).click();
    await posts(ada.page, 'Who else is at').getByRole('link', { name: '#pier' }).click();
    await ada.page.getByRole('heading', { name: '#pier' }).waitFor();
    await posts(ada.page, 'Who else is at').waitFor();

    await post(wren.page, 'Everybody is at the #Pier');
    await ada.page.getByRole('button', { name: '1 new post' }).click();
    await posts(ada.page, 'Everybody is at').waitFor();
  });

  test('find by search the people, the tags and the words', async () => {
    await goHome(wren.page);
    await post(wren.page, 'What is a #murmuration if not a quorum?');
    await ada.page.getByRole('link', { name: 'Search', exact: true }).click();
    const field = ada.page.getByLabel('Search for people, tags and posts');

    await field.fill('quorum');
    await posts(ada.page, 'if not a quorum').waitFor();
    await field.fill('wre');
    await ada.page.getByRole('region', { name: 'People' }).getByText('@wren').waitFor();
    await field.fill('#murm');
    await ada.page.getByRole('link', { name: '#murmuration' }).first().click();
    await ada.page.getByRole('heading', { name: '#murmuration' }).waitFor();
    await posts(ada.page, 'if not a quorum').waitFor();
  });

  test('lose sight of each other by mute and block, and find back', async () => {
    await ada.page.goto('/#/@wren');
    const profile = ada.page.getByRole('region', { name: 'Profile' });
    await profile.getByRole('button', { name: 'More' }).click();
    await ada.page.getByRole('button', { name: 'Mute' }).click();
    await profile.getByText('Muted').waitFor();
    await goHome(ada.page);
    expect(await posts(ada.page, 'Old news').count()).toBe(0);

    await ada.page.goto('/#/muted');
    await ada.page.getByRole('link', { name: '@wren' }).click();
    await profile.getByRole('button', { name: 'More' }).click();
    await ada.page.getByRole('button', { name: 'Unmute' }).click();
    await profile.getByText('Muted').waitFor({ state: 'detached' });
    await goHome(ada.page);
    await posts(ada.page, 'if not a quorum').waitFor();
  });
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
    await page.getByRole('button', { name: 'Log in' }).first().click();
    await page.waitForURL(/\/oauth\/authorize/);
    await page.locator('input:not([type=hidden]):not([type=password])').first().fill('starling');
    await page.locator('input[type=password]').fill(password);
    await page.keyboard.press('Enter');

    await page.waitForURL((address) => address.pathname === '/' && address.search === '');
    await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
    await live(page);
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
    const { page } = await visitor(browser, server.url);
    await page.getByLabel('Handle').fill('ada');
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
    await page.goto('/@ada');
    await page.getByRole('heading', { name: 'ada' }).waitFor();
    expect(faults).toEqual([]);
  });

  test('had no fault, and loaded nothing its policy forbids, in all that was done here', () => {
    expect(people.length).toBeGreaterThan(5);
    expect(people.map(({ handle, faults }) => [handle, faults])).toEqual(
      people.map(({ handle }) => [handle, []]),
    );
  });
});
