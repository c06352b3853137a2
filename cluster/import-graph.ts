// The graph of an import in memory: names once, follows as numbers, sorted. Where the pairs come from is import-pairs.ts's.
import { CommandFault } from './command-fault.ts';
import { handleOf } from './import-handle.ts';

export interface Graph {
  /** Each account once; its place is its number below. */
  handles: string[];
  /** Whom account `n` follows: `targets[starts[n]]` to `targets[starts[n + 1]]`, excluded, ascending. */
  starts: Uint32Array;
  targets: Uint32Array;
}

export interface PairStore {
  add(first: string, second: string): void;
  readonly selfFollows: number;
  /** Pairs that stand there again, and pairs that also stand there the other way round. Call when all are added. */
  close(): { repeated: number; reversed: number };
  graph(direction: { isMutual: boolean; isSwapped: boolean }): Graph;
}

/** Two numbers of 26 bits in one double: sorted by the first, then the second. */
const most = 2 ** 26;
const mostPairs = 100_000_000;

/** Handles that differ only in case are one account. */
export function pairStore(): PairStore {
  const numbers = new Map<string, number>();
  const handles: string[] = [];
  let keys: Float64Array = new Float64Array(1024);
  let count = 0;
  let selfFollows = 0;

  function numberOf(name: string): number {
    const handle = handleOf(name);
    const identity = handle.toLowerCase();
    const known = numbers.get(identity);
    if (known !== undefined) return known;
    const next = handles.length;
    if (next >= most) throw tooLarge();
    numbers.set(identity, next);
    handles.push(handle);
    return next;
  }

  return {
    add(first, second) {
      const one = numberOf(first);
      const other = numberOf(second);
      if (one === other) {
        selfFollows++;
        return;
      }
      if (count === mostPairs) throw tooLarge();
      if (count === keys.length) {
        const larger = new Float64Array(keys.length * 2);
        larger.set(keys);
        keys = larger;
      }
      keys[count++] = one * most + other;
    },
    get selfFollows() {
      return selfFollows;
    },
    close() {
      const distinct = sortedOnce(keys.subarray(0, count));
      const repeated = count - distinct.length;
      keys = distinct;
      count = distinct.length;
      return { repeated, reversed: countReversed(distinct) };
    },
    graph({ isMutual, isSwapped }) {
      const given = keys.subarray(0, count);
      if (isMutual) {
        const both = new Float64Array(count * 2);
        both.set(given);
        both.set(given.map(reverse), count);
        return graphOf(handles, sortedOnce(both));
      }
      return graphOf(handles, isSwapped ? given.map(reverse).sort() : given);
    },
  };
}

/** The `count` accounts with the most follows in and out, and the follows among them. Ties go to who was named first. */
export function best(graph: Graph, count: number): Graph {
  const { handles, starts, targets } = graph;
  if (count >= handles.length) return graph;
  const ties = new Uint32Array(handles.length);
  for (let account = 0; account < handles.length; account++) {
    for (const target of targetsOf(graph, account)) {
      ties[account] = (ties[account] ?? 0) + 1;
      ties[target] = (ties[target] ?? 0) + 1;
    }
  }
  const order = Array.from(handles.keys()).sort((a, b) => (ties[b] ?? 0) - (ties[a] ?? 0) || a - b);
  const chosen = order.slice(0, count).sort((a, b) => a - b);
  const renumbered = new Map(chosen.map((old, now) => [old, now]));
  const keys: number[] = [];
  for (const [now, old] of chosen.entries()) {
    for (let at = starts[old] ?? 0; at < (starts[old + 1] ?? 0); at++) {
      const target = renumbered.get(targets[at] ?? 0);
      if (target !== undefined) keys.push(now * most + target);
    }
  }
  return graphOf(
    chosen.map((old) => handles[old] ?? ''),
    Float64Array.from(keys),
  );
}

export function targetsOf({ starts, targets }: Graph, account: number): Uint32Array {
  return targets.subarray(starts[account] ?? 0, starts[account + 1] ?? 0);
}

/** `keys` are sorted, each once. */
export function graphOf(handles: string[], keys: Float64Array): Graph {
  const starts = new Uint32Array(handles.length + 1);
  const targets = new Uint32Array(keys.length);
  for (const [at, key] of keys.entries()) {
    const follower = Math.floor(key / most);
    starts[follower + 1] = (starts[follower + 1] ?? 0) + 1;
    targets[at] = key % most;
  }
  for (let account = 0; account < handles.length; account++) {
    starts[account + 1] = (starts[account + 1] ?? 0) + (starts[account] ?? 0);
  }
  return { handles, starts, targets };
}

/** Of follows as `[follower, followee]` numbers, in any order. */
export function graphOfFollows(handles: string[], follows: Iterable<readonly [number, number]>): Graph {
  return graphOf(
    handles,
    sortedOnce(Float64Array.from(follows, ([follower, followee]) => follower * most + followee)),
  );
}

function reverse(key: number): number {
  return (key % most) * most + Math.floor(key / most);
}

function sortedOnce(keys: Float64Array): Float64Array {
  const sorted = keys.slice().sort();
  let kept = 0;
  for (const key of sorted) {
    if (kept === 0 || key !== sorted[kept - 1]) sorted[kept++] = key;
  }
  return sorted.slice(0, kept);
}

/** Pairs of which the other way round is there, too; each such couple counts once. */
function countReversed(sorted: Float64Array): number {
  let reversed = 0;
  for (const key of sorted) {
    const twin = reverse(key);
    if (twin > key && hasKey(sorted, twin)) reversed++;
  }
  return reversed;
}

function hasKey(sorted: Float64Array, key: number): boolean {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const found = sorted[middle] ?? 0;
    if (found === key) return true;
    if (found < key) from = middle + 1;
    else to = middle;
  }
  return false;
}

function tooLarge(): CommandFault {
  return new CommandFault(
    `The file is too large: at most ${most.toLocaleString('en')} people and ${mostPairs.toLocaleString('en')} follows.`,
  );
}
