// kill -9 of the agent, of the old core and of the new one at every step of a change, on real processes with posts flowing: in the end one core
// serves, nothing acknowledged is lost, and no socket has noticed.
import { expect, test, vi } from 'vitest';
import type { ChangeStep } from '../../cluster/agent-change.ts';
import type { KillAt } from '../support/changing-agent.ts';
import { startPosts } from '../support/live-posts.ts';
import { processesOn } from '../support/processes-on.ts';
import { until } from '../support/until.ts';
import { releasesOfFile, startAgent } from './agent-changes.ts';

vi.setConfig({ testTimeout: 240_000 });

const release = releasesOfFile();
const old = release('1.0.0');
const next = release('1.0.1');

type Step = ChangeStep['step'];
const unharmed = { ok: true } as const;
const untouched = { ok: false, at: 'standby', core: 'untouched' } as const;

/** Which release serves in the end. The agent's outcome is told where it lives to tell it. */
const kills: [whom: KillAt['whom'], at: Step, outcome: object | null, serves: string[]][] = [
  ['core', 'standby', unharmed, [next]],
  ['core', 'self-tested', unharmed, [next]],
  ['core', 'old core ending', unharmed, [next]],
  // By then this is the new one.
  ['core', 'taken over', unharmed, [next]],
  ['standby', 'standby', untouched, [old]],
  ['standby', 'self-tested', untouched, [old]],
  ['standby', 'old core ending', untouched, [old]],
  ['standby', 'old core ended', { ok: false, at: 'taken over', core: 'back' }, [old]],
  ['agent', 'standby', null, [old]],
  ['agent', 'self-tested', null, [old]],
  // The order was about to be given.
  ['agent', 'old core ending', null, [old]],
  ['agent', 'old core ended', null, [next]],
  ['agent', 'taken over', null, [next]],
];

test.each(kills)('the %s is killed at "%s"', async (whom, at, expected, serves) => {
  let agent = await startAgent({ release: old });
  const { data, url } = agent;
  const posts = await startPosts(url, 'kills');
  const [gateway] = processesOn(data).filter(({ program }) => program === 'gateway');
  const changing = agent.change({ release: next, core: 'replace' }, { whom, at });
  if (expected === null) {
    await until(() => agent.exit(), { withinMs: 60_000, what: 'the agent to be killed' });
    agent = await startAgent({ data, release: old, port: agent.started.port });
  } else {
    expect(await changing.outcome).toMatchObject(expected);
  }
  await posts.another();
  await until(() => processesOn(data).filter(({ program }) => program === 'core').length === 1, {
    what: 'one core, and nobody who stands by',
  });
  const [core] = processesOn(data).filter(({ program }) => program === 'core');
  expect(serves).toContain(core?.release);
  expect(await agent.running()).toMatchObject([
    { role: 'core', pid: core?.pid, release: core?.release, state: 'serving' },
    { role: 'gateway', pid: gateway?.pid, release: old, state: 'serving' },
  ]);
  expect(await posts.finish(url)).toEqual({ lost: [], unheard: [], twice: [], isOpen: true });
  // And it can be changed again.
  const other = core?.release === next ? old : next;
  expect(await agent.change({ release: other, core: 'replace' }).outcome).toEqual({ ok: true });
  await agent.stop();
  expect(processesOn(data)).toEqual([]);
});
