// WebSocket connections held as cheaply as can be, in a process of their own: by ws-hold, or by hold-net where there is no C compiler.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '../child.ts';
import { nativeProgram } from './native.ts';
import { type HoldReport, type HoldStatus, holdReport, holdStatus } from './reports.ts';

export interface HoldOptions {
  name: string;
  /** `net` costs some 7 KB of memory a connection and seven times the processor time. */
  client: 'c' | 'net';
  /** IPv4:PORT, one or more. */
  targets: readonly string[];
  /** With its query. */
  path: string;
  tokens: readonly string[];
  tokenIn: 'header' | 'query';
  isCompact: boolean;
  /** Connections that other processes open before these: each source address has so many ports. */
  first: number;
  /** Addresses to connect from. Without any: the kernel's choice, or 127.0.0.2 and those above it to a loopback target. */
  sources: readonly string[];
  openingAtOnce: number;
  /** Handshakes begun a second; 0: as fast as they are answered. */
  openRate: number;
  tries: number;
  /** For the files of this run. */
  folder: string;
}

export interface Holder {
  readonly pid: number;
  readonly connections: number;
  status(): Promise<HoldStatus>;
  /** Everything received since the last report, and for each connection its deliveries and the sum of their hashes. */
  report(): Promise<{ report: HoldReport; pairs: BigUint64Array }>;
  close(): Promise<void>;
}

const netProgram = path.join(path.dirname(fileURLToPath(import.meta.url)), 'hold-net.ts');
/** A client that has much to receive answers when it has received it. */
const answerWithinMs = 120_000;

/** Begins to open them; how far that is, is its `status`. */
export async function hold(options: HoldOptions): Promise<Holder> {
  const file = (what: string) => path.join(options.folder, `${options.name}-${what}`);
  await writeFile(file('tokens'), options.tokens.map((token) => `${token}\n`).join(''));
  const args = ['--target', options.targets.join(','), '--path', options.path, '--tokens', file('tokens')];
  args.push('--first', String(options.first), '--opening', String(options.openingAtOnce));
  args.push('--rate', String(options.openRate), '--tries', String(options.tries));
  if (options.sources.length > 0) args.push('--sources', options.sources.join(','));
  if (options.tokenIn === 'query') args.push('--query', '1');
  if (options.isCompact) args.push('--compact', '1');
  const native = options.client === 'c' ? await nativeProgram('ws-hold') : undefined;
  const child = startChild({
    name: `the load client (${options.name})`,
    command: native ?? process.execPath,
    args: native === undefined ? ['--import', 'tsx', netProgram, ...args] : args,
  });
  async function ask(command: string): Promise<unknown> {
    child.write(command);
    return JSON.parse(await child.line(answerWithinMs));
  }
  return {
    pid: child.pid,
    connections: options.tokens.length,
    close: () => child.stop(),
    status: async () => holdStatus.parse(await ask('status')),
    async report() {
      const report = holdReport.parse(await ask(`report ${file('pairs')}`));
      const raw = await readFile(file('pairs'));
      const pairs = BigUint64Array.from({ length: raw.length / 8 }, (_, at) => raw.readBigUInt64LE(at * 8));
      return { report, pairs };
    },
  };
}
