// Planting: builds the simulation with one line changed, outside of the tree.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Plant } from './plant.ts';
import type { RunOptions, RunReport } from './simulate.ts';

const root = join(import.meta.dirname, '..', '..');

/** The simulation with the plant. Throws when its line does not stand there exactly once: then the plant is out of date. */
export async function planted(plant: Plant): Promise<(options: RunOptions) => RunReport> {
  const loaded = (await plantedModule(plant, 'simulate.ts')) as {
    simulate(options: RunOptions): RunReport;
  };
  return loaded.simulate;
}

/** Another module of the simulation, with the plant. */
export async function plantedModule(plant: Plant, entry: string): Promise<unknown> {
  const contents = new Map<string, string>();
  for (const { file, line, instead } of [plant, ...(plant.also ?? [])]) {
    const path = join(root, file);
    const text = contents.get(path) ?? readFileSync(path, 'utf8');
    const times = text.split(line).length - 1;
    if (times !== 1) throw new Error(`"${plant.name}": the line to change stands ${times} times in ${file}`);
    contents.set(
      path,
      text.replace(line, () => instead),
    );
  }
  const built = await build({
    entryPoints: [join(import.meta.dirname, entry)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    plugins: [
      {
        name: 'plant',
        setup(builder) {
          builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const planted = contents.get(path);
            return planted === undefined ? undefined : { contents: planted, loader: 'ts' };
          });
        },
      },
    ],
  });
  const [output] = built.outputFiles;
  if (output === undefined) throw new Error('nothing was built');
  const code = Buffer.from(output.contents).toString('base64');
  return await import(`data:text/javascript;base64,${code}`);
}
