// `murmuration bundle`, as people run it: shared, fetched, stopped and fetched on, and what is refused.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { probePort } from '../../cluster/agent-port.ts';
import { runCommandLine } from '../../cluster/command-line.ts';
import { type Bencoded, writeBencode } from '../../cluster/dht-bencode.ts';
import { bytesOf, contentOf, makeFolder } from '../support/bundle-folders.ts';
import { type CommandRun, runCommand } from '../support/server.ts';
import { until } from '../support/until.ts';

const here = ['--host', '127.0.0.1'];

/** Shared all the while, for tests that only fetch: 4.4 MiB. */
const common = { run: null as CommandRun | null, base: '', from: '', link: '' };
beforeAll(async () => {
  common.base = await mkdtemp(join(tmpdir(), 'murmuration-shared-'));
  common.from = join(common.base, 'from');
  await makeFolder(common.from, { size: 3 });
  common.run = runCommand(['bundle', 'share', common.from, ...here]);
  common.link = await linkOf(common.run);
});
afterAll(async () => {
  common.run?.process.kill('SIGKILL');
  await rm(common.base, { recursive: true, force: true });
});

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-bundle-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

function bundle(...args: string[]): CommandRun {
  const run = runCommand(['bundle', ...args]);
  onTestFinished(async () => {
    run.process.kill('SIGKILL');
    await run.ended;
  });
  return run;
}

/** The one line that a command prints when others can fetch from it. */
async function linkOf(run: CommandRun): Promise<string> {
  return await until(
    () => {
      if (run.exit() !== null) throw new Error(`${run.exit()}: ${run.stderr()}`);
      return /^magnet:\S+$/m.exec(run.stdout())?.[0];
    },
    { withinMs: 60_000, what: 'the link' },
  );
}

async function shared(from: string, ...options: string[]): Promise<{ run: CommandRun; link: string }> {
  const run = bundle('share', from, ...here, ...options);
  return { run, link: await linkOf(run) };
}

async function fetched(link: string, to: string, ...options: string[]): Promise<string> {
  const run = bundle('fetch', link, to, ...here, ...options);
  const exit = await run.ended;
  if (exit !== 'code 0') throw new Error(`${exit}: ${run.stderr()}`);
  return run.stdout();
}

/** In this process: what comes to nothing. */
async function refused(...args: string[]): Promise<{ exit: number; said: string }> {
  let said = '';
  const exit = await runCommandLine(['bundle', ...args], {
    write() {},
    complain(text) {
      said += text;
    },
  });
  return { exit, said: said.trim() };
}

/** A .torrent of files that nobody has. */
async function torrentOf(files: [path: string[], length: number][], pieceLength = 16_384): Promise<string> {
  const totalBytes = files.reduce((sum, [, length]) => sum + length, 0);
  const info = new Map<string, Bencoded>([
    [
      'files',
      files.map(
        ([path, length]) =>
          new Map<string, Bencoded>([
            ['length', length],
            ['path', path.map((part) => Buffer.from(part))],
          ]),
      ),
    ],
    ['name', Buffer.from('name')],
    ['piece length', pieceLength],
    ['pieces', Buffer.alloc(20 * Math.ceil(totalBytes / pieceLength), 7)],
  ]);
  const path = join(folder, 'made.torrent');
  await writeFile(path, writeBencode(new Map([['info', info]])));
  return path;
}

/** Whether the swarm has noted some as verified. */
async function piecesKept(to: string): Promise<boolean> {
  const { have } = JSON.parse(await readFile(`${to}.have`, 'utf8'));
  return typeof have === 'string' && Buffer.from(have, 'base64').some((byte) => byte !== 0);
}

const at = (name: string): string => join(folder, name);

