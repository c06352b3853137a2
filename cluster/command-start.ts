// `murmuration start`: options, data folder, release, agent, and what the signals mean.
import { hostname } from 'node:os';
import { Command } from 'commander';
import { pino } from 'pino';
import { z } from 'zod';
import { type Agent, createAgent } from './agent.ts';
import { openClusterPlace } from './agent-cluster-place.ts';
import { openDataFolder } from './agent-data-folder.ts';
import { type Deploys, deployedBefore, openDeploys } from './agent-deploys.ts';
import { lockDataFolder } from './agent-lock.ts';
import { builtRelease, givenRelease, markUsed } from './agent-release.ts';
import {
  addressesText,
  dataOption,
  folderText,
  gatewaysText,
  logLevelText,
  matching,
  option,
  readOptions,
  rolesText,
  usageFault,
  whole,
} from './command-options.ts';
import { showProgress } from './command-progress.ts';
import { rateText } from './command-rate.ts';
import { greeting } from './command-start-greeting.ts';
import { mostGateways, planGateways } from './gateway-number.ts';
import { weightMost } from './invite-admission.ts';
import { machineFacts } from './machine-facts.ts';
import {
  type CoreSettings,
  type LogLevel,
  proxyAddress,
  publicUrl,
  type RateLimit,
  type TrustedProxy,
} from './settings.ts';
import { packageRoot, packageVersion } from './version-of-package.ts';

/** Requests are counted in windows of this length. */
const rateWindowS = 300;
/** With more than these it is said how far their start is. */
const fewGateways = 4;

const addressText = z.string().regex(/^[0-9A-Za-z.:_%-]{1,255}$/, 'must be an address or a host name');

const startOptions = z.object({
  data: folderText,
  port: whole(0, 65_535),
  host: addressText,
  gateways: gatewaysText,
  mostConnections: whole(1, 10_000_000).optional(),
  gatewayCache: whole(1, 1_000_000).optional(),
  ping: whole(4, 900),
  idCache: whole(1_000, 1_000_000_000).optional(),
  publicUrl: matching(publicUrl, 'must be a scheme and a host, such as https://example.org')
    .optional()
    .transform((url) => url ?? null),
  trustedProxy: z
    .string()
    .transform(readProxies)
    .refine((list) => list !== undefined, 'must be addresses or networks with commas between them, or "all"')
    .transform((list): TrustedProxy => list ?? false)
    .optional()
    .transform((list) => list ?? false),
  logLevel: logLevelText,
  rateLimit: whole(0, 1_000_000_000),
  signUps: whole(0, 1_000_000_000),
  release: folderText.optional(),
  idleActor: whole(1, 86_400),
  minFree: whole(0, 90),
  name: z.string().min(1).max(100),
  machine: z.string().min(1).max(64),
  join: z.string().min(1).max(10_000).optional(),
  roles: rolesText.optional(),
  clusterHost: addressText.optional(),
  clusterPort: whole(0, 65_535).optional(),
  capacity: whole(1, weightMost).optional(),
  swarmPort: whole(0, 65_535).optional(),
  swarmDoor: z.boolean().optional(),
  dhtEntry: addressesText.optional(),
  upRate: rateText.optional(),
  downRate: rateText.optional(),
  drain: whole(0, 3600),
});

/** Undefined when it is no such list. */
function readProxies(text: string): TrustedProxy | undefined {
  if (text === 'all') return true;
  if (text === '' || text === 'none') return false;
  return z
    .array(proxyAddress)
    .min(1)
    .max(100)
    .safeParse(text.split(',').map((part) => part.trim())).data;
}

