// Deploys as an operator makes them, by the real commands on three real machines, with streams and a browser's page open on them and posts that keep coming.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readReleaseFolder } from '../../cluster/release-folder.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { Strangers } from '../cluster/dht-strangers.ts';
import { addressOf, Ends, expectSame, finds } from '../cluster/swarm-ends.ts';
import { openStream, type StreamClient } from '../gateway/stream-client.ts';
import { heardBy } from '../support/live-posts.ts';
import { follow, postSafely, postsOf, type SignedUp, signUp } from '../support/people.ts';
import { runCommand, type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { type Change, evenAuthorsOnly, openVariants } from '../support/variants.ts';
import {
  follow as followOnPage,
  goHome,
  launchBrowser,
  live,
  newPerson,
  type Person,
  posts as postsOnPage,
} from './people.ts';

const variants = openVariants();
let folder = '';
let key = '';
/** Two with a core, and one that only holds connections. */
const machines: Server[] = [];

const newPage: readonly Change[] = [
  {
    file: 'gateway/page/index.html',
    line: '<title>Murmuration</title>',
    instead: '<title>Deployed</title>',
  },
  { file: 'gateway/page/status-line.tsx', line: "? 'Live' :", instead: "? 'Live and deployed' :" },
];
const newCore: readonly Change[] = [
  { file: 'cluster/core.ts', line: 'const handOverMs = 2000;', instead: 'const handOverMs = 2001;' },
];
/** The rehearsal of a core says no such word. */
const fatal = 'kaboom';
const crashingCore: readonly Change[] = [
  {
    file: 'cluster/core.ts',
    line: "    if (kind === 'attach') return this.#attach",
    instead: `    if (JSON.stringify(ask).includes('${fatal}')) process.exit(9);\n    if (kind === 'attach') return this.#attach`,
  },
];

interface Failed {
  exit: string;
  error: string;
}

async function command(args: string[]): Promise<string> {
  const { exit, output, error } = await ran(args);
  if (exit !== 'code 0') throw new Error(`${args.join(' ')}: ${exit}: ${error}`);
  return output.trim();
}

async function refused(args: string[]): Promise<Failed> {
  const { exit, error } = await ran(args);
  return { exit, error };
}

async function ran(args: string[]): Promise<Failed & { output: string }> {
  const run = runCommand(args, { env: { MURMURATION_RELEASE_KEY: key } });
  const exit = await run.ended;
  return { exit, output: run.stdout(), error: run.stderr() };
}

function at(place: number): Server {
  const machine = machines[place];
  if (machine === undefined) throw new Error(`there is no machine ${place}`);
  return machine;
}

/** By which machine: each hears of what another is told. */
function deploy(place: number, ...args: string[]): Promise<string> {
  return command(['deploy', ...args, '--data', at(place).dataDir]);
}

async function signed(name: string, changes: readonly Change[]): Promise<string> {
  const release = await variants.release(name, changes);
  await command(['release', 'sign', release]);
  return release;
}

interface Shown {
  machines: { name: string; agent: { stage: string; note: string; runsVersion: string } | null }[];
}

async function shown(place: number): Promise<Shown> {
  return JSON.parse(await command(['deploy', 'status', '--json', '--data', at(place).dataDir])) as Shown;
}

const corePids = (): number[] => [at(0).corePid(), at(1).corePid()];
const gatewayPids = (): number[][] => machines.map((machine) => machine.gatewayPids());

async function title({ url }: Server): Promise<string> {
  return /<title>(.*)<\/title>/.exec(await (await fetch(`${url}/`)).text())?.[1] ?? '';
}

/** Somebody whose account has an odd id (1) or an even one (0). */
function handle(parity: 0 | 1): string {
  for (let n = 0; ; n++) if (accountIdOf(`author${n}`) % 2 === parity) return `author${n}`;
}

interface Reader extends SignedUp {
  stream: StreamClient;
}

let odd: SignedUp;
let even: SignedUp;
let readers: Reader[] = [];
/** Ids of what was acknowledged. */
const posted: Record<'odd' | 'even', string[]> = { odd: [], even: [] };
let isOver = false;
let posting: Promise<unknown> = Promise.resolve();

/** By turns to each machine, and never faster than five a second both together. */
async function keepPosting(author: 'odd' | 'even', by: SignedUp): Promise<void> {
  for (let count = 0; !isOver; count++) {
    const pace = new Promise((resolve) => setTimeout(resolve, 400));
    posted[author].push(await postSafely(at(count % machines.length).url, by, `post ${count}`));
    await pace;
  }
}

/** Posts of each author that were begun after this was called. */
async function more(): Promise<{ odd: string[]; even: string[] }> {
  const [odds, evens] = [posted.odd.length, posted.even.length];
  await until(() => posted.odd.length >= odds + 2 && posted.even.length >= evens + 2, {
    withinMs: 60_000,
    what: 'more posts',
  });
  return { odd: posted.odd.slice(odds + 1), even: posted.even.slice(evens + 1) };
}

function allHear(ids: readonly string[]): Promise<unknown> {
  const isHeard = (): boolean =>
    readers.every(({ stream }) => {
      const heard = new Set(heardBy(stream));
      return ids.every((id) => heard.has(id));
    });
  return until(isHeard, { withinMs: 60_000, what: `all readers to hear ${ids.join(', ')}` });
}

function expectNoneOf(ids: readonly string[]): void {
  for (const { stream } of readers) expect(heardBy(stream).filter((id) => ids.includes(id))).toEqual([]);
}

/** No socket was closed, and none heard of a post twice. */
function expectUndisturbed(): void {
  expect(readers.map(({ stream }) => stream.closed())).toEqual([null, null, null]);
  for (const { stream } of readers) {
    const heard = heardBy(stream);
    expect(heard.filter((id, place) => heard.indexOf(id) !== place)).toEqual([]);
  }
}

/** The field that only the new rule has. */
async function keptOut(place: number): Promise<number | null> {
  const headers = { authorization: `Bearer ${readers[place]?.token}` };
  const answer = await fetch(`${at(place).url}/api/v1/timelines/home`, { headers });
  if (answer.status !== 200) throw new Error(`the home timeline: ${answer.status}`);
  const through = answer.headers.get('x-complete-through');
  return through === null ? null : Date.parse(through);
}

let page = '';
let browser: Browser;
/** At the page of the third machine, and it is never loaded again but by their own click. */
let atPage: Person;
let timesLoaded = 1;

/** Writes something into the page that is open, which a load would take away. */
async function markPage(): Promise<void> {
  await atPage.page.evaluate(() => {
    document.body.dataset['loaded'] = 'before';
  });
}

/** The page that is open is the one that was marked, and has had one socket since it was loaded. */
async function expectPageUndisturbed(): Promise<void> {
  expect(await atPage.page.evaluate(() => document.body.dataset['loaded'])).toBe('before');
  expect(atPage.sockets.length).toBe(timesLoaded);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-deploy-'));
  key = join(folder, 'release.key');
  const plain = await variants.release('plain');
  const start = async (name: string, args: string[] = []): Promise<Server> => {
    const machine = await startServer({
      dataDir: join(folder, name),
      release: plain,
      args: ['--name', name, '--machine', name, '--rate-limit', '0', ...args],
    });
    machines.push(machine);
    return machine;
  };
  const data = (await start('alpha', ['--swarm-door'])).dataDir;
  await start('beta', ['--join', await command(['invite', '--data', data])]);
  await command(['ring', 'add', 'beta', '--data', data]);
  await start('front', ['--join', await command(['invite', '--roles', 'gateway', '--data', data])]);
  const publicKey = await command(['release', 'key', 'new']);
  await command(['release', 'trust', publicKey, '--data', data]);

  [odd, even] = await Promise.all([signUp(at(0).url, handle(1)), signUp(at(0).url, handle(0))]);
  readers = await Promise.all(
    machines.map(async ({ url }, place) => {
      const person = await signUp(url, `reader${place}`);
      for (const author of [odd, even]) await follow(url, person, author);
      const query = `?stream=user&access_token=${person.token}&since=`;
      const stream = await openStream({ url: url.replace('http', 'ws'), query });
      await stream.next('where it starts', () => true);
      return { ...person, stream };
    }),
  );
  posting = Promise.all([keepPosting('odd', odd), keepPosting('even', even)]);
  posting.catch(() => {});
  const { odd: odds, even: evens } = await more();
  await allHear([...odds, ...evens]);
  browser = await launchBrowser();
  atPage = await newPerson(browser, at(2).url, 'at_page');
  await followOnPage(atPage.page, handle(1));
  await followOnPage(atPage.page, handle(0));
  await goHome(atPage.page);
  await markPage();
});

