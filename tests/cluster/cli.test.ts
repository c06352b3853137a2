// What the command line refuses, in which words and with which exit code.

import uws from 'uWebSockets.js';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { openDataFolder } from '../../cluster/agent-data-folder.ts';
import { probePort } from '../../cluster/agent-port.ts';
import { givenRelease } from '../../cluster/agent-release.ts';
import { CommandFault } from '../../cluster/command-fault.ts';
import { runCommandLine } from '../../cluster/command-line.ts';
import { hereOnly, sumOf } from '../../cluster/command-status.ts';
import { runCommand } from '../support/server.ts';
import { makeStandInRelease } from '../support/stand-in-release.ts';

let release: string;
let folder: string;
beforeAll(async () => {
  release = await makeStandInRelease();
  folder = await mkdtemp(join(tmpdir(), 'murmuration-cli-'));
});
afterAll(async () => {
  await rm(release, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

/** In this process: what a command refuses before it does anything. */
async function refused(...args: string[]) {
  let written = '';
  let said = '';
  const exit = await runCommandLine(args, {
    write(text) {
      written += text;
    },
    complain(text) {
      said += text;
    },
  });
  return { exit, written, said };
}

const usage = 'Usage: murmuration start [options]; --help lists the options';

test.each([
  [['start', '--prot', '1'], `error: unknown option '--prot' (Did you mean --port?) ${usage}`],
  [['start', '--port'], `error: option '--port <N>' argument missing. ${usage}`],
  [
    ['start', '--port', '70000'],
    `error: option '--port' must be a whole number from 0 to 65535, not '70000'. ${usage}`,
  ],
  [
    ['start', '--gateways', '0'],
    `error: option '--gateways' must be a whole number from 1 to 128, or "auto", not '0'. ${usage}`,
  ],
  [
    ['start', '--public-url', 'x'],
    `error: option '--public-url' must be a scheme and a host, such as https://example.org, not 'x'. ${usage}`,
  ],
  [
    ['start', '--trusted-proxy', '1.2.3'],
    `error: option '--trusted-proxy' must be addresses or networks with commas between them, or "all", not '1.2.3'. ${usage}`,
  ],
  [
    ['start', '--log-level', 'loud'],
    `error: option '--log-level' must be one of fatal, error, warn, info, debug, trace, silent, not 'loud'. ${usage}`,
  ],
  [
    ['start', '--dht-entry', '127.0.0.1:6881'],
    `error: --dht-entry is for --swarm-door: without it standard clients take no part. ${usage}`,
  ],
  [['start', 'now'], `error: too many arguments for 'start'. Expected 0 arguments but got 1. ${usage}`],
  [['fly'], `error: unknown command 'fly'. "murmuration --help" lists the commands`],
])('wrong use is exit code 2 and one line: %j', async (args, line) => {
  expect(await refused(...args)).toEqual({ exit: 2, written: '', said: `${line}\n` });
});

test('a wrong value from the environment is said to come from there', async () => {
  vi.stubEnv('MURMURATION_PORT', 'high');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(await refused('start')).toEqual({
    exit: 2,
    written: '',
    said: `error: option '--port' (from MURMURATION_PORT) must be a whole number from 0 to 65535, not 'high'. ${usage}\n`,
  });
});

test.each([
  [['--help'], 'rebuild'],
  [['start', '--help'], '--trusted-proxy <LIST>'],
  [['import', '--help'], '--follows <FILE>'],
  [['--version'], '0.'],
])('help is no fault: %j', async (args, part) => {
  const { exit, written, said } = await refused(...args);
  expect({ exit, said }).toEqual({ exit: 0, said: '' });
  expect(written).toContain(part);
});

test.each([
  [['status', '--data', '/nowhere'], 1, 'There is no data folder /nowhere'],
  [['token', '--handle', 'ann', '--data', '/nowhere'], 1, 'There is no data folder /nowhere'],
  [['token'], 2, 'give either --handle HANDLE or --handles FILE'],
  [['passwd'], 2, "required option '--handle <HANDLE>' not specified"],
  [['import'], 2, 'give either --follows FILE or --sample N'],
  [['import', '--sample', '5', '--texts', 'x'], 2, '--sample brings its own people and texts'],
  [['import', '--follows', 'x', '--mutual', '--directed'], 2, 'a pair is either --mutual or --directed'],
  [['import', '--follows', '/nowhere.csv'], 1, 'There is no file /nowhere.csv.'],
  [['import', '--sample', '5', '--today', 'someday'], 2, 'must be a day such as 2026-01-31'],
  [['backup'], 2, "missing required argument 'DIR'"],
  [['restore', '/nowhere', '--data', '/proc'], 1, '/proc is not empty'],
])('%j ends with code %i', async (args, code, message) => {
  const { exit, written, said } = await refused(...args);
  expect({ exit, written }).toEqual({ exit: code, written: '' });
  expect(said).toContain(message);
  expect(said.trim()).not.toContain('\n');
});

test('status without a server says so', async () => {
  expect(await refused('status', '--data', folder)).toEqual({
    exit: 1,
    written: '',
    said: `error: No server runs on ${folder}: start one with "murmuration start --data ${folder}".\n`,
  });
});

test('a data folder that is a file, lies in one, or cannot be made is refused in one line', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  const refusal = (data: string, why: string) =>
    new CommandFault(`The data folder ${data} ${why}: choose another with --data DIR.`);
  expect(() => openDataFolder(file)).toThrow(refusal(file, 'is not a folder'));
  expect(() => openDataFolder(join(file, 'in'))).toThrow(refusal(join(file, 'in'), 'is not a folder'));
  // The kernel's own folder takes no others, whoever asks.
  expect(() => openDataFolder('/proc/in')).toThrow(refusal('/proc/in', 'cannot be made there'));
});

test('a data folder is made with its parents, for its owner only', async () => {
  const data = openDataFolder(join(folder, 'some', 'where'));
  expect((await stat(data)).mode & 0o777).toBe(0o700);
  expect(openDataFolder(data)).toBe(data);
  expect(await readdir(data)).toEqual([]);
});

test('a taken port is named, with what to do; port 0 becomes one that is free', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  await expect(probePort({ host: '127.0.0.1', port })).rejects.toThrow(
    `Port ${port} on 127.0.0.1 is taken by another program: stop that one, or choose another port with --port N.`,
  );
  const any = await probePort({ host: '127.0.0.1', port: 0 });
  expect(any).toBeGreaterThan(1023);
  // The system gives those above to connections: one of them might have it before it is used.
  expect(any).toBeLessThan(32_768);
  expect(await probePort({ host: '127.0.0.1', port: 0 })).not.toBe(any);
});

test('a port that gateways share with each other is taken for everybody else', async () => {
  const gateway = uws.App();
  const port = await probePort({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => gateway.listen('127.0.0.1', port, resolve));
  onTestFinished(() => {
    gateway.close();
  });
  await expect(probePort({ host: '127.0.0.1', port })).rejects.toThrow('is taken by another program');
});

test.each([['192.0.2.1', 'This machine has no address 192.0.2.1']])(
  'an address that is not here is named: %s',
  async (host, message) => {
    await expect(probePort({ host, port: 0 })).rejects.toThrow(message);
  },
);

test('a folder that is no release is refused', async () => {
  await expect(givenRelease(folder)).rejects.toThrow(
    `${folder} is not a release (no core.mjs in it): build one with "npm run build", or leave --release out.`,
  );
});

test('the program itself: help is exit code 0, wrong use 2, a taken port 1, the last two with one line', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  // As the scripts of package.json run it: help loads the modules of every command.
  const help = runCommand(['--help'], { fromSource: true });
  const wrong = runCommand(['start', '--prot', '1'], { fromSource: true });
  const args = ['--data', join(folder, 'taken'), '--release', release, '--port', String(port)];
  const taken = runCommand(['start', ...args], { fromSource: true });
  expect(await help.ended).toBe('code 0');
  expect(help.stdout()).toContain('rebuild');
  expect(await wrong.ended).toBe('code 2');
  expect(wrong.stderr()).toBe(`error: unknown option '--prot' (Did you mean --port?) ${usage}\n`);
  expect(await taken.ended).toBe('code 1');
  expect(taken.stderr()).toMatch(/^error: Port \d+ on 127\.0\.0\.1 is taken by another program: .*\n$/);
  expect(wrong.stdout() + taken.stdout()).toBe('');
});

test('a metric is summed over its labels', () => {
  const text =
    '# TYPE a counter\na{process="x",kind="p"} 2\na{process="y",kind="p"} 3\na{kind="q"} 10\nab 7\n';
  expect(sumOf(text, 'a')).toBe(15);
  expect(sumOf(text, 'a', 'kind="p"')).toBe(5);
  expect(sumOf(text, 'ab')).toBe(7);
  expect(sumOf(text, 'b')).toBeNull();
});

test('what gateways of other machines say is not of this one', () => {
  const text =
    'a{process="x",machine="anna"} 2\na{machine="ben"} 4\na{process="x",the_machine="ben"} 8\na 16\n';
  expect(sumOf(hereOnly(text), 'a')).toBe(24);
});
