// The command line: which commands there are, and how each ends. What they do is in the command-*.ts of their names.
import { Command, CommanderError } from 'commander';
import { CommandFault } from './command-fault.ts';
import { usageHint } from './command-options.ts';
import { packageVersion } from './version-of-package.ts';

/** Loaded when asked for: a command should not wait for the packages of the others. */
const commands: Record<string, () => Promise<Command>> = {
  start: async () => (await import('./command-start.ts')).startCommand(),
  import: async () => (await import('./command-import.ts')).importCommand(),
  invite: async () => (await import('./command-invite.ts')).inviteCommand(),
  ring: async () => (await import('./command-ring.ts')).ringCommand(),
  node: async () => (await import('./command-node.ts')).nodeCommand(),
  key: async () => (await import('./command-key.ts')).keyCommand(),
  release: async () => (await import('./command-release.ts')).releaseCommand(),
  deploy: async () => (await import('./command-deploy.ts')).deployCommand(),
  rollback: async () => (await import('./command-deploy.ts')).rollbackCommand(),
  keeper: async () => (await import('./command-keeper.ts')).keeperCommand(),
  doctor: async () => (await import('./command-doctor.ts')).doctorCommand(),
  status: async () => (await import('./command-status.ts')).statusCommand(),
  token: async () => (await import('./command-token.ts')).tokenCommand(),
  passwd: async () => (await import('./command-passwd.ts')).passwdCommand(),
  backup: async () => (await import('./command-backup.ts')).backupCommand(),
  restore: async () => (await import('./command-restore.ts')).restoreCommand(),
  bundle: async () => (await import('./command-bundle.ts')).bundleCommand(),
  bench: async () => (await import('./command-bench.ts')).benchCommand(),
  rebuild: async () => (await import('./command-rebuild.ts')).rebuildCommand(),
};

/** Where help and complaints go. */
export interface CommandOutput {
  write(text: string): void;
  complain(text: string): void;
}

/** Resolves with the exit code: 0; 1 when it cannot be done, 2 when it was asked for wrongly, each with one line that says why. */
export async function runCommandLine(args: string[], output: CommandOutput): Promise<number> {
  try {
    const program = await programFor(args[0] ?? '', output);
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has complained already. It would exit with 1; the wrong use of a command is 2 here.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof CommandFault)) throw error;
    if (error.message !== '') output.complain(`error: ${error.message}\n`);
    return error.exitCode;
  }
}

async function programFor(name: string, output: CommandOutput): Promise<Command> {
  const program = new Command('murmuration')
    // What stands behind a command is the command's own.
    .enablePositionalOptions()
    .description('A real-time timeline server that speaks the Mastodon client API.')
    .version(packageVersion())
    .addHelpText('after', '\nEvery option can also be set in the environment: --data as MURMURATION_DATA.');
  listen(program, output, '"murmuration --help" lists the commands');
  const named = Object.hasOwn(commands, name) ? commands[name] : undefined;
  for (const load of named === undefined ? Object.values(commands) : [named]) {
    const command = await load();
    program.addCommand(command);
    listenWithin(command, output);
  }
  return program;
}

function listenWithin(command: Command, output: CommandOutput): void {
  listen(command, output, usageHint(command));
  for (const inner of command.commands) listenWithin(inner, output);
}

function listen(command: Command, output: CommandOutput, hint: string): void {
  command.exitOverride().configureOutput({
    writeOut: output.write,
    writeErr: output.complain,
    // Commander's own complaints come in several lines.
    outputError(text, complain) {
      const message = text.trim().replaceAll(/\s*\n\s*/g, ' ');
      complain(`${message}${/[.?)]$/.test(message) ? '' : '.'} ${hint}\n`);
    },
  });
}
