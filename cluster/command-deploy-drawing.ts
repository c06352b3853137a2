// How far a deploy is, as a table with a bar for each machine. Pure.
import { z } from 'zod';
import { count } from './command-progress.ts';
import { releaseStages } from './mesh-messages.ts';

/** What a core says of deploys (mesh-releases.ts). It may say more; the rest is passed on in the JSON form. */
export const deployShown = z.looseObject({
  pointer: z
    .looseObject({
      seq: z.number(),
      version: z.string(),
      release: z.string(),
      waves: z.string(),
      holdS: z.number(),
      isOneWay: z.boolean(),
    })
    .nullable(),
  releaseKey: z.string().nullable(),
  rollout: z.looseObject({ wave: z.number(), open: z.number(), stopped: z.string() }).nullable(),
  waves: z.number(),
  /** Not said by cores of former releases. */
  refused: z.looseObject({ reason: z.string(), from: z.string(), atMs: z.number() }).nullish(),
  machines: z.array(
    z.looseObject({
      node: z.number(),
      name: z.string(),
      wave: z.number(),
      agent: z
        .looseObject({
          runs: z.string(),
          runsVersion: z.string(),
          seq: z.number(),
          stage: z.enum(releaseStages),
          note: z.string(),
          total: z.number(),
          have: z.number(),
          moved: z.number(),
        })
        .nullable(),
    }),
  ),
});
export type DeployShown = z.infer<typeof deployShown>;
type Machine = DeployShown['machines'][number];

const barCells = 20;

/** What is done of the whole way when a stage begins, and when it ends. */
const way: Record<(typeof releaseStages)[number], readonly [number, number]> = {
  heard: [0, 0],
  fetching: [0, 0.5],
  verified: [0.6, 0.6],
  changing: [0.75, 0.75],
  probation: [0.9, 0.9],
  healthy: [1, 1],
  refused: [0, 0],
  back: [0, 0],
};

export function drawDeploy(shown: DeployShown): string {
  const { pointer, rollout, waves, releaseKey } = shown;
  const refusedLines = refusedLine(shown);
  const machines = shown.machines.map((machine) => ({ ...machine, name: oneLine(machine.name) }));
  if (pointer === null) {
    const nothing =
      releaseKey === null
        ? 'Nothing was deployed, and no release key is trusted yet: see "murmuration release trust --help".'
        : 'Nothing was deployed yet: every machine runs what its checkout is.';
    return [nothing, ...refusedLines].join('\n');
  }
  const width = Math.max(...machines.map(({ name }) => [...name].length), 'machine'.length);
  const versions = machines.map(({ agent }) => oneLine(agent?.runsVersion ?? ''));
  const versionWidth = Math.max(...versions.map((version) => version.length), 'runs'.length);
  const head = `  ${'machine'.padEnd(width)}  wave  ${'runs'.padEnd(versionWidth)}  ${''.padEnd(barCells)}  state`;
  const rows = machines.map((machine) => {
    const { name, wave, agent } = machine;
    const version = oneLine(agent?.runsVersion ?? '').padEnd(versionWidth);
    return `  ${name.padEnd(width)}  ${String(wave).padStart(4)}  ${version}  ${bar(machine, pointer.seq)}  ${stateOf(machine, pointer.seq)}`;
  });
  return [
    `release ${pointer.version} (${pointer.release.slice(0, 12)}), deploy ${pointer.seq}${pointer.isOneWay ? ', one way' : ''}`,
    `  ${wavesLine(shown, waves)}`,
    ...(rollout === null || rollout.stopped === '' ? [] : [`  STOPPED: ${oneLine(rollout.stopped)}`]),
    ...refusedLines,
    '',
    head,
    ...rows,
  ].join('\n');
}

/** One that was signed by the wrong key, or is too old, is on no machine: the core that refused it says so. */
function refusedLine({ refused }: DeployShown): string[] {
  if (refused === null || refused === undefined) return [];
  const at = new Date(refused.atMs).toISOString().slice(0, 19).replace('T', ' ');
  return [`  refused at ${at} UTC, from ${oneLine(refused.from)}: ${oneLine(refused.reason)}`];
}

function wavesLine({ pointer, rollout }: DeployShown, waves: number): string {
  if (waves <= 1 || pointer === null) return 'everywhere at once';
  const open = rollout === null ? 'nobody coordinates it at this moment' : `wave ${rollout.wave} of ${waves}`;
  return `waves ${pointer.waves}, ${pointer.holdS} s between them: ${open}`;
}

/** Between 0 and 1. */
function doneOf({ agent }: Machine, seq: number): number {
  if (agent === null || agent.seq !== seq) return 0;
  const [from, to] = way[agent.stage];
  return from + (to - from) * (agent.total === 0 ? 0 : agent.have / agent.total);
}

function bar(machine: Machine, seq: number): string {
  const cells = Math.round(doneOf(machine, seq) * barCells);
  return '█'.repeat(cells) + '░'.repeat(barCells - cells);
}

export function stateOf({ agent }: Machine, seq: number): string {
  if (agent === null) return 'away';
  if (agent.seq !== seq) return 'has not heard of it yet';
  const { stage, note, total, have, moved } = agent;
  const said = note === '' ? '' : `: ${oneLine(note)}`;
  const movedText = total === 0 ? '' : ` (${megabytes(moved)} of ${megabytes(total)} moved)`;
  switch (stage) {
    case 'fetching':
      return `fetched ${total === 0 ? 0 : Math.floor((100 * have) / total)} %${movedText}${said}`;
    case 'refused':
      return `refused${said}`;
    case 'back':
      return `went back${said}`;
    case 'healthy':
      return `healthy${movedText}`;
    default:
      return `${stage}${said}`;
  }
}

/**
 * Every machine that is there has come to the end of this deploy, or will never: whatever came of it. While none is there nobody knows.
 */
export function isOver({ pointer, machines, rollout }: DeployShown): boolean {
  if (pointer === null) return true;
  const isStopped = rollout !== null && rollout.stopped !== '';
  const there = machines.flatMap(({ agent }) => (agent === null ? [] : [agent]));
  if (there.length === 0) return false;
  return there.every(({ seq, stage }) => {
    if (seq !== pointer.seq) return false;
    return ['healthy', 'refused', 'back'].includes(stage) || (isStopped && stage === 'verified');
  });
}

/** One line for the end: null when all that are there are healthy. */
export function troubleOf({ pointer, machines, rollout }: DeployShown): string | null {
  if (pointer === null) return null;
  const bad = machines.flatMap(({ name, agent }) =>
    agent?.seq === pointer.seq && agent.stage !== 'healthy' ? [`${name} ${stateOfAgent(agent)}`] : [],
  );
  if (bad.length === 0) return null;
  const stopped = rollout?.stopped ?? '';
  const first = stopped === '' ? '' : `The deploy was stopped (${stopped}). `;
  const most = 5;
  const more = bad.length > most ? `, and ${count(bad.length - most)} more` : '';
  return oneLine(`${first}Not everywhere: ${bad.slice(0, most).join('; ')}${more}.`);
}

function stateOfAgent({ stage, note }: NonNullable<Machine['agent']>): string {
  const words = stage === 'back' ? 'went back' : stage;
  return note === '' ? words : `${words} (${note})`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Others have written it: nothing in it moves the cursor, or makes a line of its own. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
