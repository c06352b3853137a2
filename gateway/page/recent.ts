// A map of bounded size that forgets what was not used for longest.

export interface Recent<T> {
  /** What is kept under this key; made now if there is nothing. */
  of(key: string, make: () => T): T;
  clear(): void;
}

/** `forgotten` is told what is dropped. */
export function createRecent<T>(most: number, forgotten: (value: T) => void = () => {}): Recent<T> {
  const kept = new Map<string, T>();
  const drop = (key: string): void => {
    const value = kept.get(key);
    kept.delete(key);
    if (value !== undefined) forgotten(value);
  };
  return {
    of: (key, make) => {
      const value = kept.get(key) ?? make();
      kept.delete(key);
      kept.set(key, value);
      for (const oldest of kept.keys()) {
        if (kept.size <= most) break;
        drop(oldest);
      }
      return value;
    },
    clear: () => {
      for (const key of [...kept.keys()]) drop(key);
    },
  };
}