describe('a folder', () => {
  test('is fetched by two at once, the same to the byte, and is shared until Ctrl-C', async () => {
    await makeFolder(at('from'));
    const { run, link } = await shared(at('from'));
    expect(run.stdout().trim().split('\n')).toEqual([link]);
    expect(link).toMatch(/^magnet:\?xt=urn:btih:[0-9a-f]{40}&dn=from&x\.pe=127\.0\.0\.1:\d+$/);
    const said = await Promise.all(['a', 'b'].map((to) => fetched(link, at(to))));
    const content = await contentOf(at('from'));
    expect(Object.keys(content)).toHaveLength(6);
    for (const to of ['a', 'b']) expect(await contentOf(at(to))).toEqual(content);
    expect(said[0]).toContain('6 files, 1.6 MiB, all verified');
    expect((await readdir(folder)).sort()).toEqual(['a', 'b', 'from']);
    run.process.kill('SIGINT');
    expect(await run.ended).toBe('code 0');
    expect(run.stderr()).toMatch(/MiB sent\.\n$/);
  });

  test('that was begun is fetched on after kill -9, and what was there does not travel again', async () => {
    const { from, link } = common;
    const slow = bundle('fetch', link, at('to'), ...here, '--down-rate', '1M');
    await until(() => piecesKept(at('to')), { withinMs: 60_000, what: 'some pieces' });
    slow.process.kill('SIGKILL');
    await slow.ended;
    expect(slow.exit()).toBe('SIGKILL');
    expect(await contentOf(at('to'))).not.toEqual(await contentOf(from));
    const said = await fetched(link, at('to'));
    expect(await contentOf(at('to'))).toEqual(await contentOf(from));
    expect(existsSync(at('to.have'))).toBe(false);
    const received = /([\d.]+) ([KM])iB received/.exec(said);
    expect(received).not.toBeNull();
    expect(received?.[2] === 'K' || Number(received?.[1]) < 4.3).toBe(true);
    expect(said).toContain('6 files, 4.4 MiB, all verified');
  });

  test('that was stopped by Ctrl-C says how far it is and how to go on', async () => {
    const { link } = common;
    const slow = bundle('fetch', link, at('to'), ...here, '--down-rate', '200K');
    await until(() => existsSync(at('to/large.bin')), { withinMs: 60_000 });
    slow.process.kill('SIGINT');
    expect(await slow.ended).toBe('code 1');
    expect(slow.stderr()).toMatch(/error: Stopped\. .* is there; run it again and it goes on\.\n$/);
  });

  test('that holds all of it already is left as it is', async () => {
    await makeFolder(at('to'), { size: 3 });
    expect(await fetched(common.link, at('to'))).toContain('6 files, all there already and verified');
    expect((await readdir(folder)).sort()).toEqual(['to']);
  });

  test('with something else in it is in the way, and is not written to', async () => {
    const { from, link } = common;
    await makeFolder(at('to'), { size: 3 });
    await writeFile(at('to/large.bin'), bytesOf('another', 3_600_000));
    const before = await contentOf(at('to'));
    expect(await refused('fetch', link, at('to'), ...here)).toEqual({
      exit: 1,
      said: `error: ${at('to')} is in the way: large.bin is another. Nothing was written. Name a new folder, or empty this one.`,
    });
    await writeFile(at('to/large.bin'), bytesOf('alarge.bin', 3_600_000));
    await writeFile(at('to/more'), 'more');
    expect((await refused('fetch', link, at('to'), ...here)).said).toContain(
      'is in the way: more is no part of it.',
    );
    await rm(at('to/more'));
    expect(await contentOf(at('to'))).toEqual({ ...before, ...(await contentOf(from)) });
    await writeFile(at('file'), 'a file');
    expect(await refused('fetch', link, at('file'), ...here)).toEqual({
      exit: 1,
      said: `error: ${at('file')} is in the way: it is a file. Name a folder.`,
    });
  });

  test('that was begun for another link is not written to', async () => {
    await makeFolder(at('other'), { seed: 'b' });
    const { link } = common;
    const slow = bundle('fetch', link, at('to'), ...here, '--down-rate', '200K');
    await until(() => existsSync(at('to/sub/one.bin')), { withinMs: 60_000 });
    slow.process.kill('SIGINT');
    await slow.ended;
    const before = await contentOf(at('to'));
    const { link: other } = await shared(at('other'));
    const { exit, said } = await refused('fetch', other, at('to'), ...here);
    expect([exit, said]).toEqual([1, expect.stringContaining(`${at('to')} is in the way`)]);
    expect(await contentOf(at('to'))).toEqual(before);
  });

  test('is passed on by who has fetched it, when who shared it is gone', async () => {
    await makeFolder(at('from'));
    const { run, link } = await shared(at('from'));
    const second = bundle('fetch', link, at('a'), ...here, '--seed');
    const linkOfSecond = await linkOf(second);
    run.process.kill('SIGKILL');
    await run.ended;
    await fetched(linkOfSecond, at('b'));
    expect(await contentOf(at('b'))).toEqual(await contentOf(at('from')));
    second.process.kill('SIGTERM');
    expect(await second.ended).toBe('code 0');
    expect((await readdir(folder)).sort()).toEqual(['a', 'b', 'from']);
  });

  test('is written as a .torrent too, which names it as well as the link', async () => {
    await makeFolder(at('from'));
    const { link } = await shared(at('from'), '--torrent', at('one.torrent'));
    const peer = /x\.pe=(\S+)$/.exec(link)?.[1] ?? '';
    await fetched(at('one.torrent'), at('to'), '--peer', peer, '--torrent', at('two.torrent'));
    expect(await contentOf(at('to'))).toEqual(await contentOf(at('from')));
    expect(await readFile(at('two.torrent'))).toEqual(await readFile(at('one.torrent')));
    expect((await refused('share', at('from'), ...here, '--torrent', at('from/a.torrent'))).said).toContain(
      'is in the folder itself',
    );
  });
});

