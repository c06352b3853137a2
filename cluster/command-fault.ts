// What a command refuses to do, as one line for the person who typed it. Printing it and the exit code are murmuration.ts's.
import type { Rejection } from '../runtime/behaviours.ts';

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

/** Nobody answered, or no longer: what is only looked at may be asked again. */
export class Unanswered extends CommandFault {
  override name = 'Unanswered';
}

/** What the cluster says, to be thrown. */
export function faultOf({ code, message }: Rejection): CommandFault {
  const text = sentence(message);
  return code === 'unavailable' ? new Unanswered(text) : new CommandFault(text);
}

/** As the cluster says it, with a capital letter and a full stop. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

/** The `code` of a system error, or an empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
