// A wait that has an end.

/** What `done` gives within `ms`, or else `late`. Rejects as `done` does. */
export async function inTime<T, L>(done: Promise<T>, ms: number, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<L>((resolve) => {
    timer = setTimeout(() => resolve(late), ms);
  });
  try {
    return await Promise.race([done, end]);
  } finally {
    clearTimeout(timer);
  }
}
