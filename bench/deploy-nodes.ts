// The node processes of one round of `bench deploy`: started first, all of them, then told what to do.

import { type Child, startChild } from './child.ts';
import { type ProcessFigures, processFigures } from './cpu.ts';
import { type NodeAnswer, type NodeOrder, nodeAnswer } from './deploy-messages.ts';
import type { DeployNetwork } from './deploy-network.ts';

type Kind = NodeAnswer['kind'];
type Answer<K extends Kind> = Extract<NodeAnswer, { kind: K }>;

const patienceMs = 900_000;
const startingAtOnce = 8;

/** One process in its namespace. What it says is kept until somebody asks for it. */
export class DeployNode {
  readonly place: number;
  readonly child: Child;
  readonly #said: NodeAnswer[] = [];
  readonly #waiting: { kind: Kind; resolve(said: NodeAnswer): void; reject(error: Error): void }[] = [];
  #broken: Error | null = null;
  isKilled = false;

  constructor(place: number, child: Child) {
    this.place = place;
    this.child = child;
    void this.#listen();
  }

  tell(order: NodeOrder): void {
    this.child.write(JSON.stringify(order));
  }

  /** The next of that kind. Rejects when the node fails or ends before. */
  async hear<K extends Kind>(kind: K): Promise<Answer<K>> {
    const at = this.#said.findIndex((said) => said.kind === kind);
    if (at >= 0) return this.#said.splice(at, 1)[0] as Answer<K>;
    if (this.#broken !== null) throw this.#broken;
    return (await new Promise<NodeAnswer>((resolve, reject) => {
      this.#waiting.push({ kind, resolve, reject });
    })) as Answer<K>;
  }

  /** Null when it is gone. */
  get figures(): ProcessFigures | null {
    return processFigures(this.child.pid) ?? null;
  }

  kill(): void {
    this.isKilled = true;
    process.kill(this.child.pid, 'SIGKILL');
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const said = nodeAnswer.parse(JSON.parse(await this.child.line(patienceMs)));
        if (said.kind === 'failed') throw new Error(`node ${this.place}: ${said.why}`);
        const at = this.#waiting.findIndex(({ kind }) => kind === said.kind);
        if (at >= 0) this.#waiting.splice(at, 1)[0]?.resolve(said);
        else this.#said.push(said);
      }
    } catch (error) {
      this.#broken = error instanceof Error ? error : new Error(String(error));
      for (const { reject } of this.#waiting.splice(0)) reject(this.#broken);
    }
  }
}

export interface Starting {
  network: DeployNetwork;
  program: string;
  /** The first seeder or server is at place 0. */
  places: number;
  port: number;
}

/** All of them, a few at a time. The seeder's place is opened by the caller. */
export async function startNodes({ network, program, places, port }: Starting): Promise<DeployNode[]> {
  const nodes: DeployNode[] = [];
  for (let from = 0; from < places; from += startingAtOnce) {
    const some = Array.from({ length: Math.min(startingAtOnce, places - from) }, (_, at) => from + at);
    await Promise.all(
      some.map(async (place) => {
        const [command = '', ...inside] = network.inside(place);
        const node = new DeployNode(
          place,
          startChild({ name: `node ${place}`, command, args: [...inside, process.execPath, program] }),
        );
        nodes[place] = node;
        node.tell({ kind: 'open', host: network.addressOf(place), port });
        await node.hear('ready');
      }),
    );
  }
  return nodes;
}
