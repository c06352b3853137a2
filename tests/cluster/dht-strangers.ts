// Standard clients of an open DHT for tests: bittorrent-dht as it comes, and a bare socket that asks and waits for the answer.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Address, Client } from 'bittorrent-dht';
import type { DhtAddress } from '../../cluster/agent-dht.ts';
import { type Bencoded, readBencode, writeBencode } from '../../cluster/dht-bencode.ts';
import { host } from './dht-nodes.ts';

export class Strangers {
  #open: (() => Promise<void>)[] = [];

  /** A node of another program, which knows these. */
  async client(...bootstrap: DhtAddress[]): Promise<Stranger> {
    const socket = createSocket('udp4');
    const client = new Client({
      socket,
      bootstrap: bootstrap.map(({ host, port }) => ({ host, port })),
      maxAge: 60_000,
      maxPeers: 100,
      timeout: 500,
      timeBucketOutdated: 60_000,
    });
    client.on('warning', () => {});
    const ready = once(client, 'ready');
    client.listen(0, host);
    this.#open.push(() => new Promise((resolve) => client.destroy(resolve)));
    await ready;
    return new Stranger(client);
  }

  async asker(at = host): Promise<Asker> {
    const socket = createSocket('udp4');
    socket.bind(0, at);
    await once(socket, 'listening');
    this.#open.push(async () => {
      socket.close();
    });
    return new Asker(socket);
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = [];
    await Promise.all(open.map((close) => close()));
  }
}

export class Stranger {
  readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  get address(): DhtAddress {
    return { host, port: this.client.address().port };
  }

  announce(hash: Uint8Array, port: number): Promise<Error | null> {
    return new Promise((resolve) => this.client.announce(Buffer.from(hash), port, resolve));
  }

  async lookup(hash: Uint8Array): Promise<number[]> {
    const found = new Set<number>();
    const take = ({ port }: Address): unknown => found.add(port);
    this.client.on('peer', take);
    await new Promise((resolve) => this.client.lookup(Buffer.from(hash), resolve));
    this.client.off('peer', take);
    return [...found].sort((a, b) => a - b);
  }
}

export class Asker {
  readonly #socket: Socket;
  readonly received: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (packet) => this.received.push(packet));
  }

  send({ host, port }: DhtAddress, packet: Buffer): void {
    this.#socket.send(packet, port, host);
  }

  /** The next packet that comes; null when it is no bencode. */
  async ask(to: DhtAddress, message: Bencoded): Promise<Bencoded | null> {
    const answered = once(this.#socket, 'message');
    this.send(to, writeBencode(message));
    await answered;
    return readBencode(this.received.at(-1) ?? Buffer.alloc(0));
  }
}

export function fieldOf(map: Bencoded | null | undefined, ...path: string[]): Bencoded | null {
  let at = map ?? null;
  for (const name of path) at = at instanceof Map ? (at.get(name) ?? null) : null;
  return at;
}
