// A machine of three is killed: how long until its accounts are written, read and pushed to again, and is everything acknowledged there?
import type { RingShown } from '../cluster/command-ring-drawing.ts';
import { type Machine, type Machines, serverOf } from './cluster-machines.ts';
import { type Acknowledged, Listener, newestUpTo, type Person, post, untilGiven } from './cluster-probes.ts';
import { withClock } from './progress.ts';
import { type Random, shuffled } from './random.ts';

export interface FailoverStage {
  people: Person[];
  /** Everybody follows them. */
  beacons: Person[];
  /** How many accounts are probed in a round, at most. */
  probes: number;
  random: Random;
  wrong: string[];
  /** Of all rounds, to be read back at the end. */
  acknowledged: Acknowledged[];
}

/** `machine`: everything of it. `core`: its core alone, which its agent starts again. */
export type Victim = 'machine' | 'core';

/** Of one round; each list has the milliseconds from the kill for every account that was probed. */
export interface FailoverRound {
  victim: string;
  /** The first write of it that was acknowledged. */
  writtenMs: number[];
  /** Its home, read as it should be. */
  readMs: number[];
  /** Its socket got a post that was made after the kill. */
  liveMs: number[];
}

interface Probe {
  person: Person;
  url: string;
  listener: Listener;
  /** Posted before the kill. */
  before: Acknowledged;
}

const beaconEveryMs = 50;
const patienceMs = 60_000;

export async function failover(
  stage: FailoverStage,
  machines: Machines,
  { victim: kind, number }: { victim: Victim; number: number },
): Promise<FailoverRound> {
  const victim = machines.list[number % machines.list.length];
  if (victim === undefined) throw new Error('there is no machine to kill');
  const others = machines.list.filter((machine) => machine !== victim);
  const name = `kill -9 of ${kind === 'machine' ? victim.name : `the core of ${victim.name}`}`;
  await machines.settled();
  const round = await withClock(name, 15, oneKill(stage, { machines, victim, others, kind, number, name }));
  if (kind === 'machine') await machines.startAgain(victim);
  return round;
}

interface Kill {
  machines: Machines;
  victim: Machine;
  others: Machine[];
  kind: Victim;
  number: number;
  name: string;
}

async function oneKill(stage: FailoverStage, kill: Kill): Promise<FailoverRound> {
  const { machines, victim, others, kind, number, name } = kill;
  const series = `${kind} r${number}`;
  const [asked] = others;
  if (asked === undefined) throw new Error('nobody would be left');
  const ring = await machines.ring(asked);
  const served = [...shuffled(stage.people.length, stage.random)]
    .flatMap((place) => stage.people[place] ?? [])
    .filter(({ handle }) => serverOf(ring, handle) === victim.name);
  const author = stage.beacons.find(({ handle }) => {
    const server = serverOf(ring, handle);
    return server !== undefined && server !== victim.name;
  });
  if (served.length === 0)
    throw new Error(`${name}: ${asked.name} knows nobody whom it serves (${shares(ring)})`);
  if (author === undefined) throw new Error(`${name}: others serve nobody whom all follow (${shares(ring)})`);
  const beacon = new Beacon(author, asked.server.url, series);
  const probes = await Promise.all(
    served.slice(0, stage.probes).map(async (person, place): Promise<Probe> => {
      const { url } = (others[place % others.length] ?? asked).server;
      const before = await untilGiven('a post before the kill', () => post(url, person, `${series} before`));
      stage.acknowledged.push(before.value);
      return { person, url, before: before.value, listener: await Listener.open(url, person, series) };
    }),
  );
  const sending = beacon.run();
  const isLive = (from: number): boolean =>
    probes.every(({ listener }) => listener.firstSince(from) !== undefined);
  await patiently(`${name}: all sockets hear before the kill`, () => isLive(0));

  const pid = await victim.server.corePid();
  const gone = kind === 'machine' ? victim.server.kill() : Promise.resolve(process.kill(pid, 'SIGKILL'));
  const killedMs = performance.now();
  const firstAfter = beacon.next;
  const [written, read] = await Promise.all([
    Promise.all(
      probes.map(({ person, url }) =>
        untilGiven(`${name}: a write`, () => post(url, person, `${series} after`)),
      ),
    ),
    Promise.all(probes.map((probe) => rightRead(stage, probe, name))),
    gone,
  ]);
  stage.acknowledged.push(...written.map(({ value }) => value));
  await patiently(`${name}: all sockets hear again`, () => isLive(firstAfter));
  beacon.stop();
  await sending;
  stage.acknowledged.push(...beacon.acknowledged.values());
  await checkHeard(stage, { probes, beacon, name });
  for (const { listener } of probes) listener.close();

  const since = (times: (number | undefined)[]): number[] =>
    times.map((atMs) => (atMs ?? Number.NaN) - killedMs);
  return {
    victim: victim.name,
    writtenMs: since(written.map(({ atMs }) => atMs)),
    readMs: since(read),
    liveMs: since(probes.map(({ listener }) => listener.firstSince(firstAfter))),
  };
}

