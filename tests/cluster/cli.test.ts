// What the command line refuses, in which words and with which exit code.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sumOf } from '../../cluster/command-status.ts';
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

async function refused(args: string[], env: NodeJS.ProcessEnv = {}) {
  const run = runCommand(args, { env });
  const exit = await run.ended;
  return { exit, stdout: run.stdout(), stderr: run.stderr() };
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
    `error: option '--gateways' must be a whole number from 1 to 64, not '0'. ${usage}`,
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
  [['start', 'now'], `error: too many arguments for 'start'. Expected 0 arguments but got 1. ${usage}`],
  [['fly'], `error: unknown command 'fly'. "murmuration --help" lists the commands`],
])('wrong use is exit code 2 and one line: %j', async (args, line) => {
  expect(await refused(args)).toEqual({ exit: 'code 2', stdout: '', stderr: `${line}\n` });
});

test('a wrong value from the environment is said to come from there', async () => {
  const { exit, stderr } = await refused(['start'], { MURMURATION_PORT: 'high' });
  expect(exit).toBe('code 2');
  expect(stderr).toBe(
    `error: option '--port' (from MURMURATION_PORT) must be a whole number from 0 to 65535, not 'high'. ${usage}\n`,
  );
});

test.each([
  [['--help'], 'rebuild'],
  [['start', '--help'], '--trusted-proxy <LIST>'],
  [['import', '--help'], '--follows <FILE>'],
  [['--version'], '0.'],
])('help is no fault: %j', async (args, part) => {
  const { exit, stdout, stderr } = await refused(args);
  expect({ exit, stderr }).toEqual({ exit: 'code 0', stderr: '' });
  expect(stdout).toContain(part);
});

test('a taken port is named, with what to do', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { exit, stdout, stderr } = await refused([
    'start',
    ...['--data', join(folder, 'port'), '--release', release, '--port', String(port)],
  ]);
  server.close();
  expect({ exit, stdout }).toEqual({ exit: 'code 1', stdout: '' });
  expect(stderr).toBe(
    `error: Port ${port} on 127.0.0.1 is taken by another program: stop that one, or choose another port with --port N.\n`,
  );
});

test.each([
  ['--host', '192.0.2.1', /^error: This machine has no address 192\.0\.2\.1: .*--host/],
  [
    '--host',
    'no-such-host.invalid',
    /^error: The host name no-such-host\.invalid is not known here: .*--host/,
  ],
])('an address that is not here is named: %s %s', async (flag, value, line) => {
  const { exit, stderr } = await refused([
    'start',
    ...['--data', join(folder, 'host'), '--release', release, '--port', '0', flag, value],
  ]);
  expect(exit).toBe('code 1');
  expect(stderr).toMatch(line);
  expect(stderr.trim()).not.toContain('\n');
});

test('a data folder that is a file, lies in one, or cannot be made is refused in one line', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  const start = (data: string) => refused(['start', '--data', data, '--release', release, '--port', '0']);
  const line = (data: string, why: string) => ({
    exit: 'code 1',
    stdout: '',
    stderr: `error: The data folder ${data} ${why}: choose another with --data DIR.\n`,
  });
  expect(await start(file)).toEqual(line(file, 'is not a folder'));
  expect(await start(join(file, 'inside'))).toEqual(line(join(file, 'inside'), 'is not a folder'));
  // The kernel's own folder takes no others, whoever asks.
  expect(await start('/proc/inside')).toEqual(line('/proc/inside', 'cannot be made there'));
});

test('a folder that is no release is refused', async () => {
  const { exit, stderr } = await refused(['start', '--data', join(folder, 'r'), '--release', folder]);
  expect(exit).toBe('code 1');
  expect(stderr).toBe(
    `error: ${folder} is not a release (no core.mjs in it): build one with "npm run build", or leave --release out.\n`,
  );
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
])('%j ends with code %i', async (args, code, message) => {
  const { exit, stderr, stdout } = await refused(args);
  expect({ exit, stdout }).toEqual({ exit: `code ${code}`, stdout: '' });
  expect(stderr).toContain(message);
  expect(stderr.trim()).not.toContain('\n');
});

test('status without a server says so', async () => {
  const { exit, stderr } = await refused(['status', '--data', folder]);
  expect({ exit, stderr }).toEqual({
    exit: 'code 1',
    stderr: `error: No server runs on ${folder}: start one with "murmuration start --data ${folder}".\n`,
  });
});

test('a metric is summed over its labels', () => {
  const text =
    '# TYPE a counter\na{process="x",kind="p"} 2\na{process="y",kind="p"} 3\na{kind="q"} 10\nab 7\n';
  expect(sumOf(text, 'a')).toBe(15);
  expect(sumOf(text, 'a', 'kind="p"')).toBe(5);
  expect(sumOf(text, 'ab')).toBe(7);
  expect(sumOf(text, 'b')).toBeNull();
});
