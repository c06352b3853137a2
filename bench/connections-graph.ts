// Who follows whom in `bench connections`: everybody the same number, one of them a speaker, so that a few posts reach everybody.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { type Graph, neighbours, regularGraph } from './graph.ts';
import { seeded, shuffled } from './random.ts';

export interface SpokenGraph {
  readonly users: number;
  readonly followees: number;
  /** Users whom everybody else follows exactly one of, as one of their followees. */
  readonly speakers: readonly number[];
  /** Followers of any user, ascending. */
  followersOf(user: number): number[];
  /** Follower, followee. */
  edges(): Generator<[number, number]>;
}

export interface GraphWanted {
  users: number;
  followees: number;
  seed: number;
}

const usersASpeaker = 1_000;
const fewestSpeakers = 8;

/** The same wish gives the same graph. Throws a RangeError when there are too few users for so many followees. */
export function spokenGraph({ users, followees, seed }: GraphWanted): SpokenGraph {
  if (followees < 2)
    throw new RangeError('at least 2 followees each are wanted: a speaker and somebody else');
  if (users < 2 * fewestSpeakers) throw new RangeError(`at least ${2 * fewestSpeakers} users are wanted`);
  const random = seeded(seed);
  const circle = regularGraph(users, followees - 1, random);
  const howMany = Math.max(fewestSpeakers, Math.round(users / usersASpeaker));
  const speakers = Array.from({ length: howMany }, (_, nth) => Math.floor((nth * users) / howMany));
  const heard = listeners(circle, speakers, shuffled(users, random));
  const placeOf = new Map(speakers.map((speaker, place) => [speaker, place]));
  const listenersOf = (user: number): number[] => heard[placeOf.get(user) ?? -1] ?? [];
  return {
    users,
    followees,
    speakers,
    followersOf: (user) =>
      [...neighbours(circle.followers, circle.degree, user), ...listenersOf(user)].sort((a, b) => a - b),
    *edges() {
      for (const [at, followee] of circle.followees.entries())
        yield [Math.floor(at / circle.degree), followee];
      for (const speaker of speakers) for (const listener of listenersOf(speaker)) yield [listener, speaker];
    },
  };
}

/** To each speaker about as many listeners, none of whom follows that speaker already. */
function listeners(circle: Graph, speakers: readonly number[], order: Uint32Array): number[][] {
  const heard: number[][] = speakers.map(() => []);
  for (const [turn, user] of order.entries()) {
    const known = neighbours(circle.followees, circle.degree, user);
    const free = speakers.findIndex((_, tried) => {
      const speaker = speakers[(turn + tried) % speakers.length] ?? user;
      return speaker !== user && !known.includes(speaker);
    });
    if (free < 0)
      throw new RangeError(`too few users for so many followees: user ${user} follows every speaker`);
    heard[(turn + free) % speakers.length]?.push(user);
  }
  return heard;
}

/** A line each, with a header that says which way they point. */
export async function writeFollows(graph: SpokenGraph, file: string): Promise<void> {
  const out = createWriteStream(file);
  let lines = 'follower,followee\n';
  for (const [follower, followee] of graph.edges()) {
    lines += `${follower},${followee}\n`;
    if (lines.length < 1 << 16) continue;
    if (!out.write(lines)) await once(out, 'drain');
    lines = '';
  }
  out.end(lines);
  await once(out, 'close');
}
