// An agent in a process of its own that is told by IPC what to change, and dies or kills at a step where a test wants it to.
import { z } from 'zod';
import { type Agent, createAgent } from '../../cluster/agent.ts';
import type { ChangeStep } from '../../cluster/agent-change.ts';
import { settleCluster } from '../../cluster/agent-cluster-settling.ts';
import { openDataFolder } from '../../cluster/agent-data-folder.ts';
import { lockDataFolder } from '../../cluster/agent-lock.ts';
import { agentLog } from '../../cluster/command-start.ts';

const start = z.object({
  data: z.string(),
  release: z.string(),
  gateways: z.number(),
  port: z.number(),
  publicUrl: z.string().nullable().default(null),
  otherReleases: z.enum(['ended', 'adopted']).optional(),
});

const request = z.object({
  change: z.object({
    release: z.string(),
    core: z.enum(['keep', 'replace']),
    gateways: z.enum(['keep', 'page', 'replace']),
    drainMs: z.number(),
  }),
  /** Killed with SIGKILL in the moment in which the agent tells of the step, before it does anything else. */
  kill: z.object({ whom: z.enum(['agent', 'core', 'standby']), at: z.string() }).nullable(),
  id: z.number(),
});

const told = start.parse(JSON.parse(process.argv[2] ?? '{}'));
const data = openDataFolder(told.data);
await lockDataFolder(data);
await settleCluster({
  data,
  name: 'test',
  machine: 'test',
  join: null,
  roles: null,
  weight: null,
  nowMs: Date.now(),
});
const { release, gateways, port, publicUrl, otherReleases } = told;
const shared = { data, release, logLevel: 'info', rateLimit: { requests: 0, windowS: 300 } } as const;
const agent = createAgent(
  {
    command: 'start',
    data,
    release,
    ...(otherReleases === undefined ? {} : { otherReleases }),
    core: {
      ...shared,
      mode: 'serve',
      name: 'test',
      signUpsAnHour: 0,
      idleActorS: 600,
      minFreePercent: 0,
      cluster: { host: '127.0.0.1', port: 0, advertise: null },
    },
    gateway: { ...shared, host: '127.0.0.1', port, publicUrl, trustedProxy: false },
    gateways,
    clusterPort: null,
    crashed: (role, times) => process.send?.({ crashed: { role, times } }),
  },
  agentLog('info'),
);

process.on('message', (wire) => {
  const asked = request.safeParse(wire).data;
  if (asked === undefined) process.send?.({ running: agent.running });
  else void change(agent, asked);
});
process.on('SIGTERM', () => {
  void agent.stop().then(() => process.exit(0));
});

async function change(of: Agent, { change: order, kill, id }: z.infer<typeof request>): Promise<void> {
  const seen = (step: ChangeStep): void => {
    if (kill !== null && step.step === kill.at) killNow(of, kill.whom);
    process.send?.({ step, id });
  };
  const outcome = await of.change(order, seen);
  process.send?.({ outcome, id });
}

function killNow({ running }: Agent, whom: 'agent' | 'core' | 'standby'): void {
  const pid =
    whom === 'agent'
      ? process.pid
      : running.find(({ role, state }) => role === 'core' && (state === 'standby') === (whom === 'standby'))
          ?.pid;
  // The one that stood by serves by now.
  const victim = pid ?? running.find(({ role }) => role === 'core')?.pid;
  if (victim != null) process.kill(victim, 'SIGKILL');
}

try {
  process.send?.({ started: await agent.start() });
} catch (error) {
  process.send?.({ failed: String(error) });
  process.exitCode = 1;
}