describe('refused in one line', () => {
  test('a link that is none, wrong use, and a folder that cannot be shared', async () => {
    await mkdir(at('empty'));
    await mkdir(at('linked'));
    await symlink('/etc/passwd', at('linked/passwd'));
    await makeFolder(at('from'));
    const port = String(await probePort({ host: '127.0.0.1', port: 0 }));
    const first = await shared(at('from'), '--port', port);
    expect(first.link).toContain(`127.0.0.1:${port}`);
    const asked: [exit: number, part: string, args: string[]][] = [
      [2, 'is neither a magnet link', ['fetch', 'hello', at('to')]],
      [2, 'without a torrent’s hash', ['fetch', 'magnet:?dn=x', at('to')]],
      [2, 'must be bytes a second', ['share', at('from'), '--up-rate', 'fast']],
      [2, 'must be HOST:PORT', ['fetch', first.link, at('to'), '--peer', 'x']],
      [2, '--dht-entry is for --door', ['share', at('from'), '--dht-entry', '127.0.0.1:1']],
      [1, 'There is no folder', ['share', at('none')]],
      [1, 'nothing in', ['share', at('empty')]],
      [1, 'is a link', ['share', at('linked')]],
      [1, 'is taken, or not this machine’s', ['share', at('from'), ...here, '--port', port]],
    ];
    const answers = await Promise.all(asked.map(([, , args]) => refused(...args)));
    expect(answers).toEqual(asked.map(([exit, part]) => ({ exit, said: expect.stringContaining(part) })));
    for (const { said } of answers) expect(said).toMatch(/^error: /);
  });

  test('what nobody has', async () => {
    const link = `magnet:?xt=urn:btih:${'ab'.repeat(20)}&x.pe=127.0.0.1:9`;
    const { exit, said } = await refused('fetch', link, at('to'), ...here, '--wait', '1');
    expect([exit, said]).toEqual([
      1,
      'error: Nobody who has it was found (the link names 127.0.0.1:9). Is it still shared, and can it be reached from here over TCP and UDP?',
    ]);
    expect(await readdir(folder)).toEqual([]);
  });

  test('a torrent whose paths lead elsewhere, before anything is written', async () => {
    for (const path of [['..', 'out'], ['a/b'], ['', 'etc'], ['sub', '.']]) {
      const file = await torrentOf([[path, 100]]);
      const { exit, said } = await refused('fetch', file, at('to'), ...here, '--wait', '1');
      expect([exit, said]).toEqual([1, expect.stringContaining(`${file} is not taken: the name`)]);
    }
    expect(await readdir(folder)).toEqual(['made.torrent']);
  });

  test('what the disk cannot hold', async () => {
    const file = await torrentOf([[['huge'], 2 ** 39]], 2 ** 24);
    const { exit, said } = await refused('fetch', file, at('to'), ...here);
    expect([exit, said]).toEqual([
      1,
      expect.stringMatching(/512\.0 GiB are to come, and the disk of .* free/),
    ]);
  });
});
