// Nodes of a DHT on this machine for tests, a meter that can be asked, and a stranger with a socket.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AgentDht, type DhtAddress, type DhtOptions, openDht } from '../../cluster/agent-dht.ts';
import type { DhtEvent, DhtMeter } from '../../cluster/dht-meter.ts';

export const key: Uint8Array = Buffer.alloc(32, 7);
export const clusterId: Uint8Array = Buffer.alloc(32, 8);
export const host = '127.0.0.1';

export class Counts implements DhtMeter {
  readonly #counts = new Map<DhtEvent, number>();
  count(event: DhtEvent, by: number): void {
    this.#counts.set(event, this.of(event) + by);
  }
  of(event: DhtEvent): number {
    return this.#counts.get(event) ?? 0;
  }
}

export interface TestNode {
  dht: AgentDht;
  counts: Counts;
  /** What it logged, as text. */
  logged: string[];
}

export class DhtNodes {
  #open: { close(): unknown }[] = [];

  async node(options: Partial<DhtOptions> = {}): Promise<TestNode> {
    const counts = new Counts();
    const logged: string[] = [];
    const write = (_fields: object, text: string): void => {
      logged.push(text);
    };
    const log = { info: write, warn: write };
    const dht = await openDht({ host, keys: [key], clusterId, log, meter: counts, ...options });
    this.#open.push(dht);
    return { dht, counts, logged };
  }

  /** A bare socket, with what comes back to it. */
  async stranger(): Promise<{
    socket: Socket;
    received: Buffer[];
    send(to: DhtAddress, packet: Buffer): void;
  }> {
    const socket = createSocket('udp4');
    const received: Buffer[] = [];
    socket.on('message', (packet) => received.push(packet));
    socket.bind(0, host);
    await once(socket, 'listening');
    this.#open.push(socket);
    return { socket, received, send: (to, packet) => socket.send(packet, to.port, to.host) };
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = [];
    await Promise.all(open.map((one) => one.close()));
  }
}

export function portsOf(addresses: DhtAddress[]): number[] {
  return addresses.map(({ port }) => port).sort((a, b) => a - b);
}
