// DATA/releases/state.json: what was deployed on this machine, for its next start: what runs, what is being tried, what was given up.
import { join } from 'node:path';
import { z } from 'zod';
import { textOf } from './cluster-file.ts';
import { hexDigits } from './hex.ts';
import { writeWhole } from './whole-file.ts';
import type { WireLog } from './wire-meter.ts';

const release = z.object({ id: hexDigits(32), version: z.string().max(60) });
export type DeployedRelease = z.infer<typeof release>;

const written = z.object({
  /** It has proved itself, and is what the next start runs. Null: what this checkout is. */
  runs: release.nullable(),
  /** What was before it. */
  former: release.nullable(),
  /** It was taken in, or is just being, and has not proved itself yet. */
  trial: z.object({ seq: z.int().min(1), ...release.shape, attempts: z.int().min(1) }).nullable(),
  /** What became of the pointer with this seq: it is not followed again. */
  ended: z
    .object({ seq: z.int().min(1), stage: z.enum(['refused', 'back']), note: z.string().max(300) })
    .nullable(),
});
export type DeployState = z.infer<typeof written>;

export const noDeploys: DeployState = { runs: null, former: null, trial: null, ended: null };

/** A file that is damaged counts as none: the checkout runs, and what is deployed comes again. */
export async function readDeployState(folder: string, log: WireLog): Promise<DeployState> {
  const path = join(folder, fileName);
  const text = await textOf(path);
  if (text === null) return noDeploys;
  try {
    return written.parse(JSON.parse(text));
  } catch (error) {
    log.error({ path, error: String(error) }, 'what was deployed here is not known any more: begun anew');
    return noDeploys;
  }
}

/** On disk when it resolves. */
export async function writeDeployState(folder: string, state: DeployState): Promise<void> {
  await writeWhole(join(folder, fileName), `${JSON.stringify(written.parse(state), null, 2)}\n`);
}

const fileName = 'state.json';
