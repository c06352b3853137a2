// `murmuration rebuild`: derives all views anew from the facts, with the server stopped. The work is the core's.
import { hostname } from 'node:os';
import { Command } from 'commander';
import { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { lockDataFolder } from './agent-lock.ts';
import { describeEnding, startProgram } from './agent-program.ts';
import { isServed } from './command-core.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, option, readOptions } from './command-options.ts';
import { count, showProgress } from './command-progress.ts';
import { releaseOf } from './command-start.ts';
import type { CoreSettings } from './settings.ts';

const rebuildOptions = z.object({ data: folderText, release: folderText.optional() });

export function rebuildCommand(): Command {
  const command = new Command('rebuild')
    .description(
      'derive timelines, counts, search and all other views anew from the facts; stop the server first',
    )
    .addOption(dataOption())
    .addOption(option('--release <DIR>', 'use this built release (default: build this checkout)'));
  return command.action(async () => {
    const options = readOptions(command, rebuildOptions);
    const data = existingDataFolder(options.data);
    const lock = await lockDataFolder(data);
    if (isServed(data)) {
      throw new CommandFault(
        `A core still runs on ${data}, left by an agent that died: run "murmuration start" on it and stop that, then rebuild.`,
      );
    }
    const release = await releaseOf(options.release, () => {});
    await rebuild({
      mode: 'rebuild',
      name: hostname(),
      data,
      release,
      logLevel: 'warn',
      rateLimit: { requests: 0, windowS: 300 },
      signUpsAnHour: 0,
      idleActorS: 60,
      minFreePercent: 0,
      cluster: { host: '127.0.0.1', port: 0, advertise: null },
    });
    lock.release();
  });
}

async function rebuild(settings: CoreSettings): Promise<void> {
  const progress = showProgress('facts');
  let done = 0;
  const beginMs = performance.now();
  const program = startProgram({
    role: 'core',
    release: settings.release,
    settings,
    onProgress(now) {
      done = now.done;
      progress.update({ ...now, doing: 'rebuilding' });
    },
  });
  const pass = (signal: NodeJS.Signals): void => program.signal(signal === 'SIGINT' ? 'SIGTERM' : signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, pass);
  const isDone = await program.ready;
  const ending = await program.ended;
  progress.end();
  if (!isDone || ending.code !== 0) {
    // With code 1 the core has said why.
    const said =
      ending.code === 1 ? '' : `The rebuild ended early (${describeEnding(ending)}): run it again.`;
    throw new CommandFault(said);
  }
  const seconds = (performance.now() - beginMs) / 1000;
  console.log(`All views are derived anew from ${count(done)} facts in ${seconds.toFixed(1)} s.`);
}
