// Watching a deploy: on while nobody is heard, and not for ever.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClusterAsker } from '../../cluster/command-cluster.ts';
import type { DeployShown } from '../../cluster/command-deploy-drawing.ts';
import { watchDeploy } from '../../cluster/command-deploy-watch.ts';
import { CommandFault, Unanswered } from '../../cluster/command-fault.ts';

type Agent = NonNullable<DeployShown['machines'][number]['agent']>;

const healthy: Agent = {
  runs: 'ab',
  runsVersion: '1.2.4',
  seq: 7,
  stage: 'healthy',
  note: '',
  total: 0,
  have: 0,
  moved: 0,
};

const printed: string[] = [];
beforeEach(() => {
  printed.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
});
afterEach(() => vi.restoreAllMocks());

function shown(agent: Agent | null): DeployShown {
  const pointer = { seq: 7, version: '1.2.4', release: 'ab', waves: '', holdS: 0, isOneWay: false };
  const machines = [{ node: 1, name: 'finch', wave: 1, agent }];
  return { pointer, releaseKey: 'aa', rollout: null, waves: 1, machines };
}

/** Says at each time what `at` gives. */
async function watched(at: (nowMs: number) => Agent | null | Error): Promise<number> {
  let nowMs = 0;
  const cluster: ClusterAsker = {
    async ask(_command, answer) {
      const agent = at(nowMs);
      if (agent instanceof Error) throw agent;
      return answer.parse(shown(agent));
    },
  };
  const clock = {
    nowMs: () => nowMs,
    wait: async (ms: number) => {
      nowMs += ms;
    },
  };
  await watchDeploy(cluster, clock);
  return nowMs;
}

test('a watch goes on while no machine is heard, and says so', async () => {
  expect(await watched((nowMs) => (nowMs < 30_000 ? null : healthy))).toBe(30_000);
  expect(printed).toEqual(['finch: away', 'finch: healthy']);
});

test('a watch ends with a fault when no machine is heard for a minute together', async () => {
  await expect(watched(() => null)).rejects.toThrow(/^No machine’s agent was heard for 60 s: how the deploy/);
  const trying: Agent = { ...healthy, stage: 'probation' };
  // Heard once in between: the minute begins anew.
  expect(await watched((nowMs) => (nowMs > 90_000 ? healthy : nowMs === 50_000 ? trying : null))).toBe(
    90_500,
  );
});

test('a core that does not answer while it changes over is asked again, for a minute together', async () => {
  const unanswered = new Unanswered('The link to the core is gone.');
  expect(await watched((nowMs) => (nowMs < 30_000 ? unanswered : healthy))).toBe(30_000);
  await expect(watched(() => unanswered)).rejects.toBe(unanswered);
  const refusal = new CommandFault('This is not allowed.');
  await expect(watched(() => refusal)).rejects.toBe(refusal);
});
