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
});
export type RecordedChild = z.infer<typeof recordedChild>;

const agentRecord = z.object({
  ...identity,
  /** `start`, or the command that runs a core of its own for a while. */
  command: z.string(),
  startedMs: z.int().min(0),
  host: z.string(),
  port: z.int().min(0).max(65_535),
  url: z.string(),
  release: z.string(),
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
