// WebSocket connections held and checked by ws-load, in a process of its own.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startChild } from '../child.ts';
import { nativeProgram } from './native.ts';
import { type SocketReport, socketReport, socketsOpen } from './reports.ts';

export interface SocketsOptions {
  name: string;
  /** IPv4:PORT, one or more. */
  targets: readonly string[];
  connections: readonly { path: string; token: string }[];
  texts: readonly string[];
  /** Handles are this and the author's number; without it handles are not checked. */
  acctPrefix?: string;
  /** A subprotocol to ask for. */
  protocol?: string;
  /** What a client says first. */
  greeting?: string;
  /** What is in every update, and in nothing else; `"event":"update"` unless told. */
  updateMark?: string;
  /** The first so many never read, and count nothing; the next so many read every two seconds only. */
  stalled?: number;
  slow?: number;
  /** The first update's text is kept here. */
  recordPath?: string;
  /** For the files of this run. */
  folder: string;
}

export interface Sockets {
  readonly pid: number;
  begin(): Promise<void>;
  /** Waits until `expected` deliveries have come and no more follow, or none came for `quietMs`, or `limitMs` have passed. */
  report(wait: {
    expected: number;
    quietMs: number;
    limitMs: number;
  }): Promise<{ report: SocketReport; pairs: BigUint64Array }>;
  close(): Promise<void>;
}

/** Connections one process may hold: 20,000 open files, some of them its own. */
export const mostConnections = 19_900;

/** Resolves when every connection is open; rejects when one cannot be opened. */
export async function openSockets(options: SocketsOptions): Promise<Sockets> {
  if (options.connections.length > mostConnections)
    throw new RangeError(`one ws-load holds at most ${mostConnections}`);
  const file = (what: string) => path.join(options.folder, `${options.name}-${what}`);
  await writeFile(
    file('connections'),
    options.connections.map((one) => `${one.path}\t${one.token}\n`).join(''),
  );
  await writeFile(file('texts'), options.texts.map((text) => `${text}\n`).join(''));
  const args = [
    '--target',
    options.targets.join(','),
    '--connections',
    file('connections'),
    '--texts',
    file('texts'),
  ];
  if (options.acctPrefix !== undefined) args.push('--acct-prefix', options.acctPrefix);
  if (options.protocol !== undefined) args.push('--protocol', options.protocol);
  if (options.greeting !== undefined) args.push('--greet', options.greeting);
  if (options.updateMark !== undefined) args.push('--update', options.updateMark);
  if (options.stalled !== undefined) args.push('--stalled', String(options.stalled));
  if (options.slow !== undefined) args.push('--slow', String(options.slow));
  if (options.recordPath !== undefined) args.push('--record', options.recordPath);
  const child = startChild({
    name: `ws-load (${options.name})`,
    command: await nativeProgram('ws-load'),
    args,
  });
  const opened = socketsOpen.parse(JSON.parse(await child.line(90_000)));
  if (opened.failed > 0) {
    await child.stop();
    throw new Error(
      `${options.name}: ${opened.failed} of ${options.connections.length} connections could not be opened`,
    );
  }
  return {
    pid: child.pid,
    close: () => child.stop(),
    async begin() {
      child.write('begin');
      await child.line(10_000);
    },
    async report(wait) {
      child.write(`report ${wait.expected} ${wait.quietMs} ${wait.limitMs} ${file('pairs')}`);
      const report = socketReport.parse(JSON.parse(await child.line(wait.limitMs + 10_000)));
      const raw = await readFile(file('pairs'));
      const pairs = BigUint64Array.from({ length: raw.length / 8 }, (_, index) =>
        raw.readBigUInt64LE(index * 8),
      );
      return { report, pairs };
    },
  };
}
