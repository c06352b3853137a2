// `bench connections`: many real, subscribed connections held at once; what each costs, and how late a post comes to all of them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { atEnd } from './cleanup.ts';
import { drawConnections } from './connections-drawing.ts';
import { toGivenServer } from './connections-given.ts';
import { toOwnServer } from './connections-own.ts';
import type { ConnectionsOptions, Ground, Run } from './connections-run.ts';
import { stepFigures, stepRows } from './connections-step.ts';
import { count } from './figures.ts';
import { nativeProgram } from './load/native.ts';
import type { Result } from './result.ts';

export async function connections(url: string | undefined, asked: ConnectionsOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, steps: [300, 600], hold: 5, rate: 500, gateways: 2 } : asked;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const ground: Ground = { options, client: await clientFor(options.client), folder };
  const run = url === undefined ? await toOwnServer(ground) : await toGivenServer(ground, url);
  await rm(folder, { recursive: true, force: true });
  takeBack();
  if (options.plot !== undefined) await writeFile(options.plot, drawingOf(run));
  return {
    name: `connections: ${run.name}`,
    rows: [
      ...run.steps.flatMap((step) => stepRows(step, run.bare)),
      ...run.rows,
      ...(ground.client === 'net' ? [inNode] : []),
    ],
    figures: { ...stepFigures(run.steps, run.bare), ...run.figures },
    wrong: run.wrong,
  };
}

const inNode: [string, string] = [
  'the load clients were Node',
  'a C compiler makes them cheaper: 0.2 KB and a fifth of the processor time a connection',
];

async function clientFor(asked: ConnectionsOptions['client']): Promise<'c' | 'net'> {
  if (asked === 'net') return 'net';
  try {
    await nativeProgram('ws-hold');
    return 'c';
  } catch (error) {
    if (asked === 'c') throw error;
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${why.split('\n')[0]} Going on with a client in Node, which costs more.\n`);
    return 'net';
  }
}

function drawingOf({ name, moments, steps }: Run): string {
  const latencies = steps.map(({ held, spoken }) => ({
    name: `${count(held)} connections`,
    latencies: spoken.latencies,
  }));
  return drawConnections({ title: name, moments, latencies });
}
