// What an agent does with the children of one that died, where releases have changed in between: on real processes.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startChangingAgent } from '../support/changing-agent.ts';
import { processesOn } from '../support/processes-on.ts';
import { newData, releasesOfFile } from './agent-changes.ts';

vi.setConfig({ testTimeout: 180_000 });

const release = releasesOfFile();
const first = release('1.0.0');
const second = release('1.0.1');
const third = release('1.0.2');

const runs = (data: string) =>
  processesOn(data).sort((one, other) => one.program.localeCompare(other.program) || one.pid - other.pid);

test('a record of the former shape is read: its children go on', async () => {
  const data = newData();
  const agent = await startChangingAgent({ data, release: first });
  const before = runs(data);
  await agent.kill();
  const path = join(data, 'agent.json');
  const {
    wanted: _wanted,
    startedWith: _startedWith,
    standby: _standby,
    ...record
  } = JSON.parse(readFileSync(path, 'utf8'));
  const children = record.children.map(
    ({ release: _release, page: _page, ...child }: Record<string, unknown>) => child,
  );
  writeFileSync(path, JSON.stringify({ ...record, children }));
  const next = await startChangingAgent({ data, release: first, port: agent.started.port });
  expect(next.started.adopted).toBe(2);
  expect(runs(data)).toEqual(before);
  expect(await next.running()).toMatchObject([
    { role: 'core', release: first },
    { role: 'gateway', release: first, page: first },
  ]);
  await next.stop();
});

test('what a change has led to goes on under an agent that is given what the last one was given, also what has died meanwhile', async () => {
  const data = newData();
  const agent = await startChangingAgent({ data, release: first });
  expect(await agent.change({ release: second, core: 'replace', gateways: 'page' }).outcome).toEqual({
    ok: true,
  });
  const [core] = runs(data);
  await agent.kill();
  if (core !== undefined) process.kill(core.pid, 'SIGKILL');
  const next = await startChangingAgent({ data, release: first, port: agent.started.port });
  expect(next.started.adopted).toBe(1);
  expect(await next.running()).toMatchObject([
    { role: 'core', release: second },
    { role: 'gateway', release: second, page: second, startedFrom: first },
  ]);
  await next.stop();
});

test('children of other releases are ended by an agent that is given another one, unless it is told to keep them', async () => {
  const data = newData();
  const agent = await startChangingAgent({ data, release: first });
  expect(await agent.change({ release: second, core: 'replace' }).outcome).toEqual({ ok: true });
  const before = runs(data);
  await agent.kill();
  const { port } = agent.started;
  const keeping = await startChangingAgent({ data, release: third, port, otherReleases: 'adopted' });
  expect(runs(data)).toEqual(before);
  await keeping.kill();
  const ending = await startChangingAgent({ data, release: first, port });
  expect(runs(data).map(({ release }) => release)).toEqual([first, first]);
  expect(runs(data).some(({ pid }) => before.some((each) => each.pid === pid))).toBe(true);
  await ending.stop();
});
