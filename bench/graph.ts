// Who follows whom in a benchmark: a seeded random graph in which everybody has exactly the same number of followers and of followees.
import { writeFile } from 'node:fs/promises';
import { type Random, shuffled } from './random.ts';

export interface Graph {
  readonly users: number;
  readonly degree: number;
  /** followees[user * degree + i] */
  readonly followees: Uint32Array;
  /** followers[user * degree + i] */
  readonly followers: Uint32Array;
}

/** `degree` random permutations laid over each other, with swaps where one would make somebody follow themselves or twice. */
export function regularGraph(users: number, degree: number, random: Random): Graph {
  if (degree * 4 > users) throw new RangeError(`${users} users are too few for ${degree} followers each`);
  const followees = new Uint32Array(users * degree);
  const taken = (user: number, followee: number, upTo: number) => {
    if (user === followee) return true;
    for (let i = user * degree; i < user * degree + upTo; i++) if (followees[i] === followee) return true;
    return false;
  };
  for (let layer = 0; layer < degree; layer++) {
    const to = shuffled(users, random);
    for (let user = 0; user < users; user++) {
      while (taken(user, to[user] ?? 0, layer)) {
        const other = random.below(users);
        const mine = to[user] ?? 0;
        const theirs = to[other] ?? 0;
        // A later user may be left with a clash: their own turn comes. An earlier one must stay right.
        if (taken(user, theirs, layer) || (other < user && taken(other, mine, layer))) continue;
        to[user] = theirs;
        to[other] = mine;
      }
    }
    for (let user = 0; user < users; user++) followees[user * degree + layer] = to[user] ?? 0;
  }
  return { users, degree, followees, followers: turned(users, degree, followees) };
}

function turned(users: number, degree: number, followees: Uint32Array): Uint32Array {
  const followers = new Uint32Array(users * degree);
  const used = new Uint32Array(users);
  for (let edge = 0; edge < followees.length; edge++) {
    const followee = followees[edge] ?? 0;
    const place = used[followee] ?? 0;
    followers[followee * degree + place] = Math.floor(edge / degree);
    used[followee] = place + 1;
  }
  return followers;
}

export function neighbours(list: Uint32Array, degree: number, user: number): Uint32Array {
  return list.subarray(user * degree, (user + 1) * degree);
}

/** A line each: follower, followee. */
export async function writeEdges(graph: Graph, path: string): Promise<void> {
  const lines: string[] = ['follower,followee'];
  for (let edge = 0; edge < graph.followees.length; edge++) {
    lines.push(`${Math.floor(edge / graph.degree)},${graph.followees[edge]}`);
  }
  await writeFile(path, `${lines.join('\n')}\n`);
}