function shares({ servers, names }: RingShown): string {
  const counts = new Map<string, number>();
  for (const server of servers) {
    const name = server === null ? 'nobody' : (names[String(server.node)] ?? 'a stranger');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, partitions]) => `${name} ${partitions}`).join(', ');
}

/** When the home of somebody who has read their own post before shows it again. An answer without it is wrong, not late. */
async function rightRead(
  stage: FailoverStage,
  { person, url, before }: Probe,
  name: string,
): Promise<number> {
  let wasWrong = false;
  const { atMs } = await untilGiven(`${name}: a right read`, async () => {
    const newest = await newestUpTo(url, person, before.id);
    if (newest?.id === before.id) return true;
    wasWrong ||= newest !== null;
    return null;
  });
  if (wasWrong) stage.wrong.push(`${name}: ${person.handle} did not find a post of their own in their home`);
  return atMs;
}

/** Each socket, never closed, must have heard everything that was acknowledged, in order; or have been told to read anew. */
async function checkHeard(
  { wrong }: FailoverStage,
  { probes, beacon, name }: { probes: readonly Probe[]; beacon: Beacon; name: string },
): Promise<void> {
  const missing = ({ listener }: Probe): number =>
    [...beacon.acknowledged.keys()].filter((number) => !listener.cameAtMs.has(number)).length;
  const isWhole = (probe: Probe): boolean => probe.listener.resyncs > 0 || missing(probe) === 0;
  const deadline = performance.now() + 15_000;
  while (!probes.every(isWhole) && performance.now() < deadline) await pause(50);
  for (const probe of probes) {
    const { listener, person } = probe;
    if (!isWhole(probe))
      wrong.push(
        `${name}: the socket of ${person.handle} missed ${missing(probe)} of ${beacon.acknowledged.size} posts`,
      );
    if (listener.isOutOfOrder) wrong.push(`${name}: the socket of ${person.handle} heard out of order`);
    if (listener.closed !== null)
      wrong.push(`${name}: the socket of ${person.handle} was closed (${listener.closed})`);
  }
}

/** Somebody whom the survivors serve and all probes follow, who posts a numbered series. */
class Beacon {
  /** The number of the next post. */
  next = 0;
  readonly acknowledged = new Map<number, Acknowledged>();
  readonly #author: Person;
  readonly #url: string;
  readonly #series: string;
  #isStopped = false;

  constructor(author: Person, url: string, series: string) {
    this.#author = author;
    this.#url = url;
    this.#series = series;
  }

  async run(): Promise<void> {
    while (!this.#isStopped) {
      const number = this.next++;
      const text = `${this.#series} n${number}`;
      const { value } = await untilGiven('a post of the beacon', () => post(this.#url, this.#author, text));
      this.acknowledged.set(number, value);
      await pause(beaconEveryMs);
    }
  }

  /** `run` ends after the post that is under way. */
  stop(): void {
    this.#isStopped = true;
  }
}

async function patiently(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within a minute`);
    await pause(5);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
