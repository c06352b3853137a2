// The second deploy of `bench deploy`: the real release built twice, with one line changed between; what each node still has to fetch.

import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildRelease } from '../cluster/release-build.ts';
import { manifestFile, type ReleaseManifest } from '../cluster/release-manifest.ts';
import { movedAgainst, releaseInfo } from '../cluster/release-torrent.ts';
import { atEnd } from './cleanup.ts';
import { type Shipped, shippedFrom } from './deploy-folder.ts';
import { DeployNetwork } from './deploy-network.ts';
import { round } from './deploy-round.ts';
import { tableRows } from './deploy-table.ts';
import { bytes, decimal, median, percent } from './figures.ts';
import { withProgress } from './progress.ts';

export interface SecondDeploy {
  what: string;
  totalBytes: number;
  /** Content that each node received. */
  movedBytes: number[];
  /** With everything around it, and what it passed on. */
  wireBytes: number[];
  infoBytes: number;
  /** By the two info dictionaries, without fetching anything. */
  plannedBytes: number;
  lastMs: number;
}

export interface SecondOrder {
  at: string;
  program: string;
  nodes: number;
  megabits: number;
  wrong: string[];
}

interface Change {
  what: string;
  file: string;
  from: string;
  to: string;
}

/** Lines of ours; a build fails when they are not there any more. */
const changes: readonly Change[] = [
  {
    what: 'behaviours',
    file: 'actors/user-home.ts',
    from: 'const mostDirects = 200;',
    to: 'const mostDirects = 201;',
  },
  {
    what: 'core',
    file: 'cluster/core-behaviours.ts',
    from: 'holds no behaviours`',
    to: 'has no behaviours`',
  },
  {
    what: 'page',
    file: 'gateway/page/look-post.css',
    from: 'padding: 0.875rem 1.25rem 0.375rem;',
    to: 'padding: 0.875rem 1.25rem 0.5rem;',
  },
];
const sourceFolders = ['actors', 'cluster', 'gateway', 'runtime'];
const root = path.join(import.meta.dirname, '..');

/** The first release is everywhere; the changed one is fetched by all, beside it. */
export async function secondDeploys(order: SecondOrder): Promise<SecondDeploy[]> {
  const tree = path.join(order.at, 'tree');
  await mkdir(tree);
  for (const folder of sourceFolders)
    await cp(path.join(root, folder), path.join(tree, folder), { recursive: true });
  await cp(path.join(root, 'package.json'), path.join(tree, 'package.json'));
  await symlink(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
  return await withProgress('a second release', changes.length + 1, async (report) => {
    const first = await built(order.at, tree, 'release');
    report(1);
    const seen: SecondDeploy[] = [];
    for (const [place, change] of changes.entries()) {
      const file = path.join(tree, change.file);
      const source = await readFile(file, 'utf8');
      if (source.split(change.from).length !== 2)
        throw new Error(`bench deploy changes a line that ${change.file} has not: ${change.from}`);
      await writeFile(file, source.replace(change.from, change.to));
      const next = await built(order.at, tree, `release-${place}`);
      await writeFile(file, source);
      seen.push(await deployed(order, change, first, next));
      report(place + 2);
    }
    return seen;
  });
}

async function built(at: string, tree: string, name: string): Promise<Shipped> {
  const folder = path.join(at, name);
  const manifest: ReleaseManifest = await buildRelease({ root: tree, out: folder });
  const id = createHash('sha256')
    .update(await readFile(path.join(folder, manifestFile)))
    .digest('hex');
  return await shippedFrom(at, folder, await releaseInfo(folder, { id, manifest }));
}

async function deployed(
  order: SecondOrder,
  { what }: Change,
  first: Shipped,
  next: Shipped,
): Promise<SecondDeploy> {
  const { at, program, nodes, megabits, wrong } = order;
  const network = new DeployNetwork(nodes + 1);
  const takeBack = atEnd(() => network.remove());
  try {
    network.shape({ megabits, lossPercent: 0 });
    const sources = [first.folder];
    const seen = await round({
      network,
      program,
      at,
      shipped: next,
      sources,
      way: 'swarm',
      nodes,
      mishap: 'none',
      wrong,
    });
    const { movedBytes, totalBytes } = movedAgainst(first.info, next.info);
    return {
      what,
      totalBytes,
      movedBytes: seen.figures.map((one) => one.movedBytes),
      wireBytes: seen.figures.map((one) => one.wireBytes),
      infoBytes: next.info.bytes.length,
      plannedBytes: movedBytes,
      lastMs: seen.doneMs.at(-1) ?? Number.NaN,
    };
  } finally {
    takeBack();
    network.remove();
  }
}

export function secondRows(seen: readonly SecondDeploy[]): [string, string][] {
  return tableRows(
    [
      'second deploy, one line',
      'content a node',
      'most',
      'of',
      'share',
      'info dictionary',
      'to the last node',
    ],
    seen.map(({ what, totalBytes, movedBytes, infoBytes, lastMs }) => [
      what,
      bytes(median(movedBytes)),
      bytes(Math.max(...movedBytes)),
      bytes(totalBytes),
      percent((median(movedBytes) + infoBytes) / totalBytes),
      bytes(infoBytes),
      `${decimal(lastMs / 1000)} s`,
    ]),
  );
}