export function startCommand(): Command {
  const command = new Command('start')
    .description('start the server: an agent, a core and its gateways. Ctrl-C or SIGTERM stops it')
    .addOption(dataOption())
    .addOption(option('--port <N>', 'the port people connect to; 0 takes any that is free', '8080'))
    .addOption(
      option(
        '--host <ADDRESS>',
        'the address to listen on; 0.0.0.0 (or ::) lets other machines in',
        '127.0.0.1',
      ),
    )
    .addOption(
      option(
        '--gateways <N>',
        `gateway processes that share the port, 1 to ${mostGateways}; auto: one for each processor, less one`,
        '1',
      ),
    )
    .addOption(
      option(
        '--most-connections <N>',
        'connections a gateway holds at most (default: as its open files and the memory allow)',
      ),
    )
    .addOption(
      option('--gateway-cache <MIB>', 'posts and people that a gateway remembers, in MiB (default: 176)'),
    )
    .addOption(
      option(
        '--ping <S>',
        'seconds after which a silent stream is pinged; longer where there are hundreds of thousands, shorter than what proxies allow',
        '30',
      ),
    )
    .addOption(option('--id-cache <IDS>', 'ids of newest posts that the core remembers (default: 4,000,000)'))
    .addOption(
      option(
        '--public-url <URL>',
        'the address people see, such as https://example.org (default: as they ask)',
      ),
    )
    .addOption(
      option(
        '--trusted-proxy <LIST>',
        'proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks with commas between, or "all"',
      ),
    )
    .addOption(option('--log-level <LEVEL>', 'fatal, error, warn, info, debug, trace or silent', 'info'))
    .addOption(
      option(
        '--rate-limit <N>',
        `requests a token may make in ${rateWindowS / 60} minutes; 0: no limit`,
        '300',
      ),
    )
    .addOption(
      option(
        '--sign-ups <N>',
        'new accounts (and new apps) an address may make in an hour; 0: no limit',
        '60',
      ),
    )
    .addOption(
      option(
        '--release <DIR>',
        'run this built release until another is deployed (default: build this checkout)',
      ),
    )
    .addOption(option('--idle-actor <SECONDS>', 'put a user to sleep after so long without a message', '600'))
    .addOption(option('--min-free <PERCENT>', 'accept only deletes with less of the disk free', '5'))
    .addOption(option('--name <NAME>', 'the name of this machine in logs and status', hostname()))
    .addOption(
      option('--join <LINE>', 'join the cluster that this invite is for (made by "murmuration invite")'),
    )
    .addOption(
      option('--roles <LIST>', 'what this machine does: gateway, core or both (default: all it may)'),
    )
    .addOption(
      option(
        '--cluster-host <ADDRESS>',
        'the address at which other machines reach this one (default: --host)',
      ),
    )
    .addOption(
      option(
        '--cluster-port <N>',
        'the port for other machines, TCP and UDP (default: the port after --port, or any that is free)',
      ),
    )
    .addOption(option('--capacity <WEIGHT>', 'how much this core takes, beside others of 100 (default: 100)'))
    .addOption(
      option(
        '--machine <NAME>',
        'what fails together: no account has two copies on cores of one machine',
        hostname(),
      ),
    )
    .addOption(
      option(
        '--swarm-port <N>',
        'the TCP port by which releases come and go (default: the port after the cluster port, or any that is free)',
      ),
    )
    .addOption(option('--swarm-door', 'let standard BitTorrent clients find releases by their DHT, too'))
    .addOption(option('--dht-entry <HOST:PORT,...>', 'with --swarm-door: nodes of their DHT to begin with'))
    .addOption(option('--up-rate <BYTES>', 'of releases, send at most this a second: 500K, 20M'))
    .addOption(option('--down-rate <BYTES>', 'of releases, receive at most this a second'))
    .addOption(
      option(
        '--drain <SECONDS>',
        'over how long connections are moved when gateways change their code',
        '30',
      ),
    );
  return command.action(async () => {
    const options = readOptions(command, startOptions);
    if (options.dhtEntry !== undefined && options.swarmDoor !== true)
      throw usageFault(command, '--dht-entry is for --swarm-door: without it standard clients take no part');
    await runServer(options);
  });
}

type StartOptions = z.infer<typeof startOptions>;

