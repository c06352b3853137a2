// Arrays that grow by little: an engine that is left to it makes room for half as many again and sixteen more, twice what a list of twenty needs.

/** Room is made for so many more, or for an eighth of what there is. */
const leastRoom = 4;

/** Lengths at which an array that has only grown by `appended` is full. */
const full = new Set<number>();
for (let length = 1; length < 2 ** 31; length += roomFor(length)) full.add(length);

/**
 * The array with one more at its end: the same array, or a copy with room for more, which takes its place. Only how much memory it takes depends on
 * when it was copied.
 */
export function appended<T>(array: T[], item: T): T[] {
  const { length } = array;
  if (!full.has(length)) {
    array.push(item);
    return array;
  }
  // V8 keeps the room of an array that is made shorter by less than a half.
  const copy = new Array<T>(length + roomFor(length));
  for (let place = 0; place < length; place++) copy[place] = array[place] as T;
  copy.length = length;
  copy.push(item);
  return copy;
}

function roomFor(length: number): number {
  return Math.max(leastRoom, length >> 3);
}
