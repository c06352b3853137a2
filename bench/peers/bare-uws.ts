// The peer in `deliver`: uWebSockets.js and a loop. It sends the same bytes to the same sockets at the same rate, and does
// nothing else: no HTTP, no store, no rules.

import uWS from 'uWebSockets.js';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { postText } from '../posts.ts';
import { peerOptions, serveCommands } from './commands.ts';

const options = peerOptions(
  z.object({
    port: z.number(),
    users: z.number(),
    degree: z.number(),
    /** 32-bit numbers: followers[user * degree + i]. */
    followersPath: z.string(),
    textsPath: z.string(),
  }),
);

const command = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('frame'), prefix: z.string(), suffix: z.string() }),
  z.object({
    kind: z.literal('run'),
    /** Pairs of 32-bit numbers: author, seq. */
    postsPath: z.string(),
    ratePerSecond: z.number(),
  }),
]);

interface SocketOwner {
  user: number;
}

const raw = readFileSync(options.followersPath);
const followers = new Uint32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4);
const texts = readFileSync(options.textsPath, 'utf8').trimEnd().split('\n');
const sockets: (uWS.WebSocket<SocketOwner> | undefined)[] = new Array(options.users).fill(undefined);
let frame = { prefix: '{"stream":["user"],"event":"update","payload":"', suffix: '"}' };

uWS
  .App()
  .ws<SocketOwner>('/*', {
    compression: uWS.DISABLED,
    maxBackpressure: 64 * 1024,
    idleTimeout: 120,
    upgrade(response, request, context) {
      const user = Number(request.getHeader('authorization').replace('Bearer ', ''));
      response.upgrade(
        { user },
        request.getHeader('sec-websocket-key'),
        request.getHeader('sec-websocket-protocol'),
        request.getHeader('sec-websocket-extensions'),
        context,
      );
    },
    open(socket) {
      sockets[socket.getUserData().user] = socket;
    },
    close(socket) {
      sockets[socket.getUserData().user] = undefined;
    },
  })
  .listen('127.0.0.1', options.port, (listening) => {
    if (!listening) throw new Error(`cannot listen on port ${options.port}`);
    void serveCommands(command, (one) => (one.kind === 'frame' ? setFrame(one) : run(one)));
  });

function setFrame(one: { prefix: string; suffix: string }): void {
  frame = { prefix: one.prefix, suffix: one.suffix };
}

function run(one: {
  postsPath: string;
  ratePerSecond: number;
}): Promise<{ sent: number; missed: number; seconds: number }> {
  const bytes = readFileSync(one.postsPath);
  const posts = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const began = performance.now();
  const told = { sent: 0, missed: 0, seconds: 0 };
  let next = 0;
  return new Promise((resolve) => {
    const step = () => {
      const now = performance.now();
      while (next * 2 < posts.length && began + (next * 1000) / one.ratePerSecond <= now) {
        publish(posts[next * 2] ?? 0, posts[next * 2 + 1] ?? 0, told);
        next++;
      }
      if (next * 2 < posts.length) {
        setTimeout(step, began + (next * 1000) / one.ratePerSecond - performance.now());
      } else {
        told.seconds = (performance.now() - began) / 1000;
        resolve(told);
      }
    };
    step();
  });
}

function publish(author: number, seq: number, told: { sent: number; missed: number }): void {
  const time = Math.round((performance.timeOrigin + performance.now()) * 1000);
  const bytes = Buffer.from(
    `${frame.prefix}${postText(texts, { author, seq }, String(time))}${frame.suffix}`,
  );
  const send = (user: number) => {
    // 2: dropped, because the reader is too slow.
    if (sockets[user]?.send(bytes, false) !== 2 && sockets[user]) told.sent++;
    else told.missed++;
  };
  for (let i = author * options.degree; i < (author + 1) * options.degree; i++) send(followers[i] ?? 0);
  send(author);
}