async function runServer(options: StartOptions): Promise<void> {
  const stop = watchSignals();
  const data = openDataFolder(options.data);
  const lock = await lockDataFolder(data);
  const log = agentLog(options.logLevel);
  const deployed = await deployedBefore({ data, root: packageRoot, agentVersion: packageVersion(), log });
  const release = deployed.release?.folder ?? (await releaseOf(options.release, () => {}));
  const place = await openClusterPlace({ ...options, data, release, log });
  const shared = {
    data,
    release,
    logLevel: options.logLevel,
    rateLimit: { requests: options.rateLimit, windowS: rateWindowS } satisfies RateLimit,
  };
  const core: CoreSettings = {
    ...shared,
    mode: 'serve',
    name: options.name,
    signUpsAnHour: options.signUps,
    idleActorS: options.idleActor,
    minFreePercent: options.minFree,
    ...(options.idCache === undefined ? {} : { idCache: options.idCache }),
    cluster: { host: place.host, port: place.port, advertise: null },
  };
  const { host, port, publicUrl, trustedProxy } = options;
  const hasCore = place.roles.includes('core');
  const opened: { deploys: Deploys | null } = { deploys: null };
  const plan = planGateways(
    { ...options, mostConnections: options.mostConnections ?? null, hasCore },
    machineFacts(),
  );
  if (plan.isBoundByMemory)
    log.warn(plan, 'there is less memory than open files: each gateway holds what is left for it');
  const mostConnections = plan.mostConnections === null ? {} : { mostConnections: plan.mostConnections };
  const niceness = plan.niceness === null ? {} : { niceness: plan.niceness };
  const cache = options.gatewayCache === undefined ? {} : { cacheMib: options.gatewayCache };
  const progress = plan.gateways > fewGateways ? showProgress('gateways') : null;
  const agent = createAgent(
    {
      command: 'start',
      data,
      release,
      otherReleases: deployed.release !== null || deployed.state.trial !== null ? 'adopted' : 'ended',
      crashed: (role, times) => opened.deploys?.crashed(role, times),
      core: hasCore ? core : null,
      gateway: {
        ...shared,
        ...mostConnections,
        ...niceness,
        ...cache,
        pingAfterS: options.ping,
        host,
        port,
        publicUrl,
        trustedProxy,
      },
      gateways: place.roles.includes('gateway') ? plan.gateways : 0,
      opened: (done, total) => progress?.update({ done, total, doing: 'Starting' }),
      clusterPort: hasCore ? place.port : null,
    },
    log,
  );
  const stopping = stop.attach(agent);
  try {
    // Gateways without a core beside them hear from the agent where cores are.
    if (!hasCore) place.cluster.run();
    const started = await agent.start();
    progress?.end();
    if (hasCore) place.cluster.run();
    opened.deploys = await openDeploys({
      ...deployed,
      root: packageRoot,
      started: release,
      agent,
      place,
      hasGateways: place.roles.includes('gateway'),
      swarmPort: options.swarmPort ?? place.port + 1,
      rates: { up: options.upRate ?? null, down: options.downRate ?? null },
      drainMs: options.drain * 1000,
      log,
    });
    console.log(greeting(started, { data, release, place }));
  } catch (error) {
    if (!stop.asked) {
      await place.cluster.close();
      throw error;
    }
  }
  const uses = setInterval(() => markUsed(release), 3_600_000);
  const killed = await stopping;
  clearInterval(uses);
  await opened.deploys?.close();
  await place.cluster.close();
  lock.release();
  if (killed.length > 0) console.log(`Had to be killed: ${killed.join(', ')}. Nothing acknowledged is lost.`);
  else console.log('Stopped.');
}

/** A built release, or one built now. */
export async function releaseOf(
  given: string | undefined,
  onProgress: (line: string) => void,
): Promise<string> {
  return given === undefined ? await builtRelease(packageRoot, onProgress) : await givenRelease(given);
}

/** Logs go to standard error, as those of the children do; what is meant for people goes to standard output. */
export function agentLog(level: LogLevel) {
  const destination = pino.destination({ dest: 2, sync: true });
  // Whoever read the log may be gone; the server is not for the log.
  destination.on('error', () => {});
  return pino({ level, base: { program: 'agent', pid: process.pid } }, destination);
}

/** npm passes a Ctrl-C on that the terminal has sent already: a second one this soon is the first. */
const sameSignalMs = 1_000;

/** The first signal stops cleanly; a later one ends all at once. */
function watchSignals() {
  let agent: Agent | null = null;
  let askedAtMs: number | null = null;
  let resolveStopped: (killed: string[]) => void = () => {};
  const stopped = new Promise<string[]>((resolve) => {
    resolveStopped = resolve;
  });

  function onSignal(signal: NodeJS.Signals): void {
    const nowMs = performance.now();
    if (askedAtMs === null) {
      askedAtMs = nowMs;
      const again = signal === 'SIGINT' ? ' (Ctrl-C again to stop at once)' : '';
      console.log(`Stopping: what was accepted is being finished${again} ...`);
      // Before there is an agent there is nothing to stop but ourselves.
      if (agent === null) process.exit(0);
      void agent.stop().then(resolveStopped);
    } else if (nowMs - askedAtMs > sameSignalMs) {
      console.log('Stopping at once. Nothing acknowledged is lost.');
      process.exitCode = 1;
      agent?.kill();
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return {
    get asked() {
      return askedAtMs !== null;
    },
    /** Resolves when the agent has been stopped by a signal. */
    attach(created: Agent): Promise<string[]> {
      agent = created;
      return stopped;
    },
  };
}
