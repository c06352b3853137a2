// `npm run bench -- NAME`: chooses the benchmark, prints the machine and the result. Each benchmark is a file of its own.

import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { runEnd } from './cleanup.ts';
import { type PeerName, peerNames } from './deliver-stage.ts';
import { describeMachine, machineLine } from './machine.ts';
import { printResult, type Result } from './result.ts';

const program = new Command('bench')
  .description(
    'Measures this server beside its peers. Fails when a result is wrong, never because it is slow.',
  )
  .addHelpText('after', '\nBENCH_VERBOSE=1 shows what the processes of a benchmark say.');

function add(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .addOption(new Option('--quick', 'a smoke run of seconds: the figures mean little').default(false))
    .addOption(new Option('--json <file>', 'write the figures there too'))
    .addOption(
      new Option('--port <number>', 'first of the loopback ports to use')
        .argParser(wholeNumber)
        .default(18_100),
    );
}

function number(flags: string, description: string, preset: number): Option {
  return new Option(flags, description).argParser(wholeNumber).default(preset);
}

function numbers(flags: string, description: string, preset: number[]): Option {
  return new Option(flags, `${description}, with commas between`)
    .argParser((text: string) => {
      const values = text.split(',').map(wholeNumber);
      if (values.includes(0)) throw new InvalidArgumentError('numbers from 1 on are wanted');
      return values;
    })
    .default(preset, preset.join(','));
}

function graphKept(): Option {
  return new Option(
    '--graph <folder>',
    'keep the imported graph there; later runs with the same numbers copy it',
  );
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is wanted');
  return value;
}

interface Common {
  json?: string;
}

/** Runs one benchmark to its printed end; the exit code is 1 when the result is wrong or something broke. */
async function report(options: Common, bench: () => Promise<Result>): Promise<void> {
  const machine = await describeMachine();
  process.stdout.write(`${machineLine(machine)}\n`);
  try {
    const result = await bench();
    process.stdout.write(`${printResult(result)}`);
    if (options.json !== undefined)
      await writeFile(options.json, `${JSON.stringify({ machine, ...result }, null, 2)}\n`);
    if (result.wrong.length > 0) process.exitCode = 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env['BENCH_VERBOSE']) console.error(error);
    process.exitCode = 1;
  }
  await runEnd();
  process.exit();
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write('\nstopping\n');
    void runEnd().then(() => process.exit(130));
  });
}

add('check', 'plants faults in a stand-in server and sees that the load clients find each').action(
  (options) => report(options, async () => (await import('./check.ts')).check(options)),
);

add('post', 'durable posts acknowledged per second, into the core and through HTTP, beside bare lmdb')
  .addOption(number('--authors <n>', 'authors at once', 1000))
  .addOption(number('--seconds <n>', 'length of a round', 10))
  .addOption(number('--rounds <n>', 'rounds of each side, in turns', 3))
  .addOption(number('--gateways <n>', 'gateway processes', 1))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./post.ts')).post(options)));

/** `10x`: ten times what a peak was: 350 posts a second. */
function rate(text: string): number {
  const times = /^(\d+)x$/.exec(text)?.[1];
  return times === undefined ? wholeNumber(text) : Number(times) * peakRate;
}

const peakRate = 350;

