// Waves of a deploy: how many nodes have a release before the next ones get it, and which. When a wave is over is others' to say.
import { createHash } from 'node:crypto';

/** The first `nodes` of them, or the first `percent` of a hundred: with those of the waves before, not beside them. */
export type Wave = { kind: 'nodes'; nodes: number } | { kind: 'percent'; percent: number };

export const wavesMost = 16;
const nodesMost = 1_000_000;
/** A week. */
export const holdMostS = 7 * 86_400;

/** Cannot be read; the message says what is wrong, for the one who typed it. */
export class WavesError extends Error {
  override name = 'WavesError';
}

/**
 * `1,10%,100%`: counts of nodes first, then percents, each more than the one before it, the last `100%`. An empty text is no waves:
 * everywhere at once. Throws a `WavesError`.
 */
export function readWaves(text: string): Wave[] {
  if (text.trim() === '') return [];
  const parts = text.split(',', wavesMost + 1).map((part) => part.trim());
  if (parts.length > wavesMost) throw new WavesError(`at most ${wavesMost} waves`);
  const waves = parts.map(readWave);
  waves.forEach((wave, at) => {
    const before = waves[at - 1];
    if (before !== undefined && !isAfter(before, wave))
      throw new WavesError(
        `each wave must reach more nodes than the one before it, counts before percents: ${parts[at - 1]},${parts[at]} does not`,
      );
  });
  const last = waves.at(-1);
  if (last?.kind !== 'percent' || last.percent !== 100) throw new WavesError('the last wave must be 100%');
  return waves;
}

export function writeWaves(waves: readonly Wave[]): string {
  return waves.map((wave) => (wave.kind === 'nodes' ? String(wave.nodes) : `${wave.percent}%`)).join(',');
}

/** `30s`, `5m`, `2h` or `0s`, as seconds. Throws a `WavesError`. */
export function readHoldS(text: string): number {
  const read = /^(0|[1-9][0-9]{0,5})(s|m|h)$/.exec(text.trim());
  const unitS = { s: 1, m: 60, h: 3600 }[read?.[2] ?? ''] ?? Number.NaN;
  const holdS = Number(read?.[1]) * unitS;
  if (holdS <= holdMostS) return holdS;
  throw new WavesError('must be a duration such as 30s, 5m or 2h, a week at most');
}

function readWave(part: string): Wave {
  const read = /^([1-9][0-9]{0,6})(%?)$/.exec(part);
  const number = Number(read?.[1]);
  if (read?.[2] === '%' && number <= 100) return { kind: 'percent', percent: number };
  if (read?.[2] === '' && number <= nodesMost) return { kind: 'nodes', nodes: number };
  throw new WavesError(
    `a wave is a number of nodes or a percent from 1% to 100%, not "${part.slice(0, 20)}"`,
  );
}

function isAfter(before: Wave, wave: Wave): boolean {
  if (wave.kind === 'nodes') return before.kind === 'nodes' && wave.nodes > before.nodes;
  return before.kind === 'nodes' || wave.percent > before.percent;
}

/**
 * The order in which nodes get a version: another one for each version, so that it is not always the same machine that is first; and
 * the same on every node, whatever order it was told the others in.
 */
export function cohortOrder(nodes: readonly number[], version: string): number[] {
  return [...new Set(nodes)]
    .map((node) => ({ node, place: placeOf(node, version) }))
    .sort((one, other) => Buffer.compare(one.place, other.place))
    .map(({ node }) => node);
}

/** Hash(node, version). */
function placeOf(node: number, version: string): Buffer {
  return createHash('sha256').update(`${node}\0${version}`).digest();
}

export interface WaveAsked {
  waves: readonly Wave[];
  /** 0: the first. */
  wave: number;
  nodes: readonly number[];
  version: string;
}

/** All nodes that have the version once this wave is through, those of the waves before among them, in their order. */
export function nodesOfWave({ waves, wave, nodes, version }: WaveAsked): number[] {
  const order = cohortOrder(nodes, version);
  return order.slice(0, reachOf(waves, wave, order.length));
}

/** Never fewer than the waves before: ten percent of five nodes is one, but after a wave of three it is three. */
function reachOf(waves: readonly Wave[], wave: number, nodes: number): number {
  if (waves.length === 0) return nodes;
  const reached = waves
    .slice(0, wave + 1)
    .map((one) => (one.kind === 'nodes' ? one.nodes : Math.ceil((nodes * one.percent) / 100)));
  return Math.min(nodes, Math.max(0, ...reached));
}
