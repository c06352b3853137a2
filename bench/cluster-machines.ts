// The machines of a cluster under test: data folders on this one, each started by the command line, joined, added to the ring, killed.
import path from 'node:path';
import { type RingShown, ringShown } from '../cluster/command-ring-drawing.ts';
import { partitionOf } from '../runtime/account-id.ts';
import { accountIdOf } from '../runtime/handle.ts';
import { type Counters, countersOf } from './cluster-counters.ts';
import type { ProcessFigures } from './cpu.ts';
import { requireFree } from './ports.ts';
import { murmuration, type Server, startServer } from './server.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;
/** Of one machine: its gateways' port, and behind it those for other machines and for releases. */
const portsEach = 3;

export interface Machine {
  readonly name: string;
  readonly dataFolder: string;
  readonly port: number;
  server: Server;
}

export interface MachinesOptions {
  /** For the data folders. */
  folder: string;
  /** The first of three for each. */
  port: number;
  gateways: number;
  /** More arguments of `start`. */
  more?: readonly string[];
}

export class Machines {
  readonly list: Machine[] = [];
  readonly #options: MachinesOptions;

  constructor(options: MachinesOptions) {
    this.#options = options;
  }

  static requirePorts(port: number, machines: number): Promise<void> {
    return requireFree(...Array.from({ length: machines * portsEach }, (_, place) => port + place));
  }

  get targets(): string[] {
    return this.list.map(({ server }) => server.target);
  }

  /** The next machine: the first founds the cluster, the others join it by an invite. It owns nothing yet. */
  async start(): Promise<Machine> {
    const place = this.list.length;
    const name = names[place];
    if (name === undefined) throw new RangeError(`there are at most ${names.length} machines`);
    const [first] = this.list;
    const invite = first === undefined ? undefined : (await this.#ask(first, ['invite'])).trim();
    const dataFolder = path.join(this.#options.folder, name);
    const port = this.#options.port + place * portsEach;
    const server = await this.#started({ name, dataFolder, port }, invite);
    const machine = { name, dataFolder, port, server };
    this.list.push(machine);
    return machine;
  }

  /** One whose processes are gone: it finds the cluster by itself. */
  async startAgain(machine: Machine): Promise<void> {
    await machine.server.stop();
    machine.server = await this.#started(machine, undefined);
  }

  #started(
    { name, dataFolder, port }: Pick<Machine, 'name' | 'dataFolder' | 'port'>,
    invite: string | undefined,
  ): Promise<Server> {
    const more = ['--name', name, '--machine', name, '--cluster-port', String(port + 1)];
    more.push(...(this.#options.more ?? []));
    if (invite !== undefined) more.push('--join', invite);
    return startServer({ dataFolder, port, gateways: this.#options.gateways, more });
  }

  /** Gives the machine its share of the ring; resolves, with how long that took, when the command says it is done. */
  async addToRing({ name }: Machine): Promise<number> {
    const [first] = this.list;
    if (first === undefined) throw new Error('there is no machine');
    const began = performance.now();
    await this.#ask(first, ['ring', 'add', name], 600_000);
    return performance.now() - began;
  }

  /** As this machine knows it. */
  async ring(machine: Machine): Promise<RingShown> {
    return ringShown.parse(JSON.parse(await this.#ask(machine, ['ring', 'show', '--json'])));
  }

  /** Resolves when all hold what they own, and each serves about its share. */
  async settled(): Promise<void> {
    const [first] = this.list;
    if (first === undefined) throw new Error('there is no machine');
    const deadline = performance.now() + 180_000;
    while (!isSettled(await this.ring(first), this.list.length)) {
      if (performance.now() > deadline) throw new Error('the ring did not settle within three minutes');
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  processes(): ProcessFigures[] {
    return this.list.flatMap(({ server }) => server.processes());
  }

  /** What all cores have counted since each started. */
  async counters(): Promise<Counters> {
    const texts = await Promise.all(
      this.list.map(async ({ server }) => {
        const answer = await fetch(`${server.url}/metrics`, { signal: AbortSignal.timeout(10_000) });
        return await answer.text();
      }),
    );
    return countersOf(texts);
  }

  async stop(): Promise<void> {
    await Promise.all(this.list.map(({ server }) => server.stop()));
  }

  #ask({ dataFolder }: Machine, args: string[], timeoutMs = 60_000): Promise<string> {
    return murmuration([...args, '--data', dataFolder], timeoutMs);
  }
}

function isSettled({ next, nodes, partitions }: RingShown, machines: number): boolean {
  if (next !== null || nodes.length !== machines) return false;
  const served = nodes.reduce((sum, node) => sum + node.served, 0);
  return (
    served === partitions &&
    nodes.every((node) => !node.isAway && node.unheld === 0 && node.served > partitions / machines / 2)
  );
}

/** The machine that serves this account; undefined: nobody. */
export function serverOf(ring: RingShown, handle: string): string | undefined {
  const server = ring.servers[partitionOf(accountIdOf(handle))];
  return server ? ring.names[String(server.node)] : undefined;
}
