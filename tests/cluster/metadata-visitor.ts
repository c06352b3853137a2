// A peer for tests that gives away an info dictionary which no swarm of ours would have: by hand, to all who dial it.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Bencoded, readBencode, writeBencode } from '../../cluster/dht-bencode.ts';
import { infoHash } from '../../cluster/torrent-info.ts';
import { blockBytes, frameOf, greetingOf, readMessages } from './swarm-ends.ts';

const extended = 20;
const ours = 3;

export class MetadataVisitor {
  /** Whole dictionaries that it has given. */
  given = 0;
  readonly #info: Uint8Array;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(info: Uint8Array) {
    this.#info = info;
    this.#server = createServer((socket) => this.#meet(socket));
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #meet(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.write(greetingOf(infoHash(this.#info)));
    socket.write(this.#message(0, { m: new Map([['ut_metadata', ours]]), metadata_size: this.#info.length }));
    let theirs = 0;
    readMessages(socket, ({ kind, body }) => {
      if (kind !== extended) return;
      const said = readBencode(body.subarray(1));
      if (!(said instanceof Map)) return;
      if (body[0] === 0) {
        const names = said.get('m');
        theirs = names instanceof Map ? Number(names.get('ut_metadata')) : 0;
        return;
      }
      const piece = Number(said.get('piece'));
      const part = this.#info.subarray(piece * blockBytes, (piece + 1) * blockBytes);
      if (socket.destroyed || body[0] !== ours) return;
      const head = { msg_type: 1, piece, total_size: this.#info.length };
      socket.write(this.#message(theirs, head, part));
      if ((piece + 1) * blockBytes >= this.#info.length) this.given++;
    });
  }

  #message(id: number, said: Record<string, Bencoded>, ...parts: Uint8Array[]): Buffer {
    return frameOf(extended, Buffer.from([id]), writeBencode(new Map(Object.entries(said))), ...parts);
  }
}
