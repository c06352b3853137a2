// How far a deploy is let go: which of its waves are open, and why no more will be. Said in one place, for all to follow. Pure.
import type { AgentEntry, MemberEntry, ReleaseStage } from './mesh-messages.ts';

export interface RolloutSaid {
  seq: number;
  /** 1 for the first wave ... */
  wave: number;
  /** So many machines, in the order of the plan, may change over. */
  open: number;
  /** Why there will be no further wave; empty while nothing is wrong. */
  stopped: string;
}

export interface RolloutPlan {
  seq: number;
  /** All members, in the order in which they change over. */
  order: readonly number[];
  /** How many machines have changed over after each wave: rising, and all of them in the end. */
  sizes: readonly number[];
}

/** How far one machine is that can be heard. */
export interface NodeProgress {
  node: number;
  name: string;
  /** With the release that the pointer names; null: it has not heard of it yet. */
  stage: ReleaseStage | null;
  note: string;
}

const troubles: readonly (ReleaseStage | null)[] = ['refused', 'back'];

/**
 * What is to be said now, given what was said before (by this coordinator or by another) and how far the machines are that can be heard. A
 * wave passes over machines that are away, and opens when all before it that are there are healthy; and only while most machines are
 * there, so that no coordinator which is cut off takes the few it hears for all.
 */
export function rolloutNow(
  { seq, order, sizes }: RolloutPlan,
  said: readonly RolloutSaid[],
  machines: readonly NodeProgress[],
): RolloutSaid {
  const before = said.filter((one) => one.seq === seq);
  let wave = Math.max(1, ...before.map((one) => one.wave));
  let open = Math.max(0, ...before.map((one) => one.open));
  const stopped = before.find((one) => one.stopped !== '')?.stopped ?? troubleAmong(machines);
  const stages = new Map(machines.map(({ node, stage }) => [node, stage]));
  const isMost = order.filter((node) => stages.has(node)).length * 2 > order.length;
  const isAtOnce = sizes.length <= 1;
  if (stopped !== '' || !(isMost || isAtOnce)) return { seq, wave, open, stopped };
  open = Math.max(open, placesFor(sizes[wave - 1], order, stages));
  while (wave < sizes.length && isHealthy(order.slice(0, open), stages)) {
    wave++;
    open = Math.max(open, placesFor(sizes[wave - 1], order, stages));
  }
  return { seq, wave, open, stopped };
}

/** So many places of the order hold `count` machines that are there; all of them when there are fewer. */
function placesFor(
  count: number | undefined,
  order: readonly number[],
  there: ReadonlyMap<number, unknown>,
): number {
  let found = 0;
  for (const [place, node] of order.entries()) {
    if (there.has(node)) found++;
    if (found === count) return place + 1;
  }
  return order.length;
}

function isHealthy(nodes: readonly number[], stages: ReadonlyMap<number, ReleaseStage | null>): boolean {
  const there = nodes.filter((node) => stages.has(node));
  return there.length > 0 && there.every((node) => stages.get(node) === 'healthy');
}

function troubleAmong(machines: readonly NodeProgress[]): string {
  const trouble = machines.find(({ stage }) => troubles.includes(stage));
  return trouble === undefined ? '' : `${trouble.name}: ${trouble.note}`.slice(0, 300);
}

/** Of the machines that are heard. */
export function progressOf(entries: readonly MemberEntry[], seq: number): NodeProgress[] {
  return newestAgents(entries).map(({ node, name, agent }) => {
    const isSame = agent.seq === seq;
    return { node, name, stage: isSame ? agent.stage : null, note: isSame ? agent.note : '' };
  });
}

export type AgentSaid = MemberEntry & { agent: AgentEntry };

/** The agent of each node; of one that was started anew both lives are heard for a while. */
export function newestAgents(entries: readonly MemberEntry[]): AgentSaid[] {
  const newest = new Map<number, AgentSaid>();
  for (const entry of entries) {
    const { agent, node, sinceMs } = entry;
    if (agent === null) continue;
    const known = newest.get(node);
    if (known === undefined || known.sinceMs < sinceMs) newest.set(node, { ...entry, agent });
  }
  return [...newest.values()];
}

/** Whose word counts: of the cores that are heard, that of the one with the smallest number which speaks of this pointer. */
export function rolloutSaid(entries: readonly MemberEntry[], seq: number): RolloutSaid | null {
  const said = entries
    .flatMap(({ node, core }) => (core?.rollout?.seq === seq ? [{ node, rollout: core.rollout }] : []))
    .sort((one, other) => one.node - other.node);
  return said[0]?.rollout ?? null;
}

/** It is this machine's turn. */
export function isOpenFor(node: number, { open, stopped }: RolloutSaid, { order }: RolloutPlan): boolean {
  return stopped === '' && order.slice(0, open).includes(node);
}
