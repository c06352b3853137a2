// How masto presents what a server refuses: its own error, with the server's words.
import { MastoHttpError } from 'masto';

/** The error that a call ends with. Throws when it does not end with masto's error for HTTP. */
export async function refusalOf(call: PromiseLike<unknown>): Promise<MastoHttpError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof MastoHttpError) return error;
    throw error;
  }
  throw new Error('the call was not refused');
}
