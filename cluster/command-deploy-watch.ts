// Watching a deploy: the table drawn anew in a terminal, a line for each change elsewhere, until it is over.
import type { ClusterAsker } from './command-cluster.ts';
import {
  type DeployShown,
  deployShown,
  drawDeploy,
  isOver,
  stateOf,
  troubleOf,
} from './command-deploy-drawing.ts';
import { CommandFault } from './command-fault.ts';

const lookMs = 500;

export function showDeploy(cluster: ClusterAsker): Promise<DeployShown> {
  return cluster.ask({ do: 'deployShow' }, deployShown);
}

/** Throws a `CommandFault` when it has ended otherwise than well. Ctrl-C ends the watching, not the deploy. */
export async function watchDeploy(cluster: ClusterAsker): Promise<void> {
  const draw = process.stdout.isTTY === true ? redrawn() : told();
  for (;;) {
    const shown = await showDeploy(cluster);
    draw(shown);
    if (isOver(shown)) {
      const trouble = troubleOf(shown);
      if (trouble !== null) throw new CommandFault(trouble);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

function redrawn(): (shown: DeployShown) => void {
  let drawn = 0;
  return (shown) => {
    const lines = drawDeploy(shown).split('\n');
    const up = drawn === 0 ? '' : `\x1b[${drawn}A`;
    process.stdout.write(`${up}\x1b[J${lines.join('\n')}\n`);
    drawn = lines.length;
  };
}

/** What is new of each machine. */
function told(): (shown: DeployShown) => void {
  const last = new Map<number, string>();
  let stopped = '';
  return (shown) => {
    const { pointer, machines, rollout } = shown;
    if (pointer === null) return;
    for (const machine of machines) {
      const state = stateOf(machine, pointer.seq);
      if (last.get(machine.node) === state) continue;
      last.set(machine.node, state);
      console.log(`${machine.name}: ${state}`);
    }
    if (rollout !== null && rollout.stopped !== stopped) {
      stopped = rollout.stopped;
      console.log(`STOPPED: ${stopped}`);
    }
  };
}
