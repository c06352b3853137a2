// A simulated core reads an account where it is served: for sessions, what was written before the lanes carried it.
import type { Facts } from './requests.ts';
import type { SimNode } from './sim-node.ts';
import type { Process } from './sim-process.ts';
import type { World } from './world.ts';

export interface Reading {
  world: World;
  nodes: ReadonlyMap<number, SimNode>;
  from: Process;
  /** Who answers must send from then on what was wanted up to here. */
  wanted: number;
  account: number;
  partitions: number;
}

const againMs = 200;
const patienceMs = 1500;
const underWayMs = 3;

/** Tries until it can; when the process that reads has ended, never. */
export function readFrom(reading: Reading, done: (facts: Facts) => void): void {
  const { world, nodes, from, wanted, account, partitions } = reading;
  const { events } = world;
  const again = (): void => events.after(againMs, () => readFrom(reading, done));
  if (from.isDead) return;
  const server = from.replica.serverOf(account % partitions);
  const node = server === null ? undefined : nodes.get(server);
  const isSelf = node?.process === from;
  if (
    server === null ||
    node === undefined ||
    node.process === null ||
    (!isSelf && !from.replica.isWanted(server, wanted))
  ) {
    again();
    return;
  }
  events.after(isSelf ? 0 : underWayMs, () => {
    const { process } = node;
    if (process === null) {
      again();
      return;
    }
    let isAnswered = false;
    events.after(patienceMs, () => {
      if (isAnswered) return;
      isAnswered = true;
      again();
    });
    process.ask({ kind: 'read', account }, (reply) => {
      if (isAnswered) return;
      isAnswered = true;
      if (reply.kind !== 'read') again();
      else events.after(isSelf ? 0 : underWayMs, () => done(reply.facts));
    });
  });
}
