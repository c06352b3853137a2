// The socket: runs what connection.ts decides, and tells the page what the stream brings, in batches that a browser can draw.
import { ownCredentials } from './api.ts';
import {
  advanceConnection,
  type Connection,
  type ConnectionEffect,
  type ConnectionEvent,
  type Cursor,
} from './connection.ts';
import type { Status } from './entities.ts';
import { tell } from './happening.ts';
import { heardOfPage } from './page-change.ts';
import { createStore } from './store.ts';
import { decodeFrame } from './stream-frame.ts';
import { token } from './token.ts';

/** How the connection stands. */
export const connection = createStore<Connection>({ kind: 'closed' });

/** A stream beside the user's own, which every socket has. */
export interface Channel {
  readonly stream: 'public' | 'hashtag';
  readonly tag?: string;
}

/** What page the server shows. */
const ownPage = { stream: 'page' } as const;
const openWithinMs = 10_000;
/** Posts that come in one such moment are drawn at once. */
const batchMs = 40;

let socket: WebSocket | null = null;
let openTimer = 0;
let waitTimer = 0;
const channels = new Set<Channel>();
const arrived = new Map<string, Status[]>();

export function startLive(): void {
  happen({ kind: 'started' });
}

export function stopLive(): void {
  happen({ kind: 'stopped' });
}

/** Try now rather than later. */
export function wake(): void {
  happen({ kind: 'woken', nowMs: Date.now() });
}

/** Receives one more stream for as long as it is looked at. */
export function watchChannel(channel: Channel): () => void {
  channels.add(channel);
  say('subscribe', channel);
  return () => {
    channels.delete(channel);
    say('unsubscribe', channel);
  };
}

/** The name that frames of this channel carry. */
export function channelName({ stream, tag }: Channel): string {
  return tag === undefined ? stream : `${stream}:${tag}`;
}

function happen(event: ConnectionEvent): void {
  const [next, effects] = advanceConnection(connection.get(), event);
  connection.set(next);
  effects.forEach(perform);
}

function perform(effect: ConnectionEffect): void {
  switch (effect.kind) {
    case 'open':
      open(effect.since);
      break;
    case 'close':
      close();
      break;
    case 'wait':
      waitTimer = window.setTimeout(() => happen({ kind: 'waited' }), effect.ms);
      break;
    case 'stop-waiting':
      clearTimeout(waitTimer);
      break;
    case 'reload':
      tell({ kind: 'reload' });
      break;
    case 'verify':
      // If the token is no longer good, the reply ends the session.
      void ownCredentials();
      break;
  }
}

function open(since: Cursor): void {
  const bearer = token.get();
  if (bearer === null) return;
  const address = new URL('/api/v1/streaming', location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.searchParams.set('stream', 'user');
  // Empty: the first frame tells where the stream starts.
  address.searchParams.set('since', since ?? '');
  // As a subprotocol the token stays out of addresses, and so out of logs.
  const opening = new WebSocket(address, bearer);
  socket = opening;
  const dropped = (): void => {
    if (socket !== opening) return;
    close();
    happen({ kind: 'dropped', nowMs: Date.now(), chance: Math.random() });
  };
  openTimer = window.setTimeout(dropped, openWithinMs);
  opening.onclose = dropped;
  opening.onopen = () => {
    if (socket !== opening) return;
    clearTimeout(openTimer);
    happen({ kind: 'opened', nowMs: Date.now() });
    for (const channel of [ownPage, ...channels]) say('subscribe', channel);
    tell({ kind: 'connected' });
  };
  opening.onmessage = ({ data }) => {
    if (socket === opening && typeof data === 'string') hear(data);
  };
}

function close(): void {
  clearTimeout(openTimer);
  const closing = socket;
  socket = null;
  closing?.close();
}

function say(type: 'subscribe' | 'unsubscribe', channel: Channel | typeof ownPage): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type, ...channel }));
}

function hear(text: string): void {
  const frame = decodeFrame(text);
  if (frame === null) return;
  const { event, stream, cursor } = frame;
  if (event?.kind === 'resync') {
    happen({ kind: 'lost-place' });
    happen({ kind: 'heard', cursor, nowMs: Date.now() });
    return;
  }
  happen({ kind: 'heard', cursor: stream === 'user' ? cursor : null, nowMs: Date.now() });
  switch (event?.kind) {
    case 'update':
      gather(stream, event.status);
      break;
    case 'edit':
      deliver();
      tell({ kind: 'edited', post: event.status });
      break;
    case 'delete':
      deliver();
      tell({ kind: 'deleted', id: event.id });
      break;
    case 'notification':
      tell({ kind: 'notified', notification: event.notification });
      break;
    case 'page':
      heardOfPage(event.id);
      break;
    case undefined:
      break;
  }
}

function gather(stream: string, status: Status): void {
  if (arrived.size === 0) setTimeout(deliver, batchMs);
  const batch = arrived.get(stream);
  if (batch) batch.push(status);
  else arrived.set(stream, [status]);
}

function deliver(): void {
  const batches = [...arrived];
  arrived.clear();
  for (const [stream, statuses] of batches) tell({ kind: 'arrived', stream, statuses });
}

window.addEventListener('online', wake);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') wake();
});
