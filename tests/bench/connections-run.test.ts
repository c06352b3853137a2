// `murmuration bench connections` from end to end: its own server, its own people, each of whom hears somebody; and its exit code.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { commandLine } from '../support/bundled.ts';
import { freePorts } from '../support/port.ts';

const each = z.array(z.number());
const figures = z.looseObject({
  held: each,
  heard: each,
  dropped: each,
  posts: each,
  deliveries: each,
  userBytesAConnection: each,
  kernelBytesAConnection: each,
  p99Us: each,
});

function bench(args: readonly string[]): Promise<{ code: number; printed: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [commandLine, 'bench', ...args],
      { timeout: 270_000 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), printed: stdout + stderr }),
    );
  });
}

test('people of a server of its own are connected in two steps, and each hears a post in both', {
  timeout: 280_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-bench-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [json, plot] = [join(folder, 'figures.json'), join(folder, 'plot.svg')];
  // A port for the gateways and, behind it, those for other machines.
  const port = await freePorts(3);
  const ask = [
    '--steps',
    '150,300',
    '--hold',
    '0',
    '--rate',
    '2000',
    '--gateways',
    '2',
    '--port',
    String(port),
  ];
  const { code, printed } = await bench(['connections', ...ask, '--compact', '--json', json, '--plot', plot]);

  expect(code, printed).toBe(0);
  const result = z
    .object({ figures, wrong: z.array(z.string()) })
    .parse(JSON.parse(await readFile(json, 'utf8')));
  expect(result.wrong).toEqual([]);
  expect(result.figures).toMatchObject({ held: [150, 300], heard: [150, 300], dropped: [0, 0] });
  // Each of 300 has 20 followees, so that each speaker is heard by 19 of a circle, by an eighth of all, and by itself.
  expect(result.figures.posts).toEqual([8, 8]);
  expect(result.figures.deliveries[1]).toBe(8 * 20 + 300);
  expect(await readFile(plot, 'utf8')).toMatch(/^<svg.*300 connections.*<\/svg>\s*$/s);
});

test('what the benchmark ends with is what the command ends with', async () => {
  const { code, printed } = await bench(['connections', 'ws://127.0.0.1:1']);

  expect(code).toBe(1);
  expect(printed).toContain('--tokens FILE');
});
