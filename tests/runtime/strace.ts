// strace: whether it works here, and what it wrote down of a program that had the store open.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** False where strace is not installed or the system forbids tracing. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
}

export type TracedCall =
  /** Bytes of the database were handed to the system; `isSynchronous`: through a file that is opened with O_DSYNC. */
  | { kind: 'written'; isSynchronous: boolean }
  /** An fsync or fdatasync of the database came back with success. */
  | { kind: 'synced' }
  /** The program printed a line. */
  | { kind: 'said'; line: string };

/** Calls in the order in which they began (writes, lines) or ended (syncs): see `traceOptions`. */
export function readTrace(path: string): TracedCall[] {
  const calls: TracedCall[] = [];
  const synchronousFiles = new Set<string>();
  const pendingSyncs = new Set<string>();
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    const thread = text.slice(0, text.indexOf(' '));
    const opened = /openat\(.*data\.mdb", [^)]*O_DSYNC.* = (\d+)/.exec(text);
    if (opened !== null) synchronousFiles.add(opened[1] ?? '');
    const wrote = /(?:pwrite64|pwritev|writev)\((\d+)<[^>]*data\.mdb>/.exec(text);
    if (wrote !== null) calls.push({ kind: 'written', isSynchronous: synchronousFiles.has(wrote[1] ?? '') });
    if (/f(?:data)?sync\(\d+<[^>]*data\.mdb>/.test(text)) {
      if (text.endsWith(' = 0')) calls.push({ kind: 'synced' });
      else if (text.includes('<unfinished')) pendingSyncs.add(thread);
    } else if (/f(?:data)?sync resumed>/.test(text) && pendingSyncs.delete(thread) && text.endsWith(' = 0')) {
      calls.push({ kind: 'synced' });
    }
    const said = / write\(1<[^>]*>, "(.*)\\n"/.exec(text);
    if (said !== null) calls.push({ kind: 'said', line: said[1] ?? '' });
  }
  return calls;
}

/** Arguments of strace for a trace that `readTrace` reads. */
export function traceOptions(path: string): string[] {
  return ['-y', '-o', path, '-e', 'trace=openat,write,writev,pwrite64,pwritev,fsync,fdatasync'];
}
