// A core's rejections, as what HTTP says of them.
import type { Rejection, RejectionCode } from '../runtime/behaviours.ts';
import { ApiError } from './endpoint.ts';

const statusOf: Record<RejectionCode, number> = {
  invalid: 422,
  'not-found': 404,
  forbidden: 403,
  unauthorized: 401,
  taken: 422,
  'rate-limited': 429,
  behind: 429,
  busy: 503,
  'read-only': 503,
  unavailable: 503,
  // Followed before it comes this far.
  moved: 503,
};

/** Said in Mastodon's words where clients look for them; else the core's own. */
const wordsOf: Partial<Record<RejectionCode, string>> = {
  'not-found': 'Record not found',
  'rate-limited': 'Too many requests',
};

/** A rejection on its way out: an `ApiError` that still knows its code. */
export class Refusal extends ApiError {
  code: RejectionCode;
  constructor({ code, message }: Rejection) {
    super(statusOf[code], wordsOf[code] ?? (message || code));
    this.name = 'Refusal';
    this.code = code;
  }
}

export const notFound = (): ApiError => new ApiError(404, 'Record not found');

/** 422 in the form Mastodon gives it: `Validation failed: Text can't be blank`. */
export const validationFailed = (what: string): ApiError => new ApiError(422, `Validation failed: ${what}`);
