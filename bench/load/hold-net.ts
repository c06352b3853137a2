// The same as ws-hold.c by `node:net`, for machines without a C compiler: same arguments, same commands, some 7 KB a connection.
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { hashPost } from '../posts.ts';
import type { HoldReport, HoldStatus } from './reports.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    target: text,
    path: text,
    tokens: text,
    first: text,
    sources: text,
    query: text,
    compact: text,
    opening: text,
    rate: text,
    tries: text,
    'patience-ms': text,
  },
});
const list = z.string().transform((joined) => joined.split(','));
const options = z
  .object({
    target: list,
    path: z.string(),
    tokens: z.string(),
    first: z.coerce.number().default(0),
    sources: list.optional(),
    query: z.string().optional(),
    compact: z.string().optional(),
    opening: z.coerce.number().default(64),
    rate: z.coerce.number().default(0),
    tries: z.coerce.number().default(1),
    'patience-ms': z.coerce.number().default(60_000),
  })
  .parse(values);

const connectionsASource = 12_000;
const pauseMs = 1_000;
const longestFrame = 2 ** 20;
const accepts = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const marker = /qz(\d+)x(\d+)x(\d+)zq/;

interface Connection {
  state: 'waiting' | 'opening' | 'open' | 'ended';
  socket: Socket | null;
  rest: Buffer | null;
  tries: number;
}

const tokens = readFileSync(options.tokens, 'latin1').trimEnd().split('\n');
const connections: Connection[] = tokens.map(() => ({
  state: 'waiting',
  socket: null,
  rest: null,
  tries: 0,
}));
const received = {
  pairs: new BigUint64Array(tokens.length * 2),
  latencies: new Map<number, number>(),
  maxUs: 0,
};
const beganMs = performance.now();
let progressMs = beganMs;
let settledMs = 0;
let lastDeliveryMs = beganMs;
let opening = 0;
let next = 0;
let isStopping = false;
const counts = { opened: 0, failed: 0, dropped: 0, refusals: 0 };
let seen = nothing();
const reasons = new Map<string, number>();

function nothing(): Pick<HoldStatus, 'frames' | 'deliveries' | 'bytes' | 'pings' | 'others' | 'broken'> {
  return { frames: 0, deliveries: 0, bytes: 0, pings: 0, others: 0, broken: 0 };
}

function openMore(): void {
  const due = options.rate === 0 ? tokens.length : ((performance.now() - beganMs) * options.rate) / 1000 + 1;
  while (next < tokens.length && next < due && opening < options.opening) open(next++);
  if (counts.opened + counts.failed === tokens.length && settledMs === 0) settledMs = performance.now();
  if (settledMs === 0 && performance.now() - progressMs > options['patience-ms']) giveUp();
}

function giveUp(): void {
  next = tokens.length;
  for (const one of connections) {
    if (one.state !== 'waiting' && one.state !== 'opening') continue;
    one.tries = options.tries;
    if (one.state === 'waiting') opening++;
    end(one, 'no answer in time');
  }
}

function open(nth: number): void {
  const one = connections[nth];
  const place = options.first + nth;
  const target = options.target[place % options.target.length] ?? '';
  const [host = '', port = ''] = target.split(':');
  if (one === undefined || one.state === 'ended') return;
  opening++;
  one.state = 'opening';
  const localAddress = sourceFor(host, Math.floor(place / options.target.length));
  const socket = connect({
    host,
    port: Number(port),
    ...(localAddress === null ? {} : { localAddress }),
    noDelay: true,
  });
  one.socket = socket;
  socket.on('connect', () => socket.write(handshake(target, tokens[nth] ?? '')));
  socket.on('data', (bytes) => onBytes(one, nth, bytes));
  socket.on('error', (error) => end(one, 'code' in error ? String(error.code) : error.message));
  socket.on('close', () => end(one, one.state === 'open' ? 'ended by the server' : 'ended in the handshake'));
}

function sourceFor(host: string, place: number): string | null {
  const nth = Math.floor(place / connectionsASource);
  if (options.sources) return options.sources[nth % options.sources.length] ?? null;
  return host.startsWith('127.') ? `127.0.${Math.floor((nth + 2) / 256) % 256}.${(nth + 2) % 256}` : null;
}

