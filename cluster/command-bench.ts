// `murmuration bench`: hands everything behind it to the benchmarks, which are a program of their own (bench/bench.ts).
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { CommandFault } from './command-fault.ts';

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('measure: "bench connections ws://HOST:PORT --tokens FILE", or "bench --help" for all of it')
    .argument('[args...]')
    // Every option, --help among them, is the benchmark's.
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions();
  return command.action(async (args: string[]) => {
    process.exitCode = await runBench(args);
  });
}

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** Resolves with its exit code. Signals are passed on: it takes its servers and files along, and then ends. */
async function runBench(args: readonly string[]): Promise<number> {
  const script = join(checkout, 'bench', 'bench.ts');
  if (!existsSync(script)) throw new CommandFault('The benchmarks are not here: run this in a checkout.');
  // The loader by its place: the benchmark runs in the folder of whoever asks, so that paths mean what they say.
  const loader = import.meta.resolve('tsx');
  const child = spawn(process.execPath, ['--import', loader, script, ...args], { stdio: 'inherit' });
  // A terminal's Ctrl-C reaches both; a signal twice does no harm there.
  const pass = (): void => void child.kill('SIGTERM');
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, pass);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (error) =>
        reject(new CommandFault(`The benchmark cannot be started: ${error.message}.`)),
      );
      child.once('close', (code) => resolve(code ?? 1));
    });
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
}