function peers(text: string): PeerName[] {
  const named = text === '' ? [] : text.split(',');
  const unknown = named.find((name) => !peerNames.some((known) => known === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`peers are ${peerNames.join(', ')}`);
  return peerNames.filter((name) => named.includes(name));
}

add(
  'deliver',
  'from author to followers: latency, losses and CPU, beside bare uWebSockets.js, ws and Socket.IO',
)
  .addOption(graphKept())
  .addOption(number('--users <n>', 'connected users', 10_000))
  .addOption(number('--followers <n>', 'followers of each', 120))
  .addOption(
    new Option('--rate <n>', 'posts per second; 10x is ten times 350').argParser(rate).default(peakRate),
  )
  .addOption(number('--seconds <n>', 'length of a round', 60))
  .addOption(number('--rounds <n>', 'rounds of each side, in turns', 3))
  .addOption(number('--gateways <n>', 'gateway processes', 1))
  .addOption(
    new Option('--form <form>', 'what our sockets speak').choices(['json', 'compact']).default('json'),
  )
  .addOption(
    new Option('--peers <names>', `measured in turns with ours, of ${peerNames.join(', ')}; none: ""`)
      .argParser(peers)
      .default(['send'], 'send'),
  )
  .addOption(number('--drain <s>', 'after the posts of a round: so long for what is on its way', 60))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./deliver.ts')).deliver(options)));

add('connections', 'many live connections at once: what each costs, how late posts come, whether all do')
  .argument(
    '[url]',
    'of a server that runs, as ws://127.0.0.1:8080; without it, a server is started for this',
  )
  .addOption(numbers('--steps <list>', 'without url: connections in all, one step after the other', [20_000]))
  .addOption(graphKept())
  .addOption(
    number('--users <n>', 'without url: people there are, connected or not; 0: as many as the last step', 0),
  )
  .addOption(number('--followees <n>', 'without url: of each', 20))
  .addOption(number('--gateways <n>', 'without url: gateway processes; 0: as many as are needed', 0))
  .addOption(number('--hold <n>', 'without url: seconds for which the last step is held under posts', 60))
  .addOption(number('--rate <n>', 'without url: deliveries a second that the posts make', 10_000))
  .addOption(new Option('--tokens <file>', 'with url: an access token a line; - for stdin'))
  .addOption(
    new Option(
      '--data <folder>',
      'with url: its data folder, when it runs here: for its memory, and for tokens',
    ),
  )
  .addOption(new Option('--handles <file>', 'with --data: whose tokens, a handle a line'))
  .addOption(
    new Option('--connections <n>', 'with url: how many (default: one a token)').argParser(wholeNumber),
  )
  .addOption(
    new Option('--share-tokens', 'with url: several connections a token, where there are too few').default(
      false,
    ),
  )
  .addOption(number('--posts <n>', 'with url: posts, through some of the tokens', 10))
  .addOption(number('--seconds <n>', 'with url: over which they are spread', 60))
  .addOption(
    new Option('--no-check', 'with url: do not ask who follows whom, and do not judge who received what'),
  )
  .addOption(new Option('--compact', 'the subprotocol murmuration.compact.v1').default(false))
  .addOption(
    new Option('--token-in <where>', 'where the token stands').choices(['header', 'query']).default('header'),
  )
  .addOption(number('--opening <n>', 'handshakes under way at once', 512))
  .addOption(number('--open-rate <n>', 'handshakes begun a second, at most; 0: no limit', 0))
  .addOption(
    new Option('--sources <list>', 'addresses of this machine to connect from, with commas')
      .argParser((text) => text.split(','))
      .default([], 'the usual one; 127.0.0.2 and above to loopback'),
  )
  .addOption(
    new Option('--client <kind>', 'the load client')
      .choices(['auto', 'c', 'net'])
      .default('auto', 'C where there is a compiler'),
  )
  .addOption(
    new Option(
      '--a-process <n>',
      'connections a client process (default: what its open files allow)',
    ).argParser(wholeNumber),
  )
  .addOption(new Option('--plot <file>', 'draw connections, memory and latencies there, as SVG'))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((url, options) =>
    report(options, async () => (await import('./connections.ts')).connections(url, options)),
  );

add('home', 'home timelines read per second, warm and after a restart, beside Fastify with Redis')
  .addOption(graphKept())
  .addOption(number('--users <n>', 'users', 10_000))
  .addOption(number('--followees <n>', 'followees of each', 120))
  .addOption(number('--posts-each <n>', 'posts of each', 5))
  .addOption(number('--readers <n>', 'connections, each reading again as soon as it is answered', 64))
  .addOption(number('--seconds <n>', 'length of a round', 10))
  .addOption(number('--rounds <n>', 'rounds of each side, in turns', 3))
  .addOption(number('--gateways <n>', 'gateway processes', 1))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./home.ts')).home(options)));

add('actors', 'messages per second and bytes an awake user, beside bare nact')
  .addOption(number('--actors <n>', 'actors', 10_000))
  .addOption(number('--seconds <n>', 'length of a measurement', 5))
  .addOption(number('--rounds <n>', 'rounds of each side, in turns', 5))
  .action((options) => report(options, async () => (await import('./actors.ts')).actors(options)));

add('recover', 'kill -9 of the core under load: time to the first answer, and posts lost')
  .addOption(new Option('--follows <file>', 'import this graph instead of a sample'))
  .addOption(new Option('--texts <path>', 'with --follows: texts for the imported posts'))
  .addOption(number('--sample <n>', 'people of the sample', 10_000))
  .addOption(number('--rate <n>', 'posts per second meanwhile', 200))
  .addOption(number('--rounds <n>', 'kills', 3))
  .addOption(number('--gateways <n>', 'gateway processes', 1))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./recover.ts')).recover(options)));

add(
  'cluster',
  'what a post costs on 1, 2 and 3 cores; adding one; kill -9 of one of three: time to write, read, hear',
)
  .addOption(number('--users <n>', 'connected users', 1_000))
  .addOption(number('--followers <n>', 'followers of each', 20))
  .addOption(number('--rate <n>', 'posts per second, over all gateways', 50))
  .addOption(number('--seconds <n>', 'length of a round of posts', 15))
  .addOption(number('--rounds <n>', 'rounds of posts on each size', 3))
  .addOption(number('--posts-each <n>', 'posts of each there are before', 20))
  .addOption(number('--kills <n>', 'kills of a machine, and as many of a core alone', 6))
  .addOption(number('--probes <n>', 'accounts probed at a kill, at most', 100))
  .addOption(number('--gateways <n>', 'gateway processes a machine', 1))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./cluster.ts')).cluster(options)));

add('mixed', 'stalled and slow readers, one author whom all follow: memory, event loops, what others notice')
  .addOption(graphKept())
  .addOption(number('--users <n>', 'connected users', 10_000))
  .addOption(number('--followers <n>', 'followers of each', 10))
  .addOption(number('--rate <n>', 'posts per second', 1000))
  .addOption(number('--star-rate <n>', 'of these, by the one whom all follow', 1))
  .addOption(number('--seconds <n>', 'how long', 600))
  .addOption(number('--stalled <percent>', 'readers that never read', 1))
  .addOption(number('--slow <percent>', 'readers that read every two seconds', 10))
  .addOption(number('--gateways <n>', 'gateway processes', 1))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./mixed.ts')).mixed(options)));

add('storm', 'all gateways are killed at once: until everybody is back, and what they missed')
  .addOption(graphKept())
  .addOption(number('--clients <n>', 'connected users', 20_000))
  .addOption(number('--followers <n>', 'followers of each', 20))
  .addOption(number('--gateways <n>', 'gateway processes', 2))
  .addOption(number('--rate <n>', 'posts per second', 50))
  .addOption(number('--rounds <n>', 'storms', 3))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./storm.ts')).storm(options)));

add(
  'deploy',
  'the same bytes to many nodes on narrow uplinks, by the swarm and from one HTTP server; needs root',
)
  .addOption(numbers('--nodes <list>', 'how many nodes', [10, 30, 60]))
  .addOption(numbers('--mbit <list>', 'uplinks, Mbit/s; on all but the first, at most 30 nodes', [100, 25]))
  .addOption(number('--mb <n>', 'megabytes to each', 20))
  .addOption(number('--rounds <n>', 'rounds of the swarm', 3))
  .addOption(new Option('--simulate', 'no network, but thousands of nodes, simulated').default(false))
  .addOption(numbers('--sizes <list>', 'with --simulate: how many nodes', [10, 100, 1_000, 3_000, 10_000]))
  .addOption(new Option('--svg <file>', 'with --simulate: the drawing').default('build/bench/deploy.svg'))
  .addOption(number('--seed <n>', 'with --simulate: of all that is chance', 1))
  .action((options) =>
    report(options, async () =>
      options.simulate
        ? (await import('./deploy-simulate.ts')).simulateDeploys(options)
        : (await import('./deploy.ts')).deploy(options),
    ),
  );

add('caches', 'hit rates with zipf readers, when each cache may hold at most a tenth of its data')
  .addOption(graphKept())
  .addOption(number('--users <n>', 'accounts', 30_000))
  .addOption(number('--followees <n>', 'followees of each', 30))
  .addOption(number('--posts-each <n>', 'posts of each beforehand, on average', 3))
  .addOption(number('--tags <n>', 'tags that posts carry, a public page and a search each', 2_000))
  .addOption(number('--homes <n>', 'homes read per second', 500))
  .addOption(number('--pages <n>', 'tag pages and searches per second, without an account', 200))
  .addOption(number('--posts <n>', 'posts per second meanwhile', 50))
  .addOption(number('--idle <n>', 'seconds after which a home that nobody reads leaves the memory', 6))
  .addOption(number('--warm <n>', 'seconds before it is counted', 60))
  .addOption(number('--seconds <n>', 'seconds that are counted', 60))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./caches.ts')).cacheHits(options)));

add(
  'live-deploy',
  'deploys under live connections: behaviours, core and gateway; what clients notice; memory over many deploys in a row',
)
  .addOption(number('--nodes <n>', 'machines, each with a core and a gateway', 5))
  .addOption(number('--sockets <n>', 'connected users', 5_000))
  .addOption(number('--followers <n>', 'followers of each', 20))
  .addOption(number('--rate <n>', 'posts per second, over all gateways', 350))
  .addOption(number('--deploys <n>', 'deploys of behaviours in a row', 200))
  .addOption(number('--drain <n>', 'seconds over which old gateways are drained', 10))
  .addOption(number('--warm <n>', 'seconds of posts before anything is deployed', 60))
  .addOption(number('--seed <n>', 'of all that is chance', 1))
  .action((options) => report(options, async () => (await import('./live-deploy.ts')).liveDeploy(options)));

await program.parseAsync();
