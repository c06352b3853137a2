// aria2c as Debian packages it, which knows nothing of us but the door's port and a magnet link: it fetches a bundle from our swarm, and
// seeds a torrent that is none of ours to `bundle fetch`.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { probePort } from '../../cluster/agent-port.ts';
import { type Bencoded, writeBencode } from '../../cluster/dht-bencode.ts';
import { bytesOf, contentOf, makeFolder, writeFiles } from '../support/bundle-folders.ts';
import { programOnPath } from '../support/program.ts';
import { type CommandRun, runCommand } from '../support/server.ts';
import { until } from '../support/until.ts';

const host = '127.0.0.1';
/** aria2 asks its DHT every few seconds; the rest is waiting for a processor. */
const withinMs = 100_000;

let path = '';
let folder = '';
const running = new Set<ChildProcess>();

beforeAll(async () => {
  const found = programOnPath(['aria2c']);
  if (found === null) throw new Error('aria2c is not on the PATH. On Debian: sudo apt-get install aria2');
  path = found;
  folder = await mkdtemp(join(tmpdir(), 'murmuration-aria2-'));
});

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});

interface Aria {
  said(): string;
  /** Its exit code. */
  ended: Promise<number | null>;
}

interface AriaOptions {
  dir: string;
  entry: number;
  dhtPort: number;
  tcpPort: number;
}

function aria2({ dir, entry, dhtPort, tcpPort }: AriaOptions, ...args: string[]): Aria {
  const options = [
    '--no-conf=true',
    '--enable-dht=true',
    '--enable-dht6=false',
    '--disable-ipv6=true',
    `--dht-entry-point=${host}:${entry}`,
    `--dht-listen-port=${dhtPort}`,
    `--listen-port=${tcpPort}`,
    `--dht-file-path=${join(folder, `${dhtPort}.dat`)}`,
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    `--interface=${host}`,
    `--dir=${dir}`,
    '--summary-interval=0',
  ];
  // Nobody's own settings may be touched.
  const child = spawn(path, [...options, ...args], {
    env: { PATH: process.env['PATH'], HOME: folder },
    timeout: withinMs,
  });
  running.add(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      said += String(chunk);
    });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return { said: () => said, ended };
}

function bundle(...args: string[]): CommandRun {
  const run = runCommand(['bundle', ...args, '--host', host, '--door']);
  running.add(run.process);
  return run;
}

const anyPort = (): Promise<number> => probePort({ host, port: 0 });

async function ariaPorts(): Promise<{ dhtPort: number; tcpPort: number }> {
  const [dhtPort, tcpPort] = await Promise.all([anyPort(), anyPort()]);
  return { dhtPort, tcpPort };
}

/** A torrent as other programs make them: files one behind the other, none at the beginning of a piece. */
function plainTorrent(name: string, files: readonly [path: string, bytes: Buffer][]): Buffer {
  const pieceLength = 32_768;
  const content = Buffer.concat(files.map(([, bytes]) => bytes));
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += pieceLength)
    pieces.push(
      createHash('sha1')
        .update(content.subarray(at, at + pieceLength))
        .digest(),
    );
  const listed = files.map(
    ([file, bytes]) =>
      new Map<string, Bencoded>([
        ['length', bytes.length],
        ['path', file.split('/').map((part) => Buffer.from(part))],
      ]),
  );
  const info = new Map<string, Bencoded>([
    ['files', listed],
    ['name', Buffer.from(name)],
    ['piece length', pieceLength],
    ['pieces', Buffer.concat(pieces)],
  ]);
  return writeBencode(new Map<string, Bencoded>([['info', info]]));
}

describe.concurrent('aria2c', { timeout: withinMs + 20_000 }, () => {
  test('fetches a bundle from our swarm by its info hash alone, through the door', async ({ expect }) => {
    const from = join(folder, 'shared');
    await makeFolder(from);
    const share = bundle('share', from);
    const link = await until(() => /magnet:\S+/.exec(share.stdout())?.[0], { withinMs, what: 'the link' });
    const [, hash = '', port = ''] = /btih:([0-9a-f]{40}).*:(\d+)$/.exec(link) ?? [];
    const dir = join(folder, 'aria');
    const entry = Number(port);
    const aria = aria2(
      { dir, entry, ...(await ariaPorts()) },
      '--seed-time=0',
      `magnet:?xt=urn:btih:${hash}`,
    );
    const code = await aria.ended;
    expect(code, aria.said()).toBe(0);
    expect(await contentOf(join(dir, 'shared'))).toEqual(await contentOf(from));
  });

  test('seeds a torrent of its own kind to `bundle fetch`, through the door', async ({ expect }) => {
    const from = join(folder, 'seeded');
    const files: [path: string, bytes: Buffer][] = [
      ['one.bin', bytesOf('one', 700_001)],
      ['sub/two.bin', bytesOf('two', 33)],
      ['sub/three.bin', bytesOf('three', 250_000)],
    ];
    const torrent = join(folder, 'seeded.torrent');
    const made = plainTorrent('plain', files);
    await writeFile(torrent, made);
    await writeFiles(join(from, 'plain'), files);
    const ports = await ariaPorts();
    const entry = await anyPort();
    const hash = createHash('sha1').update(made.subarray('d4:info'.length, -1)).digest('hex');
    const to = join(folder, 'fetched');
    const fetch = bundle(
      ...['fetch', `magnet:?xt=urn:btih:${hash}`, to],
      ...['--port', String(entry), '--dht-entry', `${host}:${ports.dhtPort}`, '--wait', '100'],
    );
    const aria = aria2(
      { dir: from, entry, ...ports },
      ...['--check-integrity=true', '--seed-ratio=0.0', torrent],
    );
    const exit = await fetch.ended;
    expect(exit, `${fetch.stderr()}\n${aria.said()}`).toBe('code 0');
    expect(await contentOf(to)).toEqual(await contentOf(join(from, 'plain')));
  });
});
