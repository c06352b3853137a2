// `bench connections` without an address: its own server, its own people, more connections step by step.
import { atEnd } from './cleanup.ts';
import { makeHome } from './connections-home.ts';
import { requireLimits } from './connections-limits.ts';
import { metricsOf, untilAllLive } from './connections-live.ts';
import { crowdOf, type Ground, type Run } from './connections-run.ts';
import { measureBare, runStep, type Step } from './connections-step.ts';
import { watchCrowd } from './connections-watch.ts';
import { count } from './figures.ts';
import { requireFree } from './ports.ts';
import { makeTexts } from './posts.ts';
import { withClock } from './progress.ts';
import { seeded } from './random.ts';
import { type Server, startServer } from './server.ts';

/** So many connections a gateway, on average: chance gives some a little more, and each has 20,000 files. */
const connectionsAGateway = 18_500;
/** A ping costs both ends as much as a short post: a million of them in 30 s is more than two processors can do. */
const pingsPerSecond = 2000;
const usualPingS = 30;
const mostPingS = 900;
const gatewaysWithinMs = 300_000;
const liveWithinMs = 300_000;

export async function toOwnServer(ground: Ground): Promise<Run> {
  const { options, folder } = ground;
  const { steps: ascending, port, followees, seed } = options;
  const steps = [...new Set(ascending)].sort((a, b) => a - b);
  const most = steps.at(-1) ?? 0;
  const users = options.users || most;
  if (users < most) throw new Error(`--users ${users} are fewer than the ${most} of the last step`);
  const gateways = options.gateways || Math.ceil(most / connectionsAGateway);
  requireLimits({
    connections: most,
    targets: [`127.0.0.1:${port}`],
    sources: options.sources,
    isLocal: true,
  });
  await requireFree(port);
  const { graph, tokens, dataFolder } = await makeHome({ users, followees, seed }, folder, options.graph);
  const pingS = Math.min(mostPingS, Math.max(usualPingS, Math.ceil(most / pingsPerSecond)));
  const more = ['--ping', String(pingS)];
  const server = await withClock(
    `starting ${gateways} gateways`,
    gateways,
    startServer({ dataFolder, port, gateways, healthyWithinMs: gatewaysWithinMs * 2, more }).then(
      async (started) => {
        await allGateways(started, gateways);
        return started;
      },
    ),
  );
  const crowd = crowdOf(ground, [server.target], '/api/v1/streaming?stream=user');
  const bare = measureBare(holdersOf(server));
  const watching = watchCrowd(crowd, bare.serverPids);
  const takeBack = atEnd(() => watching.stop());
  const seqs = new Map<number, number>();
  const texts = makeTexts(64, 100, seeded(seed));
  const done: Step[] = [];
  for (const [nth, size] of steps.entries()) {
    const from = crowd.size;
    const isLast = nth === steps.length - 1;
    const hearersOf = (author: number): number[] =>
      [...graph.followersOf(author), author].filter((user) => user < size);
    const reach =
      graph.speakers.reduce((sum, speaker) => sum + hearersOf(speaker).length, 0) / graph.speakers.length;
    const step = await runStep({
      crowd,
      tokens: tokens.slice(from, size),
      bare,
      during(opened) {
        watching.connections = from + opened;
      },
      live: () => untilAllLive(server.url, liveWithinMs),
      speaking: {
        name: `${count(size)} connections, posts to all`,
        url: server.url,
        texts,
        authors: graph.speakers,
        tokenOf: (author) => tokens[author] ?? '',
        hearersOf,
        seqs,
        ratePerSecond: options.rate / reach,
        posts: graph.speakers.length,
        seconds: isLast ? options.hold : 0,
      },
    });
    watching.connections = step.held;
    done.push(step);
  }
  watching.stop();
  takeBack();
  await crowd.close();
  await server.stop();
  return {
    name: `${done.map(({ asked }) => count(asked)).join(', ')} people${users > most ? ` of ${count(users)}` : ''} with ${followees} followees each, ${gateways} gateways${options.compact ? ', compact' : ''}; silent ones pinged every ${pingS} s; the last held ${count(options.hold)} s`,
    bare,
    steps: done,
    moments: watching.moments,
    rows: [],
    figures: { gateways },
    wrong: done.flatMap(wrongOf),
  };
}

/** What posts showed, and that every connection heard one. */
function wrongOf({ spoken, asked, held }: Step): string[] {
  const unheard = asked - spoken.heard;
  const told = [...spoken.wrong];
  if (unheard > 0) told.push(`${count(unheard)} of ${count(asked)} connections received no post at all`);
  if (held < asked && told.length === 0)
    told.push(`${count(asked - held)} of ${count(asked)} connections are not there`);
  return told;
}

/** The processes that connections are in: the core and the gateways, not the agent that started them. */
function holdersOf(server: Server): number[] {
  return server
    .processes()
    .flatMap(({ pid, command }) => (/\b(core|gateway)\.mjs/.test(command) ? [pid] : []));
}

/** A gateway that comes late would get fewer connections than the others: all of them must serve first. */
async function allGateways(server: Server, gateways: number): Promise<void> {
  const untilMs = performance.now() + gatewaysWithinMs;
  for (;;) {
    const text = await metricsOf(server.url);
    const up = new Set(text.match(/process="gateway-\d+"/g));
    if (up.size >= gateways) return;
    if (performance.now() > untilMs)
      throw new Error(`only ${up.size} of ${gateways} gateways came up within five minutes`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
