// Who follows whom in a sample: few are followed by very many, most by a few, as in the graphs of real networks.
import { type Graph, graphOfFollows } from './import-graph.ts';
import { heavyTailed, seededChance } from './sample-chance.ts';

/** How many an account follows, on average (fewer when there are fewer others). */
const meanFollows = 25;
const mostFollows = 2_000;
/** How likely a follow is returned. */
const returned = 0.25;
/** The n-th most popular account draws followers in proportion to (n + 3)^-0.75. */
const popularityExponent = 0.75;

/** The same seed and handles give the same graph. Account 0 is the most popular one. */
export function sampleGraph(handles: string[], seed: string): Graph {
  const chance = seededChance(`graph ${seed}`);
  const count = handles.length;
  const sums = new Float64Array(count);
  let sum = 0;
  for (let account = 0; account < count; account++) {
    sum += (account + 3) ** -popularityExponent;
    sums[account] = sum;
  }
  const follows: [number, number][] = [];
  const most = Math.min(mostFollows, count - 1);
  for (let follower = 0; follower < count; follower++) {
    const wanted = most === 0 ? 0 : heavyTailed(chance, Math.min(meanFollows, most / 2 + 1), most);
    const chosen = new Set<number>();
    // Popular ones are drawn again and again: after so many draws we have the ones that matter.
    for (let draws = 0; chosen.size < wanted && draws < wanted * 4; draws++) {
      const target = firstAbove(sums, chance() * sum);
      if (target !== follower) chosen.add(target);
    }
    for (const target of chosen) {
      follows.push([follower, target]);
      if (chance() < returned) follows.push([target, follower]);
    }
  }
  return graphOfFollows(handles, follows);
}

/** The first place whose sum is above `value`. */
function firstAbove(sums: Float64Array, value: number): number {
  let from = 0;
  let to = sums.length - 1;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sums[middle] ?? 0) > value) to = middle;
    else from = middle + 1;
  }
  return from;
}
