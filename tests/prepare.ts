// Runs before the tests: brings the programs they need that npm does not, or says in one line how to get them.
import { spawnSync } from 'node:child_process';
import { programOnPath } from './support/program.ts';

interface Tool {
  /** Default: its first command. */
  name?: string;
  /** Any one of these on the PATH will do. */
  commands: string[];
  /** Arguments with which it must end well. */
  proof?: string[];
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
  { commands: ['ip'], debianPackages: ['iproute2'], neededBy: 'tests/chaos' },
  { commands: ['iptables'], debianPackages: ['iptables'], neededBy: 'tests/chaos' },
  { commands: ['aria2c'], debianPackages: ['aria2'], neededBy: 'tests/clients' },
  { commands: ['toot'], debianPackages: ['toot'], neededBy: 'tests/clients' },
  {
    name: 'Mastodon.py',
    commands: ['python3'],
    proof: ['-c', 'import mastodon'],
    debianPackages: ['python3-mastodon'],
    neededBy: 'tests/clients',
  },
];

const missing = tools.filter(({ commands, proof }) => programOnPath(commands, proof) === null);
if (missing.length > 0) prepare(missing);

function prepare(wanted: Tool[]): void {
  const packages = wanted.flatMap((tool) => tool.debianPackages);
  const canInstall = process.getuid?.() === 0 && programOnPath(['apt-get']) !== null;
  if (canInstall) {
    console.log(`Installing what the tests need: ${packages.join(' ')}`);
    if (aptGet('update') && aptGet('install', '--yes', '--no-install-recommends', ...packages)) return;
  }
  const needs = wanted.map((tool) => `${tool.name ?? tool.commands[0]} (${tool.neededBy})`).join(', ');
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