function handshake(target: string, token: string): string {
  const inQuery = `${options.path.includes('?') ? '&' : '?'}access_token=${token}`;
  const lines = [
    `GET ${options.path}${options.query === undefined ? '' : inQuery} HTTP/1.1`,
    `Host: ${target}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  if (options.query === undefined) lines.push(`Authorization: Bearer ${token}`);
  if (options.compact !== undefined) lines.push('Sec-WebSocket-Protocol: murmuration.compact.v1');
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** However a connection ends: while it opens that is a refusal, and may be tried again; later it is a drop. */
function end(one: Connection, why: string): void {
  if (isStopping || one.state === 'ended' || one.state === 'waiting') return;
  reasons.set(why, (reasons.get(why) ?? 0) + 1);
  one.socket?.destroy();
  one.socket = null;
  one.rest = null;
  if (one.state === 'open') {
    counts.dropped++;
    one.state = 'ended';
    return;
  }
  opening--;
  counts.refusals++;
  one.tries++;
  if (one.tries < options.tries) {
    one.state = 'waiting';
    setTimeout(open, pauseMs, connections.indexOf(one));
    return;
  }
  one.state = 'ended';
  counts.failed++;
}

function onBytes(one: Connection, nth: number, fresh: Buffer): void {
  seen.bytes += fresh.length;
  let bytes = one.rest === null ? fresh : Buffer.concat([one.rest, fresh]);
  one.rest = null;
  if (one.state === 'opening') {
    const stop = bytes.indexOf('\r\n\r\n');
    if (stop >= 0) {
      const head = bytes.toString('latin1', 0, stop);
      if (!head.startsWith('HTTP/1.1 101') || !head.includes(accepts)) {
        end(one, head.startsWith('HTTP/1.1 ') ? `HTTP ${head.slice(9, 12)}` : 'no HTTP');
        return;
      }
      one.state = 'open';
      opening--;
      counts.opened++;
      progressMs = performance.now();
      bytes = bytes.subarray(stop + 4);
    }
  }
  if (one.state === 'open') bytes = bytes.subarray(takeFrames(one, nth, bytes));
  if (bytes.length > 0 && one.socket !== null) one.rest = Buffer.from(bytes);
}

/** Handles every whole frame; returns how many bytes of it are used up. */
function takeFrames(one: Connection, nth: number, bytes: Buffer): number {
  let used = 0;
  while (one.state === 'open' && bytes.length - used >= 2) {
    const short = bytes.readUInt8(used + 1) & 127;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length - used < head) break;
    const length =
      head === 2
        ? short
        : head === 4
          ? bytes.readUInt16BE(used + 2)
          : Number(bytes.readBigUInt64BE(used + 2));
    if ((bytes.readUInt8(used) & 0x70) !== 0 || bytes.readUInt8(used + 1) > 127 || length > longestFrame) {
      seen.broken++;
      end(one, 'not a frame');
      break;
    }
    if (bytes.length - used < head + length) break;
    onFrame(one, nth, bytes.readUInt8(used), bytes.subarray(used + head, used + head + length));
    used += head + length;
  }
  return used;
}

function onFrame(one: Connection, nth: number, head: number, payload: Buffer): void {
  const opcode = head & 15;
  seen.frames++;
  if (opcode === 9 && payload.length <= 125) {
    seen.pings++;
    const mask = Buffer.from([1, 2, 3, 4]);
    const masked = payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0));
    one.socket?.write(Buffer.concat([Buffer.from([0x8a, 0x80 | payload.length]), mask, masked]));
  } else if (opcode === 8) {
    const why =
      payload.length >= 2
        ? ` with ${payload.readUInt16BE(0)} ${payload.toString('latin1', 2)}`
        : ' by the server';
    end(one, `closed${why}`);
  } else if ((opcode === 1 || opcode === 2) && (head & 0x80) !== 0) {
    onMessage(nth, payload);
  } else if (opcode !== 10) {
    seen.broken++;
    end(one, 'a frame of a kind not expected');
  }
}

function onMessage(nth: number, payload: Buffer): void {
  const found = marker.exec(payload.toString('latin1'));
  if (found === null) {
    seen.others++;
    return;
  }
  const [, author, seq, sent] = found.map(Number);
  const { pairs, latencies } = received;
  pairs[nth * 2] = (pairs[nth * 2] ?? 0n) + 1n;
  pairs[nth * 2 + 1] = (pairs[nth * 2 + 1] ?? 0n) + hashPost(author ?? 0, seq ?? 0);
  const us = Math.max(0, Math.round((performance.timeOrigin + performance.now()) * 1000 - (sent ?? 0)));
  // As fine as ws-hold: steps of 1/64 of a power of two, each named by its end.
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, us))) - 6);
  const top = (Math.floor(us / step) + 1) * step - 1;
  latencies.set(top, (latencies.get(top) ?? 0) + 1);
  received.maxUs = Math.max(received.maxUs, us);
  seen.deliveries++;
  lastDeliveryMs = performance.now();
}

function status(): HoldStatus {
  const now = performance.now();
  return {
    ...counts,
    seconds: ((settledMs === 0 ? now : settledMs) - beganMs) / 1000,
    quietMs: Math.round(now - lastDeliveryMs),
    ...seen,
    reasons: Object.fromEntries(reasons),
  };
}

function report(file: string): HoldReport {
  writeFileSync(file, new Uint8Array(received.pairs.buffer));
  const latencies = [...received.latencies].sort(([one], [other]) => one - other);
  const told = { ...status(), latencies, maxUs: received.maxUs };
  received.pairs.fill(0n);
  received.latencies.clear();
  received.maxUs = 0;
  seen = nothing();
  return told;
}

function stop(): void {
  isStopping = true;
  process.exit();
}

const timer = setInterval(openMore, 5);
timer.unref();
openMore();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const told = line === 'status' ? status() : report(line.replace(/^report /, ''));
    process.stdout.write(`${JSON.stringify(told)}\n`);
  })
  .on('close', stop);
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
