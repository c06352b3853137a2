// What tests of changes begin with, on real processes: releases to change between, a data folder, an agent on it. All are gone at the end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import {
  type AgentStart,
  type ChangingAgent,
  killAllOn,
  releaseCopy,
  startChangingAgent,
} from '../support/changing-agent.ts';
import { processesOn } from '../support/processes-on.ts';

/** `releaseCopy` for the tests of a file: what it made is removed after the last of them. */
export function releasesOfFile(): typeof releaseCopy {
  const made: string[] = [];
  afterAll(() => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  });
  return (version, edits) => {
    const folder = releaseCopy(version, edits);
    made.push(folder);
    return folder;
  };
}

/** For one test: whatever runs on it in the end is killed. */
export function newData(): string {
  const data = mkdtempSync(join(tmpdir(), 'murmuration-change-'));
  onTestFinished(() => {
    killAllOn(data);
    for (const { pid } of processesOn(data)) process.kill(pid, 'SIGKILL');
    rmSync(data, { recursive: true, force: true });
  });
  return data;
}

/** For one test: it is stopped in the end, unless it has ended. */
export async function startAgent(
  order: Omit<AgentStart, 'data'> & { data?: string },
): Promise<ChangingAgent & { data: string }> {
  const { data = newData() } = order;
  const agent = await startChangingAgent({ ...order, data });
  onTestFinished(() => (agent.exit() === null ? agent.stop() : undefined));
  return { ...agent, data };
}
