// Two people at the page in real browsers, against a real server that is killed under them: what each sees of the other.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import {
  follow,
  goHome,
  launchBrowser,
  live,
  newPerson,
  type Person,
  post,
  posts,
  screenshot,
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

  test('had no fault, and loaded nothing its policy forbids, in all that was done here', () => {
    expect(people.length).toBe(2);
    expect(people.map(({ handle, faults }) => [handle, faults])).toEqual(
      people.map(({ handle }) => [handle, []]),
    );
  });
});