afterAll(async () => {
  isOver = true;
  await posting;
  await browser?.close();
  for (const { stream } of readers) stream.kill();
  await Promise.allSettled(machines.map((machine) => machine.stop()));
  await rm(folder, { recursive: true, force: true });
  variants.close();
});

describe('a deploy to three machines with people on each', () => {
  test('refuses what nobody has signed, and what another key has signed', async () => {
    page = await variants.release('page', newPage);
    const data = at(1).dataDir;
    expect(await refused(['deploy', page, '--data', data])).toEqual({
      exit: 'code 1',
      error: expect.stringContaining(`Nobody has signed ${page}: murmuration release sign ${page}`),
    });
    const other = join(folder, 'other.key');
    await command(['release', 'key', 'new', '--out', other]);
    await command(['release', 'sign', page, '--key', other]);
    expect(await refused(['deploy', page, '--data', data])).toEqual({
      exit: 'code 1',
      error: expect.stringContaining(`The signature beside ${page} is of another release, or by another key`),
    });
    expect(await refused(['deploy', page, '--data', data, '--key', other])).toEqual({
      exit: 'code 1',
      error: expect.stringContaining('The cluster trusts another release key'),
    });
    expect(await command(['deploy', 'status', '--data', data])).toContain('Nothing was deployed yet');
  });

  test('shows another page on each, and no process has changed', async () => {
    const before = { cores: corePids(), gateways: gatewayPids() };
    await command(['release', 'sign', page]);
    await deploy(1, page, '--hold', '0s');
    for (const machine of machines) expect(await title(machine)).toBe('Deployed');
    expect({ cores: corePids(), gateways: gatewayPids() }).toEqual(before);
    expectUndisturbed();
  });

  test('is told to a page that is open, which shows it when it is asked to', async () => {
    const { page: open } = atPage;
    const show = open.getByRole('button', { name: 'Show the new page' });
    await show.waitFor();
    await expectPageUndisturbed();
    await open.getByText('Live', { exact: true }).waitFor();
    timesLoaded++;
    await show.click();
    await open.getByText('Live and deployed').waitFor();
    await live(open);
    expect(await show.count()).toBe(0);
    await markPage();
    await expectPageUndisturbed();
  });

  test('lets standard clients find it by the machine with a door, and gives it to them', async () => {
    const strangers = new Strangers();
    const ends = new Ends();
    onTestFinished(() => strangers.close());
    onTestFinished(() => ends.close());
    const read = await readReleaseFolder(page);
    if (!read.ok) throw new Error(read.reason);
    const { info, folder } = read.value;
    const { port } = JSON.parse(await readFile(join(at(0).dataDir, 'cluster.json'), 'utf8'));
    const stranger = await strangers.client({ host: '127.0.0.1', port });
    const found = await until(
      async () => {
        const ports = await stranger.lookup(info.hash);
        return ports.length === 0 ? null : ports;
      },
      { what: 'a standard client finding the release' },
    );
    const sharers = found.map((one) => ({ address: addressOf({ port: one }) }));
    const leech = await ends.leech('stranger', { info }, finds(...sharers));
    await leech.torrent.whenComplete;
    await expectSame(leech.folder, { folder, info });
  });

  test('changes the rule of timelines and their state, wave after wave, and goes back: no process and no socket notices', async () => {
    const before = { cores: corePids(), gateways: gatewayPids() };
    const rule = await signed('rule', [...newPage, ...evenAuthorsOnly]);
    const old = await more();
    await allHear([...old.odd, ...old.even]);
    expect(await keptOut(2)).toBeNull();

    await deploy(0, rule, '--hold', '0s', '--waves', '1,100%');
    const ruled = await more();
    await allHear(ruled.even);
    expectNoneOf(ruled.odd);
    for (const place of machines.keys()) expect(await keptOut(place)).toBeGreaterThan(0);
    await postSafely(at(0).url, odd, 'odd under the new rule');
    await postSafely(at(0).url, even, 'even under the new rule');
    await postsOnPage(atPage.page, 'even under the new rule').waitFor();
    expect(await postsOnPage(atPage.page, 'odd under the new rule').count()).toBe(0);
    // A machine that only holds connections answers from the cores of the others.
    expect(new Set((await shown(2)).machines.map(({ agent }) => agent?.stage))).toEqual(new Set(['healthy']));

    await command(['rollback', '--hold', '0s', '--data', at(0).dataDir]);
    const back = await more();
    await allHear([...back.odd, ...back.even]);
    expectNoneOf(ruled.odd);
    await postSafely(at(0).url, odd, 'odd under the old rule');
    await postsOnPage(atPage.page, 'odd under the old rule').waitFor();
    await expectPageUndisturbed();
    expect(await keptOut(2)).toBeNull();
    expect({ cores: corePids(), gateways: gatewayPids() }).toEqual(before);
    for (const machine of machines) expect(await title(machine)).toBe('Deployed');
    expectUndisturbed();
  });

  test('puts new cores in the place of the old, under gateways that stay', async () => {
    const before = { cores: corePids(), gateways: gatewayPids() };
    const core = await signed('core', [...newPage, ...newCore]);
    // By a machine without a core: the core that it asked ends meanwhile, and it goes on with another.
    await deploy(2, core, '--hold', '0s');
    expect(gatewayPids()).toEqual(before.gateways);
    expect(corePids().filter((pid) => before.cores.includes(pid))).toEqual([]);
    const after = await more();
    await allHear([...after.odd, ...after.even]);
    expectUndisturbed();
    await postSafely(at(0).url, odd, 'by the new core');
    await postsOnPage(atPage.page, 'by the new core').waitFor();
    await expectPageUndisturbed();
  });

  test('goes back by itself from a release that crashes on a post that no rehearsal made, and says why', async () => {
    const gateways = gatewayPids();
    const crashing = await signed('crashing', [...newPage, ...newCore, ...crashingCore]);
    await deploy(0, crashing, '--hold', '10m', '--no-watch');
    const cores = async (): Promise<Shown['machines']> =>
      (await shown(2)).machines.filter(({ name }) => name !== 'front');
    const coresAt = (many: 'some' | 'every', stage: string): Promise<boolean> =>
      until(async () => (await cores())[many](({ agent }) => agent?.stage === stage), {
        withinMs: 60_000,
        // Each look is a command of its own, and costs as much as a second of all else.
        everyMs: 1000,
        what: `${many} core to be at ${stage}`,
      });
    await coresAt('every', 'probation');
    // Each is asked again until it is taken: it was lost with the core that died of it.
    const survivors = await Promise.all(
      [at(0), at(1)].map(({ url }, place) => postSafely(url, place === 0 ? odd : even, `${fatal} ${place}`)),
    );
    await coresAt('some', 'back');
    await allHear(survivors);
    const back = (await cores()).filter(({ agent }) => agent?.stage === 'back');
    for (const { agent } of back) expect(agent?.note).toMatch(/^the core ended \d times within a minute$/);
    expect(await command(['deploy', 'status', '--data', at(1).dataDir])).toMatch(
      /went back: the core ended \d times within a minute/,
    );
    expect(gatewayPids()).toEqual(gateways);
    expectUndisturbed();
  });

  test('has lost nothing that was acknowledged, and told everybody of each post once', async () => {
    isOver = true;
    await posting;
    await allHear(posted.even);
    for (const [author, ids] of [
      [odd, posted.odd],
      [even, posted.even],
    ] as const) {
      const there = new Set(await postsOf(at(2).url, author));
      expect(ids.filter((id) => !there.has(id))).toEqual([]);
    }
    expectUndisturbed();
  });
});
