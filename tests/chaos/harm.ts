// Faults done to real machines, and undone again: the only place where a run harms anything.
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/until.ts';
import { type Fault, faultText, unreachableIn } from './fault.ts';
import type { Machines } from './machines.ts';
import type { Network } from './network.ts';
import { type ClientRecord, nowMs } from './record.ts';

const upWithinMs = 60_000;

/** Resolves when it is over: what was stopped goes on, what was killed answers, what was cut is whole. */
export async function harm(machines: Machines, fault: Fault, record: ClientRecord): Promise<void> {
  const text = faultText(fault, (place) => machines.at(place).name);
  const unreachable = unreachableIn(fault, machines.places).map((place) => machines.at(place).name);
  record.add({ kind: 'harmed', atMs: nowMs(), phase: 'begins', text, unreachable });
  await done(machines, fault);
  const machine = machines.at(fault.place);
  await until(() => machine.isUp(), {
    withinMs: upWithinMs,
    everyMs: 100,
    what: `${machine.name} answering after: ${text}`,
  });
  record.add({ kind: 'harmed', atMs: nowMs(), phase: 'ends', text, unreachable });
}

async function done(machines: Machines, fault: Fault): Promise<void> {
  const machine = machines.at(fault.place);
  switch (fault.kind) {
    case 'kill': {
      // Its agent starts cores and gateways again. Who starts agents again is the operator: we.
      await until(() => machine.signal('SIGKILL', fault.role) > 0, { what: `a ${fault.role} to kill` });
      await sleep(fault.forMs);
      if (fault.role === 'agent') await machine.start();
      return;
    }
    case 'killMachine':
      await machine.kill();
      await sleep(fault.forMs);
      await machine.start();
      return;
    case 'stop':
      machine.signal('SIGSTOP', fault.role);
      await sleep(fault.forMs);
      machine.signal('SIGCONT', fault.role);
      return;
    case 'stopMachine':
      machine.signal('SIGSTOP');
      await sleep(fault.forMs);
      machine.signal('SIGCONT');
      return;
    case 'cutOff': {
      const others = machines.places.filter((place) => place !== fault.place);
      const from = fault.withClients ? [0, ...others] : others;
      await spoiled(machines, fault, (network) => network.cut(fault.place, from, fault.direction));
      return;
    }
    case 'bridge':
      await spoiled(machines, fault, (network) => network.cut(fault.place, [fault.other]));
      return;
    case 'spoil':
      await spoiled(machines, fault, (network) => network.spoil(fault.place, fault));
      return;
    case 'fillDisk': {
      const disk = machines.small?.disk;
      await disk?.fill();
      await sleep(fault.forMs);
      await disk?.empty();
      return;
    }
    case 'blackout':
      await Promise.all(machines.all.map((one) => one.kill()));
      await sleep(fault.forMs);
      await Promise.all(machines.all.map((one) => one.start()));
      return;
    case 'changeRing':
      await machines.at(1).command(['ring', 'remove', machine.name]);
      await machines.at(1).command(['ring', 'add', machine.name]);
  }
}

async function spoiled(machines: Machines, fault: Fault, spoil: (network: Network) => void): Promise<void> {
  if (machines.apart.kind !== 'namespaces') throw new Error(`${fault.kind} needs namespaces`);
  const { network } = machines.apart;
  spoil(network);
  await sleep(fault.forMs);
  network.heal(fault.place);
}
