// The benchmark of a cluster, in its smallest form: it comes to its end, with nothing wrong, and with a figure for everything it promises.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { freePorts } from '../support/port.ts';
import { programOnPath } from '../support/program.ts';

const root = join(import.meta.dirname, '../..');
const figure = z.number();
const aSize = z.array(figure).length(3);
const aKill = z.array(figure.positive()).length(1);
const figures = z.looseObject({
  cores: z.tuple([z.literal(1), z.literal(2), z.literal(3)]),
  messagesAPost: aSize,
  bytesAPost: aSize,
  cpuAPostUs: aSize,
  cpuADeliveryUs: aSize,
  restMessagesASecond: aSize,
  loadBytesASecond: aSize,
  ringAddMs: z.array(figure.positive()).length(2),
  machine_writtenMs_all: aKill,
  machine_readMs_all: aKill,
  machine_liveMs_all: aKill,
  core_writtenMs_all: aKill,
  core_readMs_all: aKill,
  core_liveMs_all: aKill,
  lost: z.literal(0),
});

test('bench cluster --quick measures all it promises, and finds nothing wrong', async () => {
  if (programOnPath(['cc']) === null)
    throw new Error('the load clients need a C compiler. On Debian: sudo apt-get install gcc libc6-dev');
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-bench-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const json = join(folder, 'figures.json');
  const port = String(await freePorts(6));
  const command = ['--import', 'tsx', 'bench/bench.ts', 'cluster', '--quick', '--json', json, '--port', port];
  const printed = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, command, { cwd: root, timeout: 880_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${stdout}\n${stderr}`, { cause: error }));
    });
  });
  expect(printed).toMatch(/^ {2}messages a post, between cores( +-?[\d.]+){3}$/m);
  const result = z
    .object({ wrong: z.array(z.string()), figures })
    .parse(JSON.parse(await readFile(json, 'utf8')));
  expect(result.wrong).toEqual([]);
  // Under the load, with what goes at rest in it: the difference of the two is no figure on a machine that is busy with other tests.
  const [alone = 0, two = 0, three = 0] = result.figures.loadBytesASecond;
  expect(two).toBeGreaterThan(5 * alone);
  expect(three).toBeGreaterThan(5 * alone);
}, 900_000);
