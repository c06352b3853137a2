// A deploy to thousands of nodes, simulated: the product's own choices, on wires and processors that are numbers. README of bench/ says what is assumed.
import { DeployEvents } from './deploy-events.ts';
import { DeployNode } from './deploy-node.ts';
import { type DeployPlan, type DeploySeen, type DeployWorld, Processors } from './deploy-world.ts';
import { Random } from './random.ts';

export interface Deployed extends DeploySeen {
  /** Of each node, at most; the first seeder first. */
  peers: number[];
}

/** Until the last node is whole. Throws when that never happens. */
export function simulateDeploy(plan: DeployPlan): Deployed {
  const random = new Random(plan.seed);
  const seen: DeploySeen = { doneMs: [], spreadMs: null, blocks: 0, wastedBlocks: 0, haves: 0 };
  const events = new DeployEvents(Math.max(0.02, plan.blockUpMs / 10));
  const world: DeployWorld = { plan, events, processors: new Processors(plan.cores), random, seen };
  const nodes = Array.from(
    { length: plan.nodes + 1 },
    (_, id) => new DeployNode(id, world, { isFirst: id === 0 }),
  );
  for (const node of nodes) {
    const heardMs = node.id === 0 ? 0 : random.fraction() * plan.heardWithinMs;
    events.at(heardMs, () => node.hear(knownBy(node, nodes, plan, random)));
  }
  events.run(() => {
    if (events.nowMs > patienceMs) throw new Error(`${plan.nodes - seen.doneMs.length} nodes never end`);
    return seen.doneMs.length === plan.nodes;
  });
  return { ...seen, peers: nodes.map(({ peersMost }) => peersMost) };
}

/** Of simulated time. */
const patienceMs = 3_600_000;

/** The first seeder is among them only by chance, where not everybody knows everybody. */
function knownBy(
  node: DeployNode,
  nodes: readonly DeployNode[],
  { knownMost }: DeployPlan,
  random: Random,
): DeployNode[] {
  if (nodes.length - 1 <= knownMost) return nodes.filter((other) => other !== node);
  return Array.from({ length: knownMost }, () => nodes[random.below(nodes.length)] ?? node);
}
