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
import { CommandFault, Unanswered } from './command-fault.ts';

const lookMs = 500;
/** Agents that are started anew are heard within seconds. */
const awayMostMs = 60_000;

export interface WatchClock {
  nowMs(): number;
  wait(ms: number): Promise<void>;
}

const realClock: WatchClock = {
  nowMs: () => performance.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export function showDeploy(cluster: ClusterAsker): Promise<DeployShown> {
  return cluster.ask({ do: 'deployShow' }, deployShown);
}

/**
 * Throws a `CommandFault` when it has ended otherwise than well, and when for a minute nobody answered, or no machine was heard: who waits
 * for the end of a deploy is not to wait for ever. Cores that change over answer again within seconds. Ctrl-C ends the watching, not the
 * deploy.
 */
export async function watchDeploy(cluster: ClusterAsker, clock: WatchClock = realClock): Promise<void> {
  const draw = process.stdout.isTTY === true ? redrawn() : told();
  let awaySinceMs: number | null = null;
  for (;;) {
    const shown = await lookedAt(cluster);
    if (!(shown instanceof Unanswered)) {
      draw(shown);
      if (isOver(shown)) {
        const trouble = troubleOf(shown);
        if (trouble !== null) throw new CommandFault(trouble);
        return;
      }
    }
    if (!(shown instanceof Unanswered) && shown.machines.some(({ agent }) => agent !== null))
      awaySinceMs = null;
    else awaySinceMs ??= clock.nowMs();
    if (awaySinceMs !== null && clock.nowMs() - awaySinceMs >= awayMostMs)
      throw shown instanceof Unanswered ? shown : new CommandFault(nobodyHeard);
    await clock.wait(lookMs);
  }
}

const nobodyHeard = `No machine’s agent was heard for ${awayMostMs / 1000} s: how the deploy goes on is not known. Start the servers again, or look later with "murmuration deploy status".`;

async function lookedAt(cluster: ClusterAsker): Promise<DeployShown | Unanswered> {
  try {
    return await showDeploy(cluster);
  } catch (error) {
    if (error instanceof Unanswered) return error;
    throw error;
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
