// Runs before the tests: brings the programs they need that npm does not, or says in one line how to get them.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

interface Tool {
  /** Any one of these on the PATH will do. */
  commands: string[];
  debianPackages: string[];
  neededBy: string;
}

const tools: Tool[] = [
  {
    commands: ['chromium', 'chromium-browser', 'google-chrome'],
    debianPackages: ['chromium', 'fonts-dejavu-core'],
    neededBy: 'tests/page',
  },
  { commands: ['strace'], debianPackages: ['strace'], neededBy: 'tests/chaos' },
];

const missing = tools.filter((tool) => !tool.commands.some(isOnPath));
if (missing.length > 0) prepare(missing);

function prepare(wanted: Tool[]): void {
  const packages = wanted.flatMap((tool) => tool.debianPackages);
  const canInstall = process.getuid?.() === 0 && isOnPath('apt-get');
  if (canInstall) {
    console.log(`Installing what the tests need: ${packages.join(' ')}`);
    if (aptGet('update') && aptGet('install', '--yes', '--no-install-recommends', ...packages)) return;
  }
  const needs = wanted.map((tool) => `${tool.commands[0]} (${tool.neededBy})`).join(', ');
  // Not an error here: the other tests are worth running, and those that need it fail by themselves.
  console.log(`Missing for the tests: ${needs}. On Debian: sudo apt-get install ${packages.join(' ')}`);
}

function aptGet(...rest: string[]): boolean {
  const run = spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...rest], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.status === 0) return true;
  console.log(`apt-get ${rest.join(' ')} failed:\n${run.stdout}${run.stderr}${run.error?.message ?? ''}`);
  return false;
}

function isOnPath(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
