// A value that can be watched, and the hook that draws a component anew when it changes.
import { useLayoutEffect, useState } from 'preact/hooks';

export interface Store<T> {
  get(): T;
  set(value: T): void;
  /** Calls back after each change, until the returned function is called. */
  watch(listener: () => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let current = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => current,
    set: (value) => {
      if (Object.is(value, current)) return;
      current = value;
      for (const listener of [...listeners]) listener();
    },
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  const [, draw] = useState<unknown>(null);
  const value = store.get();
  useLayoutEffect(() => store.watch(() => draw({})), [store]);
  useLayoutEffect(() => {
    // It may have changed between drawing and watching.
    if (!Object.is(store.get(), value)) draw({});
  });
  return value;
}
