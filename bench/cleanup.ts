// What must happen however a benchmark ends (done, broken, Ctrl-C): registered here, run last in first out.

type Action = () => void | Promise<void>;

const actions = new Set<Action>();
let ending: Promise<void> | null = null;

/** Registers; the returned function takes it back, for what ended in the ordinary way. */
export function atEnd(action: Action): () => void {
  actions.add(action);
  return () => actions.delete(action);
}

/** Runs every action, each at most once; a failing one is told on stderr and does not keep the others from running. */
export function runEnd(): Promise<void> {
  // Who is interrupted breaks as well: whoever comes second waits for the first, and only then ends the process.
  ending ??= runAll().finally(() => {
    ending = null;
  });
  return ending;
}

async function runAll(): Promise<void> {
  for (const action of [...actions].reverse()) {
    if (!actions.delete(action)) continue;
    try {
      await action();
    } catch (error) {
      process.stderr.write(`while cleaning up: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
}
