// DATA/agent.json: which agent serves a data folder, and which children it started. Read by commands and by the next agent.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const identity = { pid: z.int().min(1), startTime: z.int().min(0) };

export const childRole = z.enum(['core', 'gateway']);
export type ChildRole = z.infer<typeof childRole>;

const recordedChild = z.object({
  ...identity,
  role: childRole,
  index: z.int().min(0),
  /** What it was started with, in short: an agent adopts a child only if it would start it in the same way. */
  fingerprint: z.string(),
  startedMs: z.int().min(0),
  /** The folder it runs from. Absent in records of older agents: the record's. */
  release: z.string().optional(),
  /** The folder its process was started from, where that is another one. */
  startedFrom: z.string().optional(),
  /** Of a gateway: the release folder whose page it shows, where that is another one. It reads this when it is sent a SIGHUP. */
  page: z.string().optional(),
  /** Of a gateway that is being drained: until then its streams are ended, spread over the time. It reads this, too. */
  drainUntilMs: z.int().min(0).optional(),
});
export type RecordedChild = z.infer<typeof recordedChild>;

/** A core beside the one that serves. */
const recordedStandby = z.object({
  ...identity,
  release: z.string(),
  startedMs: z.int().min(0),
  fingerprint: z.string(),
  /** It has been told to take over, or is about to be: the old core ends. */
  isOrdered: z.boolean(),
  /** It derives all views anew before it serves, however long that takes. */
  rebuilds: z.boolean(),
});
export type RecordedStandby = z.infer<typeof recordedStandby>;

/** The releases that a change has led to: what ends is started again from these. */
const wantedReleases = z.object({ core: z.string(), gateways: z.string(), page: z.string() });
export type WantedReleases = z.infer<typeof wantedReleases>;

const agentRecord = z.object({
  ...identity,
  /** `start`, or the command that runs a core of its own for a while. */
  command: z.string(),
  startedMs: z.int().min(0),
  host: z.string(),
  port: z.int().min(0).max(65_535),
  url: z.string(),
  /** What its core runs, or its gateways where it has no core. */
  release: z.string(),
  /** What the agent was given when it started. Absent in records of older agents: `release`. */
  startedWith: z.string().optional(),
  wanted: wantedReleases.optional(),
  standby: recordedStandby.optional(),
  /** Of this machine's core; null when it has none. */
  clusterPort: z.int().min(0).max(65_535).nullable().default(null),
  children: z.array(recordedChild),
});
export type AgentRecord = z.infer<typeof agentRecord>;

/** Null when there is none, or when a power cut left half of one: the processes it named are gone then, too. */
export function readAgentRecord(data: string): AgentRecord | null {
  try {
    return agentRecord.parse(JSON.parse(readFileSync(pathOf(data), 'utf8')));
  } catch {
    return null;
  }
}

/** Whole or not at all. Synchronous, so that no child lives unrecorded while something else runs. */
export function writeAgentRecord(data: string, record: AgentRecord): void {
  const staged = `${pathOf(data)}.${record.pid}`;
  writeFileSync(staged, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(staged, pathOf(data));
}

export function removeAgentRecord(data: string): void {
  rmSync(pathOf(data), { force: true });
}

function pathOf(data: string): string {
  return join(data, 'agent.json');
}
