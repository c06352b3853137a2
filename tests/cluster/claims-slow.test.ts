// Claims where words are slow: on machines that have more to do than they can, or far from each other.
import { expect, test } from 'vitest';
import { Random } from '../simulation/random.ts';
import { Replicas } from './replicas-together.ts';

const nodes = [1, 2, 3, 4, 5];
const many = 64;

function slowed(messageMs: number) {
  const replicas = new Replicas(nodes, many);
  const random = new Random(7);
  for (const node of nodes)
    Object.defineProperty(replicas.of(node), 'chance', { get: () => random.fraction() });
  replicas.messageMs = messageMs;
  const served = () =>
    Array.from({ length: many }, (_, partition) => replicas.serverOf(partition)).filter(
      (server) => server !== null,
    ).length;
  /** When each of them claimed each partition. */
  const claimed = () => {
    const atMs = new Map<string, number[]>();
    for (const one of replicas.all('claim'))
      for (const { partition } of one.message.id === 0 ? [] : one.message.terms) {
        const name = `${one.from} ${partition}`;
        const all = atMs.get(name) ?? [];
        atMs.set(name, all);
        // The same claim goes to two.
        if (all.at(-1) !== one.atMs) all.push(one.atMs);
      }
    return [...atMs.values()];
  };
  return { replicas, served, claimed };
}

test.each([1, 300, 600, 900])(
  'five who all start at once do not stand in each other’s way for ever: %i ms a message',
  (messageMs) => {
    const { replicas, served } = slowed(messageMs);
    replicas.until(() => served() === many);
  },
);

test('what is claimed in vain is claimed less and less often, and at once again when somebody has served it', () => {
  const { replicas, served, claimed } = slowed(1);
  replicas.loses = ({ message }) => message.kind === 'granted';
  replicas.run(100_000);
  const lastPauses = claimed().map((all) => (all.at(-1) ?? 0) - (all.at(-2) ?? 0));
  const meanMs = lastPauses.reduce((sum, pauseMs) => sum + pauseMs, 0) / lastPauses.length;
  // Without waiting longer each time it would be 4 s: each is in the way of the others.
  expect(meanMs).toBeGreaterThan(8000);
  replicas.loses = () => false;
  replicas.until(() => served() === many);
  for (const node of nodes.slice(1)) replicas.unlink(1, node);
  replicas.of(1).isIdle = true;
  const sinceMs = replicas.nowMs;
  replicas.until(() => served() === many);
  expect(replicas.nowMs - sinceMs).toBeLessThan(6000);
});
