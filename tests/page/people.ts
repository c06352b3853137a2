// People at the page: each in a browser context of their own, who do with it what a person does. What comes of it is page.test.ts's.
import { accessSync, constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';
import { packageRoot } from '../support/server.ts';

export interface Person {
  readonly handle: string;
  readonly page: Page;
  readonly context: BrowserContext;
  /** What went wrong in the page, or was forbidden by its policy. */
  readonly faults: readonly string[];
  /** The addresses of the sockets the page opened, in order. */
  readonly sockets: readonly string[];
}

export const password = 'seven others at once';

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

function chromiumPath(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const paths = ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  );
  const found = paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error('no Chromium on the PATH: on Debian, apt-get install chromium');
  return found;
}

export interface Device {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

/** Somebody who has just opened the page, and has no account. */
export async function visitor(browser: Browser, url: string, device: Device = {}): Promise<Person> {
  const { width = 1100, height = 800, dark = false } = device;
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    isMobile: width < 500,
    hasTouch: width < 500,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const faults: string[] = [];
  const sockets: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // That a server is not there while it restarts is no fault of the page.
    if (message.type() === 'error' && /Content Security Policy|Uncaught/.test(message.text()))
      faults.push(message.text());
  });
  page.on('websocket', (socket) => sockets.push(socket.url()));
  await page.goto('/');
  return { handle: '', page, context, faults, sockets };
}

/** Somebody new, signed up through the page's own form. */
export async function newPerson(
  browser: Browser,
  url: string,
  handle: string,
  device: Device = {},
): Promise<Person> {
  const somebody = await visitor(browser, url, device);
  const { page } = somebody;
  await page.getByLabel('Handle').fill(handle);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
  await live(page);
  return { ...somebody, handle };
}

/** Until the page says that it is live. */
export async function live(page: Page): Promise<void> {
  await page.locator('[data-connection=live]').waitFor();
}

export async function post(page: Page, text: string): Promise<void> {
  if (!(await page.getByRole('heading', { name: 'Home', exact: true }).isVisible())) await page.goto('/#/');
  const form = page.getByRole('form', { name: 'New post' });
  await form.getByLabel('Your post').fill(text);
  await form.getByRole('button', { name: 'Post' }).click();
}

/** By the page: search, profile, follow. */
export async function follow(page: Page, handle: string): Promise<void> {
  await page.getByRole('link', { name: 'Search', exact: true }).click();
  await page.getByLabel('Search for people, tags and posts').fill(handle);
  await page
    .getByRole('link', { name: `@${handle}` })
    .first()
    .click();
  await page.getByRole('button', { name: `Follow @${handle}`, exact: true }).click();
  await page.getByRole('button', { name: `Following @${handle}`, exact: true }).waitFor();
}

export async function goHome(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Home', exact: true }).click();
  await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
}

/** The posts on the page that say this. */
export function posts(page: Page, text: string): Locator {
  return page.locator('main article', { hasText: text });
}

/** How far the page is wider than its window, in pixels. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** A picture, kept as a build output. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = join(packageRoot, 'build', 'screenshots');
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** The accessible name, or the text, of what has the focus. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (!element) return '';
    const labels = 'labels' in element && element.labels instanceof NodeList ? [...element.labels] : [];
    const name = element.getAttribute('aria-label') ?? labels[0]?.textContent ?? element.textContent ?? '';
    return name.trim();
  });
}

/** Presses Tab until this has the focus; throws when it never gets it. */
export async function tabTo(page: Page, wanted: string): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    const name = await focused(page);
    if (name === wanted) return;
    passed.push(name.slice(0, 30));
  }
  throw new Error(`Tab never came to “${wanted}”; it passed ${passed.join(' | ')}`);
}
