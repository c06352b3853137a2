// What a deploy does to one machine, with its real store and swarm: what ran there before it can be gone back to.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Agent } from '../../cluster/agent.ts';
import { DeployMachine } from '../../cluster/agent-deploy-machine.ts';
import { noDeploys } from '../../cluster/agent-deploy-state.ts';
import { manifestedIn } from '../../cluster/agent-deploys.ts';
import { type SmallRelease, smallFiles, smallManifest } from '../support/small-release.ts';
import { type ReleaseMachine, ReleaseMachines } from './release-machines.ts';
import { Ends } from './swarm-ends.ts';

let ends: Ends;
let machines: ReleaseMachines;
beforeEach(() => {
  ends = new Ends();
  machines = new ReleaseMachines(ends);
});
afterEach(() => ends.close());

const nextFiles = { ...smallFiles, 'core.mjs': '// next\n' };
const terms = { isOneWay: false };
const log = { info() {}, warn() {}, error() {} };

/** Its programs change over to whatever they are told. */
const agent: Pick<Agent, 'change' | 'running'> = { change: async () => ({ ok: true }), running: [] };

async function deployMachine(
  { store, fetching, held }: ReleaseMachine,
  { folder }: SmallRelease,
): Promise<DeployMachine> {
  const base = await manifestedIn(folder);
  return new DeployMachine({
    node: 1,
    hasCore: true,
    hasGateways: false,
    root: folder,
    agent,
    cluster: {
      manifest: null,
      entries: () => [],
      say() {},
      askOwnCore: () => Promise.reject(new Error('the core is replaced')),
    },
    store,
    fetching,
    held,
    base,
    running: base,
    state: noDeploys,
    drainMs: 0,
    swarm: () => [],
    log,
  });
}

/** A machine that runs its checkout's release, and has had a next one deployed on it. */
async function changed() {
  const [base, next] = await Promise.all([
    machines.release('checkout'),
    machines.release('next', nextFiles, smallManifest(nextFiles, { version: '1.2.4' })),
  ]);
  const machine = await machines.machine('a', [await machines.seed(next)]);
  const deploys = await deployMachine(machine, base);
  const pointer = { ...next.pointer, version: '1.2.4' };
  const known = await machines.told(machine, { pointer, info: next.info.bytes });
  const fetched = await deploys.fetch(known, () => {}, new AbortController().signal);
  if (!fetched.ok) throw new Error(fetched.rejection.message);
  expect(await machine.store.find(base.id)).toBeNull();
  expect(await deploys.change(fetched.value, terms, () => {})).toEqual({ ok: true, value: undefined });
  expect(deploys.running().id).toBe(next.id);
  return { base, machine, deploys };
}

test('what the checkout gave is in the store after a change: a rollback finds it, though no other machine has it', async () => {
  const { base, machine, deploys } = await changed();
  expect(await machine.store.find(base.id)).toMatchObject({ id: base.id, label: deploys.base().version });
  expect((await machine.store.check(base.id)).ok).toBe(true);
  const known = await machines.told(machine, { pointer: base.pointer, info: null });
  const fetched = await deploys.fetch(known, () => {}, new AbortController().signal);
  if (!fetched.ok) throw new Error(fetched.rejection.message);
  expect(await deploys.change(fetched.value, terms, () => {})).toEqual({ ok: true, value: undefined });
  expect(deploys.running().id).toBe(base.id);
});

test('what is in the store already is not put there again', async () => {
  const { machine, deploys } = await changed();
  const put = vi.spyOn(machine.store, 'putRelease');
  expect(await deploys.change(deploys.base(), terms, () => {})).toEqual({ ok: true, value: undefined });
  expect(put).not.toHaveBeenCalled();
});
