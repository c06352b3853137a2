// HTTP requests sent and checked by http-load, in a process of its own.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startChild } from '../child.ts';
import { nativeProgram } from './native.ts';
import { type HttpReport, httpReport } from './reports.ts';

export interface PreparedRequest {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  token?: string;
  /** Requests of one key keep their order when paced, and share a count. */
  key: number;
  /** JSON on one line; the placeholders of posts.ts are filled in when it is sent. */
  body?: string;
}

export type Pace =
  | { mode: 'closed'; seconds: number; count?: number; own?: boolean }
  | { mode: 'paced'; ratePerSecond: number; seconds: number; count?: number }
  /** Every request once; the bodies are kept at `bodiesPath` of the options. */
  | { mode: 'record' };

export interface LoadOptions {
  name: string;
  target: string;
  connections: number;
  /** What to send, or the file an earlier call wrote. */
  requests: readonly PreparedRequest[] | string;
  picks?: Uint32Array;
  pace: Pace;
  expectStatus?: number;
  bodiesPath?: string;
  /** Lost connections are opened again: for servers that are killed on purpose. */
  reconnect?: boolean;
  timeoutMs?: number;
  keepAcks?: boolean;
  folder: string;
}

export interface Ack {
  request: number;
  seq: number;
  /** 0: no answer came, nobody knows. */
  status: number;
  id: string | undefined;
  latencyUs: number;
}

export interface Load {
  readonly pid: number;
  run(): Promise<HttpReport>;
  acks(): Promise<Ack[]>;
  stop(): Promise<void>;
}

/** Resolves when all connections are open; `run` then sends. */
export async function prepareLoad(options: LoadOptions): Promise<Load> {
  const file = (what: string) => path.join(options.folder, `${options.name}-${what}`);
  const requests =
    typeof options.requests === 'string'
      ? options.requests
      : await writeRequests(file('requests'), options.requests);
  const args = [
    '--target',
    options.target,
    '--connections',
    String(options.connections),
    '--requests',
    requests,
  ];
  const { pace } = options;
  args.push('--mode', pace.mode);
  if (pace.mode !== 'record') {
    args.push('--seconds', String(pace.seconds));
    if (pace.count !== undefined) args.push('--count', String(pace.count));
  }
  if (pace.mode === 'paced') args.push('--rate', String(pace.ratePerSecond));
  if (pace.mode === 'closed' && pace.own) args.push('--own', '1');
  if (options.picks) {
    await writeFile(
      file('picks'),
      new Uint8Array(options.picks.buffer, options.picks.byteOffset, options.picks.byteLength),
    );
    args.push('--picks', file('picks'));
  }
  if (options.expectStatus !== undefined) args.push('--expect-status', String(options.expectStatus));
  if (options.bodiesPath !== undefined) args.push('--bodies', options.bodiesPath);
  if (options.reconnect) args.push('--reconnect', '1');
  if (options.timeoutMs !== undefined) args.push('--timeout-ms', String(options.timeoutMs));
  if (options.keepAcks) args.push('--acks', file('acks'));
  const child = startChild({
    name: `http-load (${options.name})`,
    command: await nativeProgram('http-load'),
    args,
  });
  await child.line(60_000);
  const limitMs =
    (pace.mode === 'record' ? 600 : pace.seconds) * 1000 + (options.timeoutMs ?? 10_000) + 60_000;
  return {
    pid: child.pid,
    stop: () => child.stop(),
    async run() {
      child.write('go');
      const report = httpReport.parse(JSON.parse(await child.line(limitMs)));
      await child.ended;
      return report;
    },
    acks: () => readAcks(file('acks')),
  };
}

export async function writeRequests(file: string, requests: readonly PreparedRequest[]): Promise<string> {
  const lines = requests.map(
    (one) => `${one.method}\t${one.path}\t${one.token ?? '-'}\t${one.key}\t${one.body ?? ''}\n`,
  );
  await writeFile(file, lines.join(''));
  return file;
}

/** The bodies an earlier `record` run kept, in the order of the requests. */
export async function readBodies(bodiesPath: string): Promise<string[]> {
  const all = await readFile(bodiesPath);
  const ends = await readFile(`${bodiesPath}.ends`);
  const bodies: string[] = [];
  let from = 0;
  for (let at = 0; at < ends.length; at += 8) {
    const to = Number(ends.readBigUInt64LE(at));
    bodies.push(all.toString('utf8', from, to));
    from = to;
  }
  return bodies;
}

async function readAcks(file: string): Promise<Ack[]> {
  const text = await readFile(file, 'latin1');
  return text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const [request, seq, status, id, latencyUs] = line.split('\t');
    return [
      {
        request: Number(request),
        seq: Number(seq),
        status: Number(status),
        id: id === '-' ? undefined : id,
        latencyUs: Number(latencyUs),
      },
    ];
  });
}
