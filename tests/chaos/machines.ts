// The machines of one run: made, joined to one cluster, put into the ring, and taken down again, whatever has happened to them.
import { join } from 'node:path';
import { builtRelease as buildOnce } from '../../cluster/agent-release.ts';
import { programOnPath } from '../support/program.ts';
import { builtRelease, packageRoot } from '../support/server.ts';
import { until } from '../support/until.ts';
import { Machine } from './machine.ts';
import { freeNet, Network, type NetworkPlan } from './network.ts';
import { makeRunFolder, noteRun, type RunRecord, removeDeadRuns, removeRun } from './run-folder.ts';
import { SmallDisk } from './small-disk.ts';

/** With fewer there are no two copies beside the one that is harmed. */
const fewestMachines = 3;
const smallDiskMegabytes = 192;
const ringWithinMs = 90_000;

/** Of these a process dies without any notice of its own. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const exit = (): never => process.exit(1);

export interface MachinesOptions {
  count: number;
  /** How many of them own accounts: the first ones. */
  inRing: number;
  /** On loopback addresses, though more may be possible. */
  loopback: boolean;
  /** The folder for the machines' logs. */
  logs: string;
  report(line: string): void;
}

/** How machines are kept apart: by namespaces of the kernel or, where those are not possible, by loopback addresses alone. */
export type Apart = { kind: 'namespaces'; network: Network } | { kind: 'loopback'; reason: string };

interface Made {
  all: Machine[];
  apart: Apart;
  smallDisk: SmallDisk | null;
  folder: string;
  record: RunRecord;
}

export class Machines {
  readonly all: readonly Machine[];
  readonly apart: Apart;
  /** Of the last machine that is in the ring at first; null where there can be none. */
  readonly small: { place: number; disk: SmallDisk } | null;
  /** The places of those that own accounts. */
  readonly ring: ReadonlySet<number>;
  readonly #made: Made;
  #isClosed = false;

  constructor(made: Made, inRing: number) {
    this.#made = made;
    this.all = made.all;
    this.apart = made.apart;
    this.small = made.smallDisk === null ? null : { place: inRing, disk: made.smallDisk };
    this.ring = new Set(this.places.slice(0, inRing));
    process.once('exit', this.#remove);
    for (const signal of signals) process.once(signal, exit);
  }

  /** From 1 on, as in the network. */
  get places(): number[] {
    return this.all.map((_, at) => at + 1);
  }

  at(place: number): Machine {
    const machine = this.all[place - 1];
    if (machine === undefined) throw new Error(`there is no machine ${place}`);
    return machine;
  }

  /** Nothing is left of them but their logs. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    process.off('exit', this.#remove);
    for (const signal of signals) process.off(signal, exit);
    await Promise.allSettled(this.all.map((machine) => machine.kill()));
    this.#remove();
  }

  /** Also when the run ends before its time: nothing may outlive it. */
  #remove = (): void => removeRun(this.#made.folder, this.#made.record);
}

/** Resolves when they are one cluster with a ring. Rejects, with nothing left behind, when they are not. */
export async function startMachines(options: MachinesOptions): Promise<Machines> {
  if (options.count < fewestMachines || options.inRing > options.count)
    throw new Error(`there must be at least ${fewestMachines} machines, and no more of them in the ring`);
  for (const folder of removeDeadRuns()) options.report(`removed what a run that died has left: ${folder}`);
  const machines = new Machines(await make(options), options.inRing);
  try {
    await assemble(machines, options.report);
    return machines;
  } catch (error) {
    await machines.close();
    throw error;
  }
}

async function make({ count, inRing, logs, loopback, report }: MachinesOptions): Promise<Made> {
  const folder = makeRunFolder();
  const names = Array.from({ length: count }, (_, at) => String.fromCharCode(97 + at));
  const dataOf = (name: string) => join(folder, name, 'data');
  const plan = loopback || process.getuid?.() !== 0 ? null : planOf(count);
  const disk = plan === null ? null : join(folder, names[inRing - 1] ?? '');
  const record = noteRun(folder, { plan, datas: names.map(dataOf), disk });
  try {
    const apart = apartBy(plan, loopback ? 'asked for' : 'not root, or ip and iptables are not there');
    const isApart = apart.kind === 'namespaces';
    const smallDisk =
      disk === null || !isApart ? null : smallDiskOn(disk, join(folder, 'disk.image'), report);
    const release = builtRelease() ?? (await buildOnce(packageRoot, () => {}));
    const all = names.map((name, at) => {
      const data = dataOf(name);
      return new Machine({ name, data, logs, release, ...whereIs(apart, at + 1) });
    });
    return { all, apart, smallDisk, folder, record };
  } catch (error) {
    removeRun(folder, record);
    throw error;
  }
}

async function assemble(machines: Machines, report: (line: string) => void): Promise<void> {
  const keeper = machines.at(1);
  await keeper.start();
  const line = (await keeper.command(['invite', '--roles', 'gateway,core'])).trim();
  await Promise.all(machines.all.slice(1).map((machine) => machine.start({ join: line })));
  report(`${machines.all.length} machines have joined`);
  for (const place of machines.ring) {
    const { name } = machines.at(place);
    // It is known to the keeper a moment after it is up.
    if (place !== 1)
      await until(() => keeper.command(['ring', 'add', name]), {
        withinMs: ringWithinMs,
        everyMs: 500,
        what: `${name} being in the ring`,
      });
  }
  report(`the ring is ${[...machines.ring].map((place) => machines.at(place).name).join(', ')}`);
}

/** Null: there is no program that could make it. */
function planOf(places: number): NetworkPlan | null {
  const hasPrograms = ['ip', 'iptables'].every((name) => programOnPath([name]) !== null);
  return hasPrograms ? { tag: `mu${process.pid.toString(36)}`, net: freeNet(process.pid), places } : null;
}

/** Whatever the kernel does not let us have, machines can do without. */
function apartBy(plan: NetworkPlan | null, why: string): Apart {
  if (plan === null) return { kind: 'loopback', reason: why };
  try {
    return { kind: 'namespaces', network: new Network(plan) };
  } catch (error) {
    return { kind: 'loopback', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Null: it cannot be mounted, and no disk will be full. */
function smallDiskOn(folder: string, image: string, report: (line: string) => void): SmallDisk | null {
  try {
    return new SmallDisk({ folder, image, megabytes: smallDiskMegabytes });
  } catch (error) {
    report(`no disk of its own for a machine, so none will be full: ${String(error)}`);
    return null;
  }
}

function whereIs(apart: Apart, place: number): { address: string; inside: string[] } {
  if (apart.kind === 'loopback') return { address: loopbackAddress(process.pid, place), inside: [] };
  const { network } = apart;
  return { address: network.addressOf(place), inside: network.inside(place) };
}

/** Each machine an address of its own in 127/8, unlike those of other runs. */
function loopbackAddress(pid: number, place: number): string {
  return `127.${64 + (Math.floor(pid / 250) % 128)}.${1 + (pid % 250)}.${place}`;
}
