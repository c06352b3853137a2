// Maps of which most users have none: an empty one of their own would cost 200 bytes each. All empty ones are the same, and cannot be changed.

export type SmallMap<K, V> = ReadonlyMap<K, V>;

const empty: SmallMap<unknown, unknown> = new Map();

export function noneOf<K, V>(): SmallMap<K, V> {
  return empty as SmallMap<K, V>;
}

/** That map with one more; the same map where it is somebody's own. */
export function withOne<K, V>(map: SmallMap<K, V>, key: K, value: V): SmallMap<K, V> {
  return ownOf(map).set(key, value);
}

/** That map without one. */
export function without<K, V>(map: SmallMap<K, V>, key: K): SmallMap<K, V> {
  if (map.has(key)) ownOf(map).delete(key);
  return map.size === 0 ? noneOf() : map;
}

/** To be changed at will: the same map, or a new one for what all share. */
export function ownOf<K, V>(map: SmallMap<K, V>): Map<K, V> {
  return map === empty ? new Map() : (map as Map<K, V>);
}

/** Of a map that somebody else may change. */
export function smallOf<K, V>(map: Map<K, V>): SmallMap<K, V> {
  return map.size === 0 ? noneOf() : map;
}
