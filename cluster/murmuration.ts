// The program `murmuration`: runs what the command line says and exits. The rest is command-line.ts's.
import { runCommandLine } from './command-line.ts';

// Somebody who stops reading (`| head`) is no fault.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exit(
  await runCommandLine(process.argv.slice(2), {
    write: (text) => process.stdout.write(text),
    complain: (text) => process.stderr.write(text),
  }),
);
