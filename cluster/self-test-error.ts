// Why a new core can't be trusted with what is there.

/** The message says what went wrong, for operators. */
export class SelfTestError extends Error {
  override name = 'SelfTestError';
}
