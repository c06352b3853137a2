// Bugs that stood here until a seed found them: each is planted again by taking its mend back. A mend may stand in two places.
import type { Plant } from './plant.ts';

export const foundPlants: readonly Plant[] = [
  {
    name: 'a scan says that its source has all that is addressed to it, although what the source owns itself has not come yet',
    file: 'cluster/replica-owner.ts',
    line: 'seq: Math.min(position.seq, intake.seqOf(',
    instead: 'seq: Math.max(position.seq, 0 * intake.seqOf(',
    seed: null,
    foundBy: ['addressed', 'monotonic', 'complete', 'durable'],
    wasReal: true,
    withoutRepairs: true,
  },
  {
    name: 'an owner whose log was set back by a scan says that it has not got what it had before',
    file: 'cluster/replica-intake.ts',
    line: 'return isMoreHere ? [reach, { ...reach, seq: farSeq }] : [reach];',
    instead: 'return isMoreHere ? [reach] : [reach];',
    seed: 1109,
    foundBy: ['monotonic', 'durable'],
    wasReal: true,
    withoutRepairs: true,
  },
  {
    name: 'what a server wrote before it was one no more is shown elsewhere before the present server has it',
    file: 'cluster/replica-stored.ts',
    line: 'return server === self || this.of(server, log) >= seq;',
    instead: 'return true;',
    also: [
      {
        file: 'cluster/replica-stored.ts',
        line: 'if (server === null || !this.isStored(log, seq, partition)) return false;',
        instead: 'if (!this.isStored(log, seq, partition)) return false;',
      },
    ],
    seed: null,
    foundBy: ['monotonic'],
    wasReal: true,
  },
  {
    name: 'a change of the ring ends although an owner who stays has lagged behind',
    file: 'cluster/replica-server.ts',
    line: 'if (next !== null || !owners.includes(self.node)) this.#release(partition, served);',
    instead: 'if (!owners.includes(self.node)) this.#release(partition, served);',
    also: [
      {
        file: 'cluster/replica-parts.ts',
        line: 'return this.scans.missing().length + unserved.length;',
        instead: 'return this.scans.missing().length + 0 * unserved.length;',
      },
    ],
    seed: 85,
    foundBy: ['monotonic', 'durable', 'converge'],
    wasReal: true,
    withoutRepairs: true,
  },
  {
    name: 'a new server takes over the clock of a node that gets no lease for it',
    file: 'cluster/replica-claims.ts',
    line: 'const answers = [...claim.answers].filter(([node]) => !leases.isAhead(node));',
    instead: 'const answers = [...claim.answers].filter(([node]) => node > 0 || leases.isAhead(node));',
    seed: null,
    foundBy: ['complete', 'monotonic', 'durable'],
    wasReal: true,
  },
  {
    name: 'a node that gets no lease asks again and again for what others serve, and cannot serve it',
    file: 'cluster/replica-turns.ts',
    line: 'if (!isQuorum(placement, (node) => node === self || leases.holds(node))) continue;',
    instead: '',
    also: [
      {
        file: 'cluster/replica-turns.ts',
        line: 'if (server !== null && leases.holds(server)) {',
        instead: 'if (server !== null) {',
      },
    ],
    seed: 38,
    foundBy: ['steady', 'available'],
    wasReal: true,
  },
];
