// The command line: `murmuration COMMAND`. Each command is a command-*.ts; here are only their list and the exit codes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, type OutputConfiguration } from 'commander';
import { backupCommand, restoreCommand } from './command-backup.ts';
import { CommandFault } from './command-fault.ts';
import { importCommand } from './command-import.ts';
import { usageHint } from './command-options.ts';
import { passwdCommand } from './command-passwd.ts';
import { rebuildCommand } from './command-rebuild.ts';
import { packageRoot, startCommand } from './command-start.ts';
import { statusCommand } from './command-status.ts';
import { tokenCommand } from './command-token.ts';

const program = new Command('murmuration')
  .description('A real-time timeline server that speaks the Mastodon client API.')
  .version(versionOfPackage())
  .addHelpText('after', '\nEvery option can also be set in the environment: --data as MURMURATION_DATA.');

const commands = [
  startCommand(),
  importCommand(),
  statusCommand(),
  tokenCommand(),
  passwdCommand(),
  backupCommand(),
  restoreCommand(),
  rebuildCommand(),
];
for (const command of commands) {
  // Commander would exit with 1; the wrong use of a command is 2 here.
  program.addCommand(command);
  command.exitOverride().configureOutput(inOneLine(usageHint(command)));
}
program.exitOverride().configureOutput(inOneLine('"murmuration --help" lists the commands'));

// Somebody who stops reading (`| head`) is no fault.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exit(await run());

async function run(): Promise<number> {
  try {
    await program.parseAsync();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof CommandFault)) throw error;
    if (error.message !== '') console.error(`error: ${error.message}`);
    return error.exitCode;
  }
}

/** Commander's own complaints come in several lines. */
function inOneLine(hint: string): OutputConfiguration {
  return {
    outputError(text, write) {
      const message = text.trim().replaceAll(/\s*\n\s*/g, ' ');
      write(`${message}${/[.?)]$/.test(message) ? '' : '.'} ${hint}\n`);
    },
  };
}

function versionOfPackage(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  return typeof version === 'string' ? version : 'unknown';
}
