// Ctrl-C, and what else asks a program to end: once it is asked, and again when the first time was not enough.

export interface StopAsked {
  /** Resolves when it is asked. */
  whenAsked: Promise<void>;
  readonly isAsked: boolean;
  /** Listens no more. */
  end(): void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The second signal ends the process at once. */
export function listenForStop(): StopAsked {
  let isAsked = false;
  let resolve = (): void => {};
  const whenAsked = new Promise<void>((settle) => {
    resolve = settle;
  });
  const onSignal = (): void => {
    if (isAsked) process.exit(130);
    isAsked = true;
    resolve();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    whenAsked,
    get isAsked() {
      return isAsked;
    },
    end() {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
