// A stand-in for the server, for `bench check`: posts, streams and home timelines from memory, and on request one of the
// faults that the load clients must find. It is no peer and no measure of anything.

import uWS from 'uWebSockets.js';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { peerOptions, serveCommands } from './peers/commands.ts';

// The package's types leave these three out.
declare module 'uWebSockets.js' {
  interface WebSocket<UserData> {
    sendFirstFragment(message: RecognizedString, isBinary?: boolean): number;
    sendFragment(message: RecognizedString): number;
    sendLastFragment(message: RecognizedString): number;
  }
}

export const faults = [
  'none',
  'lose',
  'double',
  'swap',
  'garble',
  'stranger',
  'author',
  'refuse',
  'body',
  'drop',
] as const;

const options = peerOptions(
  z.object({
    port: z.number(),
    users: z.number(),
    degree: z.number(),
    followersPath: z.string(),
    fault: z.enum(faults),
    /** Send in pieces and in chunks, as servers may. */
    pieces: z.boolean(),
  }),
);

interface SocketOwner {
  user: number;
}

const raw = readFileSync(options.followersPath);
const followers = new Uint32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4);
const sockets: (uWS.WebSocket<SocketOwner> | undefined)[] = new Array(options.users).fill(undefined);
const homes: string[][] = Array.from({ length: options.users }, () => []);
let lastId = 1_000_000_000_000_000n;
let posts = 0;
let held: { user: number; frame: string } | undefined;

function userOf(header: string): number {
  return Number(header.replace('Bearer t', ''));
}

/** Every 50th post is the one that suffers. */
function publish(author: number, text: string): string {
  posts++;
  lastId += 1n;
  const suffers = posts % 50 === 0 ? options.fault : 'none';
  const account = {
    id: String(author),
    acct: `u${suffers === 'author' ? author + 1 : author}`,
    note: 'n'.repeat(300),
  };
  const status = JSON.stringify({ account, id: String(lastId), content: `<p>${text}</p>` });
  const shown = suffers === 'garble' ? status.replace(/zq ./, 'zq !') : status;
  const frame = JSON.stringify({ stream: ['user'], event: 'update', payload: shown, cursor: String(posts) });
  const receivers = [...followers.subarray(author * options.degree, (author + 1) * options.degree), author];
  receivers.forEach((user, place) => {
    homes[user]?.unshift(status);
    homes[user]?.splice(20);
    const suffersHere = place === 0 ? suffers : 'none';
    if (suffersHere === 'lose') return;
    if (suffersHere === 'drop') {
      sockets[user]?.close();
      return;
    }
    if (suffersHere === 'swap' && !held) {
      held = { user, frame };
      return;
    }
    push(suffersHere === 'stranger' ? (user + 1) % options.users : user, frame);
    if (suffersHere === 'double') push(user, frame);
  });
  // A held post comes late, behind the author's next one.
  if (held && posts % 50 === 40) {
    push(held.user, held.frame);
    held = undefined;
  }
  return status;
}

function push(user: number, frame: string): void {
  const socket = sockets[user];
  if (!socket || !options.pieces) {
    socket?.send(frame, false);
    return;
  }
  const third = Math.floor(frame.length / 3);
  socket.sendFirstFragment(frame.slice(0, third), false);
  socket.sendFragment(frame.slice(third, third * 2));
  socket.sendLastFragment(frame.slice(third * 2));
}

uWS
  .App()
  .ws<SocketOwner>('/*', {
    maxBackpressure: 1024 * 1024,
    upgrade(response, request, context) {
      response.upgrade(
        { user: userOf(request.getHeader('authorization')) },
        request.getHeader('sec-websocket-key'),
        '',
        '',
        context,
      );
    },
    open(socket) {
      sockets[socket.getUserData().user] = socket;
      socket.ping('are you there?');
    },
    close(socket) {
      sockets[socket.getUserData().user] = undefined;
    },
  })
  .post('/api/v1/statuses', (response, request) => {
    const author = userOf(request.getHeader('authorization'));
    let body = '';
    response.onAborted(() => {});
    response.onData((part, last) => {
      body += Buffer.from(part).toString('utf8');
      if (!last) return;
      if (options.fault === 'refuse' && posts % 50 === 49) {
        posts++;
        response.writeStatus('503 Service Unavailable').end('{"error":"no"}');
        return;
      }
      response.end(publish(author, z.object({ status: z.string() }).parse(JSON.parse(body)).status));
    });
  })
  .get('/api/v1/timelines/home', (response, request) => {
    const home = homes[userOf(request.getHeader('authorization'))] ?? [];
    posts++;
    const body = `[${home.join(',')}]${options.fault === 'body' && posts % 50 === 0 ? ' ' : ''}`;
    if (!options.pieces) {
      response.end(body);
      return;
    }
    for (let at = 0; at < body.length; at += 1000) response.write(body.slice(at, at + 1000));
    response.end();
  })
  .listen('127.0.0.1', options.port, (listening) => {
    if (!listening) throw new Error(`cannot listen on port ${options.port}`);
    void serveCommands(z.object({ kind: z.literal('reset') }), () => {
      posts = 0;
    });
  });
