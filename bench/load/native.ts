// The load clients written in C, compiled at first use into build/bench/ with the machine's own compiler.
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from '../child.ts';

const folder = path.dirname(fileURLToPath(import.meta.url));
const built = path.join(folder, '../../build/bench');

/** The path of the compiled program; named by its sources, so that an old one is never run. */
export async function nativeProgram(name: 'ws-load' | 'http-load' | 'ws-hold'): Promise<string> {
  const sources = [path.join(folder, `${name}.c`), path.join(folder, 'load.h'), path.join(folder, 'ws.h')];
  const hash = createHash('sha256');
  for (const source of sources) hash.update(await readFile(source));
  const program = path.join(built, `${name}-${hash.digest('hex').slice(0, 12)}`);
  const there = await access(program).then(
    () => true,
    () => false,
  );
  if (there) return program;
  await mkdir(built, { recursive: true });
  const fresh = `${program}.${process.pid}`;
  const args = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-o', fresh, ...sources.slice(0, 1)];
  try {
    await runChild({ name: 'cc', command: 'cc', args, timeoutMs: 60_000 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new Error(
        'The load clients are C programs and need a C compiler: install gcc (Debian: apt-get install gcc libc6-dev).',
      );
    }
    throw error;
  }
  await rename(fresh, program);
  return program;
}
