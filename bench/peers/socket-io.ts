// A peer of `deliver`: Socket.IO with its Redis adapter, as it is set up for more than one process: who posts is another Socket.IO server
// (here a thread of the same process), and what it emits comes to the sockets through Redis. A room for each author.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import { z } from 'zod';

const orders = z.object({ author: z.number(), frame: z.string() });

function serverOn(redisPort: number): Server {
  const [pub, sub] = [new Redis(redisPort), new Redis(redisPort)];
  return new Server({
    adapter: createAdapter(pub, sub),
    transports: ['websocket'],
    perMessageDeflate: false,
    // The load client answers no pings.
    pingInterval: 3_600_000,
  });
}

if (isMainThread) await holdSockets();
else postThrough(serverOn(z.object({ redisPort: z.number() }).parse(workerData).redisPort));

async function holdSockets(): Promise<void> {
  const { authorsOf, options, servePeer, userOf } = await import('./fan-out.ts');
  const { redisPort, port } = options;
  if (redisPort === undefined) throw new Error('socket-io needs redisPort');
  const authors = authorsOf();
  const io = serverOn(redisPort);
  let joined = 0;
  io.on('connection', (socket) => {
    void socket.join((authors[userOf(socket.handshake.headers.authorization)] ?? []).map(String));
    joined++;
    socket.on('disconnect', () => joined--);
  });
  const poster = new Worker(process.argv[1] ?? '', {
    workerData: { redisPort },
    argv: process.argv.slice(2),
  });
  await new Promise((resolve) => poster.once('message', resolve));
  io.listen(port);
  await servePeer({
    joined: () => joined,
    publish(author, frame) {
      poster.postMessage({ author, frame: frame.toString() });
      return 0;
    },
  });
}

function postThrough(io: Server): void {
  parentPort?.on('message', (message: unknown) => {
    const { author, frame } = orders.parse(message);
    io.to(String(author)).emit('update', frame);
  });
  parentPort?.postMessage('ready');
}
