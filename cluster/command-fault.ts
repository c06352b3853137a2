// What a command refuses to do, as one line for the person who typed it. Printing it and the exit code are murmuration.ts's.

/** An expected failure: the message says what is wrong and what to do about it. Everything else that is thrown is a bug. */
export class CommandFault extends Error {
  override name = 'CommandFault';
  /** 1: it cannot be done; 2: it was asked for in the wrong way. */
  exitCode: 1 | 2;
  constructor(message: string, options: ErrorOptions & { exitCode?: 1 | 2 } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The `code` of a system error, or an empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
