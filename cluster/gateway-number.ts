// How many gateways a machine runs, and how many connections each may hold: as asked for, or what its processors and its memory make sensible.
import { connectionRoom } from '../runtime/connection-room.ts';
import { connectionsInMemory } from './connection-costs.ts';
import type { MachineFacts } from './machine-facts.ts';

/** While gateways are replaced there are twice as many. */
export const mostGateways = 128;

/** `auto` or a number, as typed. */
export type GatewayNumber = number | 'auto';

/** `auto`: one for each processor, less one for the core; at least one. */
export function gatewaysFor(processors: number): number {
  return Math.min(mostGateways, Math.max(1, processors - 1));
}

/** Each step makes a process's share of a processor so much smaller: sched(7). */
const niceStep = 1.25;
const leastNice = 10;
const mostNice = 19;

/**
 * Of gateways that are more than the processors: the core would get no more of these than each of them, and they all wait for it. So all of them
 * together weigh no more than it does (at 55 and a niceness of 10 each it waited three quarters of its time).
 */
function nicenessOf(gateways: number): number {
  return Math.min(mostNice, Math.max(leastNice, Math.ceil(Math.log(gateways) / Math.log(niceStep))));
}

export interface GatewayPlan {
  gateways: number;
  /** Of each; null: as many as its open files allow. */
  mostConnections: number | null;
  /** It is the memory that allows no more. */
  isBoundByMemory: boolean;
  /** How far gateways stand behind others for a processor; null: not at all. */
  niceness: number | null;
}

/**
 * Memory is what the machine has, or its container's limit, and not what is free just now: an agent that comes after another one is to come to
 * the same. `mostConnections`: what was asked for, null for nothing.
 */
export function planGateways(
  asked: { gateways: GatewayNumber; mostConnections: number | null; hasCore: boolean },
  { processors, files, memory }: Pick<MachineFacts, 'processors' | 'files' | 'memory'>,
): GatewayPlan {
  const { hasCore, mostConnections } = asked;
  const gateways = asked.gateways === 'auto' ? gatewaysFor(processors) : asked.gateways;
  const niceness = hasCore && gateways > processors ? nicenessOf(gateways) : null;
  if (mostConnections !== null) return { gateways, mostConnections, isBoundByMemory: false, niceness };
  const bytes = Math.min(memory.totalBytes, memory.limit?.bytes ?? memory.totalBytes);
  const share = Math.floor(connectionsInMemory({ bytes, gateways, hasCore }) / gateways);
  const isBoundByMemory = share < connectionRoom(filesOfGateway(files)).most;
  const most = isBoundByMemory ? Math.max(1, share) : null;
  return { gateways, mostConnections: most, isBoundByMemory, niceness };
}

/** Node raises its soft limit to the hard one when it starts. Null: nobody knows. */
export function filesOfGateway({ process, mostHard }: MachineFacts['files']): number | null {
  return process === null ? null : (process.hard ?? mostHard ?? usualMostHard);
}

/** fs.nr_open where nobody has set it. */
export const usualMostHard = 1_048_576;
