// What an agent finds of one that died: which of its children go on under this one, and which are ended.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentChildren, coreGraceMs, coreOf, gatewayGraceMs, type Place } from './agent-children.ts';
import { isAlive } from './agent-process.ts';
import { adoptProgram, endProgram } from './agent-program.ts';
import {
  type AgentRecord,
  type ChildRole,
  type RecordedChild,
  type RecordedStandby,
  readAgentRecord,
  type WantedReleases,
} from './agent-record.ts';
import { readLinkFile } from './link-file.ts';

export interface Adopted {
  place: Place;
  recorded: RecordedChild;
}

export interface Left {
  /** Port 0: it has none. */
  port: number;
  /** What a change has led to; null: nothing that holds still. */
  wanted: WantedReleases | null;
  adopted: Adopted[];
  /** It was told to take over. */
  standby: RecordedStandby | null;
  /** To be ended. */
  leftovers: { role: ChildRole; pid: number; startTime: number }[];
}

/** Looks at the record of the agent before this one, and at what of it still lives. */
export async function lookForLeft(children: AgentChildren): Promise<Left> {
  const { data } = children.settings;
  const before = readAgentRecord(data);
  if (before === null) return { port: 0, wanted: null, adopted: [], standby: null, leftovers: [] };
  const alive = before.children.filter(isAlive);
  const hasGateway = alive.some(({ role }) => role === 'gateway');
  if (children.port === 0 && hasGateway) children.port = before.port;
  const isOfOthers = mayBeOfOthers(children, before);
  const taken = new Set<RecordedChild>();
  const adopted: Adopted[] = [];
  for (const recorded of alive) {
    const { role, index, release = before.release, page = release } = recorded;
    const place = { role, index, release, page };
    if (role === 'core' && children.settings.core === null) continue;
    const isFitting = isOfOthers || release === children.settings.release;
    if (!isFitting || children.fingerprintOf(place) !== recorded.fingerprint) continue;
    adopted.push({ place, recorded });
    taken.add(recorded);
  }
  const enough = new Set(gatewaysToKeep(adopted, children.settings.gateways));
  const kept = adopted.filter((each) => each.place.role === 'core' || enough.has(each));
  const standby = standbyIn(before, children, isOfOthers);
  const unfit = before.standby !== undefined && standby === null && isAlive(before.standby);
  return {
    port: before.port,
    wanted: isOfOthers ? await stillThere(before.wanted) : null,
    adopted: kept,
    standby,
    leftovers: [
      ...alive.filter((recorded) => !kept.some((each) => each.recorded === recorded)),
      ...(unfit && before.standby !== undefined ? [{ ...before.standby, role: 'core' as const }] : []),
    ],
  };
}

function mayBeOfOthers({ settings }: AgentChildren, { startedWith, release }: AgentRecord): boolean {
  return settings.otherReleases === 'adopted' || settings.release === (startedWith ?? release);
}

/** As many as there are to be, and all that are being drained. */
function gatewaysToKeep(adopted: readonly Adopted[], most: number): Adopted[] {
  const gateways = adopted.filter(({ place }) => place.role === 'gateway');
  const serving = gateways.filter(({ recorded }) => recorded.drainUntilMs === undefined);
  serving.sort((one, other) => one.place.index - other.place.index);
  return [...serving.slice(0, most), ...gateways.filter((each) => !serving.includes(each))];
}

/** One that was not told to take over ends by itself, without its agent. */
function standbyIn(
  before: AgentRecord,
  children: AgentChildren,
  isOfOthers: boolean,
): RecordedStandby | null {
  const { standby } = before;
  if (standby === undefined || !standby.isOrdered || children.settings.core === null || !isAlive(standby))
    return null;
  const isFitting = isOfOthers || standby.release === children.settings.release;
  return isFitting && children.fingerprintOf(coreOf(standby.release)) === standby.fingerprint
    ? standby
    : null;
}

/** A release folder may have been removed since. */
async function stillThere(wanted: WantedReleases | undefined): Promise<WantedReleases | null> {
  if (wanted === undefined) return null;
  const { core, gateways, page } = wanted;
  try {
    await Promise.all([access(join(core, 'core.mjs')), access(join(gateways, 'gateway.mjs')), access(page)]);
    return wanted;
  } catch {
    return null;
  }
}

/** Gateways first: nobody asks a core that is about to end. */
export async function endLeftovers(
  leftovers: Left['leftovers'],
  ending: (leftover: Left['leftovers'][number]) => void,
): Promise<void> {
  for (const role of ['gateway', 'core'] as const) {
    const group = leftovers.filter((child) => child.role === role);
    await Promise.all(
      group.map((child) => {
        ending(child);
        return endProgram(adoptProgram(child), role === 'core' ? coreGraceMs : gatewayGraceMs);
      }),
    );
  }
}

const lookEveryMs = 25;

/** Resolves true when this process is the core that serves, as core.link says; false when it has ended. */
export async function untilServing(
  linkFile: string,
  core: { pid: number; startTime: number },
): Promise<boolean> {
  while (isAlive(core)) {
    const named = await readLinkFile(linkFile).catch(() => null);
    if (named?.pid === core.pid) return true;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  return false;
}
