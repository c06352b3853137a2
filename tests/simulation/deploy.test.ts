// A simulated deploy: everybody gets everything, as often as it must be sent, and in times that follow from wires and processors.
import { expect, test } from 'vitest';
import { simulateDeploy } from './deploy.ts';
import { blockMs, type DeployPlan, measuredCosts } from './deploy-world.ts';

const free = { blockIn: 0, blockOut: 0, haveOut: 0, haveIn: 0, connection: 0 };
const plan: DeployPlan = {
  nodes: 10,
  pieces: 320,
  blocksOfPiece: 4,
  blockUpMs: blockMs(100),
  blockDownMs: 0,
  latencyMs: 0.05,
  cores: null,
  heardWithinMs: 0,
  knownMost: 2048,
  costs: free,
  seed: 1,
};
const lastMs = (changed: Partial<DeployPlan> = {}): number =>
  simulateDeploy({ ...plan, ...changed }).doneMs.at(-1) ?? Number.NaN;
/** What one uplink needs for all of it once. */
const onceMs = plan.pieces * plan.blocksOfPiece * plan.blockUpMs;

test('every node becomes whole, and hardly a block is sent in vain', () => {
  const { doneMs, blocks, wastedBlocks } = simulateDeploy(plan);
  expect(doneMs).toHaveLength(plan.nodes);
  expect(blocks).toBeGreaterThanOrEqual(plan.nodes * plan.pieces * plan.blocksOfPiece);
  expect(wastedBlocks / blocks).toBeLessThan(0.1);
});

test('the same seed gives the same run, another one another', () => {
  expect(simulateDeploy(plan)).toEqual(simulateDeploy(plan));
  expect(simulateDeploy({ ...plan, seed: 2 }).doneMs).not.toEqual(simulateDeploy(plan).doneMs);
});

test('nobody is whole before one uplink has carried everything, and the last not long after', () => {
  const { doneMs, spreadMs } = simulateDeploy(plan);
  expect(doneMs[0]).toBeGreaterThan(onceMs);
  expect(spreadMs).toBeGreaterThan(onceMs);
  expect(lastMs()).toBeLessThan(2 * onceMs);
});

test('ten times the nodes take less than twice as long, which from one server take ten times', () => {
  expect(lastMs({ nodes: 100 })).toBeLessThan(2 * lastMs());
});

test('with uplinks of a quarter it takes about four times as long', () => {
  const ratio = lastMs({ blockUpMs: 4 * plan.blockUpMs }) / lastMs();
  expect(ratio).toBeGreaterThan(3);
  expect(ratio).toBeLessThan(5);
});

test('processors that all nodes share are what it waits for when they have too much to do', () => {
  const costs = { ...free, blockIn: 1 };
  const few = { nodes: 30, pieces: 64, costs };
  const workMs = (30 * few.pieces * plan.blocksOfPiece * costs.blockIn) / 2;
  const sharedMs = lastMs({ ...few, cores: 2 });
  expect(sharedMs).toBeGreaterThan(workMs);
  expect(lastMs({ ...few, cores: null })).toBeLessThan(sharedMs / 2);
});

test('nobody has more peers than the product lets it have, and all have some', () => {
  const { peers } = simulateDeploy({
    ...plan,
    nodes: 200,
    pieces: 64,
    blockUpMs: blockMs(20),
    knownMost: 50,
  });
  expect(Math.max(...peers)).toBeLessThanOrEqual(100);
  expect(Math.min(...peers)).toBeGreaterThan(0);
  expect(peers.filter((count) => count >= 40).length).toBeGreaterThan(100);
});

test.each([
  { nodes: 10, megabits: 100, benchMs: 2_730 },
  { nodes: 10, megabits: 25, benchMs: 8_170 },
])(
  '$nodes nodes at $megabits Mbit/s on two processors take what bench deploy saw, within a third',
  (seen) => {
    const { nodes, megabits, benchMs } = seen;
    const ratio = lastMs({ nodes, blockUpMs: blockMs(megabits), cores: 2, costs: measuredCosts }) / benchMs;
    expect(ratio).toBeGreaterThan(2 / 3);
    expect(ratio).toBeLessThan(4 / 3);
  },
);
