// An outcome that says no: what was asked for is not given, with a code for programs and a message for people.
import type { Rejection, RejectionCode } from '../runtime/behaviours.ts';

export function rejected(code: RejectionCode, message: string): { ok: false; rejection: Rejection } {
  return { ok: false, rejection: { code, message } };
}
