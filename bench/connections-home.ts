// What `bench connections` connects to when it is given no address: people who follow each other, their tokens, kept for later runs.
import { spawn } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { cp, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { atEnd } from './cleanup.ts';
import { type GraphWanted, type SpokenGraph, spokenGraph, writeFollows } from './connections-graph.ts';
import { bytes, count } from './figures.ts';
import { program, root } from './server.ts';

export interface Home {
  graph: SpokenGraph;
  /** Of user n at place n. */
  tokens: string[];
  /** For this run alone. */
  dataFolder: string;
}

const kept = z.object({ users: z.number(), followees: z.number(), seed: z.number() });

/** Imports the graph and issues the tokens, or takes both from `keptIn`, where they are left for the next run. */
export async function makeHome(
  wanted: GraphWanted,
  folder: string,
  keptIn: string | undefined,
): Promise<Home> {
  const dataFolder = path.join(folder, 'data');
  const home = path.resolve(keptIn ?? path.join(folder, 'home'));
  const graph = spokenGraph(wanted);
  const finished = path.join(home, 'graph.json');
  if (existsSync(finished)) await requireSame(finished, wanted);
  else await make(home, graph, wanted);
  const inPlace = path.join(home, 'data');
  if (keptIn === undefined) await rename(inPlace, dataFolder);
  else await cp(inPlace, dataFolder, { recursive: true });
  const tokens = await linesOf(path.join(home, 'tokens'));
  if (tokens.length !== wanted.users)
    throw new Error(`${tokens.length} tokens for ${wanted.users} users in ${home}`);
  return { graph, tokens, dataFolder };
}

async function requireSame(file: string, wanted: GraphWanted): Promise<void> {
  const is = kept.parse(JSON.parse(await readFile(file, 'utf8')));
  if (is.users === wanted.users && is.followees === wanted.followees && is.seed === wanted.seed) return;
  throw new Error(
    `${path.dirname(file)} holds ${count(is.users)} users with ${is.followees} followees (seed ${is.seed}): give another --graph, or ask for the same.`,
  );
}

/**
 * `graph.json` is written last: without it what is there is unfinished, and is gone on with. An import that is run again changes nothing,
 * but takes as long, so that one that has come to its end says so by a file.
 */
async function make(home: string, graph: SpokenGraph, wanted: GraphWanted): Promise<void> {
  const data = path.join(home, 'data');
  const begun = path.join(home, 'unfinished.json');
  const imported = path.join(home, 'imported');
  if (existsSync(begun)) await requireSame(begun, wanted);
  else if (existsSync(home))
    throw new Error(`${home} is there and is no graph of this benchmark: give another --graph.`);
  await mkdir(home, { recursive: true });
  await writeFile(begun, `${JSON.stringify(kept.parse(wanted))}\n`);
  if (!existsSync(imported)) {
    await importInto(home, data, graph);
    await writeFile(imported, '');
  }
  const beganMs = performance.now();
  process.stderr.write(`issuing ${count(graph.users)} tokens\n`);
  const handles = path.join(home, 'handles');
  await writeFile(handles, Array.from({ length: graph.users }, (_, user) => `u${user}\n`).join(''));
  await command(['token', '--data', data, '--handles', handles], path.join(home, 'tokens'));
  process.stderr.write(`  ${seconds(performance.now() - beganMs)}\n`);
  await Promise.all([rm(handles), rm(imported)]);
  await rename(begun, path.join(home, 'graph.json'));
}

async function importInto(home: string, data: string, graph: SpokenGraph): Promise<void> {
  const follows = path.join(home, 'follows.csv');
  await writeFollows(graph, follows);
  const beganMs = performance.now();
  const edges = graph.users * graph.followees;
  process.stderr.write(`importing ${count(graph.users)} users and ${count(edges)} follows\n`);
  await command(['import', '--data', data, '--follows', follows, '--directed', '--posts', '0']);
  await rm(follows);
  const { size } = await stat(path.join(data, 'store', 'data.mdb'));
  process.stderr.write(`  ${seconds(performance.now() - beganMs)}, ${bytes(size)} on the disk\n`);
}

function seconds(ms: number): string {
  return `${count(ms / 1000)} s`;
}

/** A command of `murmuration` that may take long: its progress is shown, and what it prints goes to a file, if to any. */
async function command(args: readonly string[], to?: string): Promise<void> {
  const file = to === undefined ? null : await open(to, 'w');
  const child = spawn(process.execPath, [...program, ...args], {
    cwd: root,
    stdio: ['ignore', file === null ? 'ignore' : file.fd, 'inherit'],
  });
  const takeBack = atEnd(() => void child.kill('SIGTERM'));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  takeBack();
  await file?.close();
  if (code !== 0)
    throw new Error(`murmuration ${args[0]} ended with ${code === null ? 'a signal' : `code ${code}`}`);
}

/** Without blank lines. `-` is stdin. */
export async function linesOf(file: string): Promise<string[]> {
  const lines: string[] = [];
  const input = file === '-' ? process.stdin : createReadStream(file);
  const failed = new Promise<never>((_, reject) => input.once('error', reject));
  const read = async (): Promise<void> => {
    for await (const line of createInterface({ input })) if (line.trim() !== '') lines.push(line.trim());
  };
  await Promise.race([read(), failed]);
  return lines;
}
