// What a running program holds in memory once everything that can be freed is freed: its garbage is collected through Node's inspector.
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import type { Server } from '../support/server.ts';
import { until } from '../support/until.ts';

export interface Memory {
  /** Objects and buffers that are still reachable. */
  liveBytes: number;
  /** Resident and not a file: also what native parts hold. */
  anonymousBytes: number;
}

/** For `startServer`: every process takes a port of its own for its inspector, when it is asked to open it. */
export const inspectable = { NODE_OPTIONS: '--inspect-port=0' };

/** The inspectors of a server's programs: to be made while nothing else of it is asked to open its own. */
export class Inspector {
  readonly #pid: number;
  readonly #socket: WebSocket;
  #asked = 0;

  private constructor(pid: number, socket: WebSocket) {
    this.#pid = pid;
    this.#socket = socket;
  }

  /** SIGUSR1 makes Node open its inspector, and print where. */
  static async open(server: Server, pid: number): Promise<Inspector> {
    const before = addressesIn(server.stderr());
    process.kill(pid, 'SIGUSR1');
    const address = await until(() => addressesIn(server.stderr()).find((one) => !before.includes(one)), {
      withinMs: 60_000,
      what: 'the address of the inspector',
    });
    const socket = new WebSocket(address, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new Inspector(pid, socket);
  }

  async measure(): Promise<Memory> {
    // Twice: what finalizers let go of in the first is gone after the second.
    for (const _ of [1, 2]) await this.#ask('HeapProfiler.collectGarbage', {});
    const expression = 'JSON.stringify(process.memoryUsage())';
    const said = await this.#ask('Runtime.evaluate', { expression, returnByValue: true });
    const { heapUsed, external } = JSON.parse(String(said['value']));
    return { liveBytes: heapUsed + external, anonymousBytes: anonymousBytes(this.#pid) };
  }

  close(): void {
    this.#socket.terminate();
  }

  #ask(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      const take = (data: unknown): void => {
        const message = JSON.parse(String(data));
        if (message.id !== id) return;
        this.#socket.off('message', take);
        if (message.error === undefined) resolve(message.result.result ?? {});
        else reject(new Error(`${method}: ${JSON.stringify(message.error)}`));
      };
      this.#socket.on('message', take);
      this.#socket.once('close', () => reject(new Error(`process ${this.#pid} is gone`)));
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

function addressesIn(log: string): string[] {
  return [...log.matchAll(/^Debugger listening on (ws:\/\/\S+)$/gm)].map(([, address]) => address ?? '');
}

function anonymousBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
